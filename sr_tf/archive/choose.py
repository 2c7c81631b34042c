"""Chooses the representation of a block: the smallest one whose restored pixels pass the gate."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from sr_tf.archive.effort import EFFORTS, HIGHEST_EFFORT, Effort
from sr_tf.archive.enlarge import BlockGenerator, halo, middle
from sr_tf.archive.gate import Gate
from sr_tf.archive.kinds import EXACT, FAMILIES, LR4_LOSSLESS_GENERATOR, NATIVE, Family, Kind
from sr_tf.archive.measure import Measure
from sr_tf.archive.network_wanted import NetworkWantedError
from sr_tf.archive.outlook import MOST_GAIN, NETWORK_BYTES, Outlook
from sr_tf.archive.search import FamilySearch, Place, WindowOf
from sr_tf.archive.stored import Stored, exact, exactly_reduced
from sr_tf.images.cubic import enlarge_cubic, enlarge_cubic_in_floats


class Chooser:
    """Compares the lowest passing levels of all families of representations.

    Scores are assumed to improve with the level, so that a handful of levels is tried and not all. Where coding takes
    longer than restoring, the families are searched with the codec at a fast setting. Then the level of the best family
    is settled with the slow setting, which gives better images.

    Args:
        gate: the gate that the block must pass.
        measure: scores the gate tiles of a block.
        generators: the generators by their scale.
        families: the representations that are compared, in this order: each must be smaller than those before it.
        effort: how much time to spend. Below the highest effort, levels are predicted: see `sr_tf.archive.predict`.
    """

    def __init__(
        self,
        gate: Gate,
        measure: Measure,
        generators: Mapping[int, BlockGenerator],
        families: tuple[Family, ...] = FAMILIES,
        effort: Effort = EFFORTS[HIGHEST_EFFORT],
    ):
        self._gate, self._measure, self._generators, self._families = gate, measure, generators, families
        self._effort = effort

    def choose(
        self,
        original: Callable[[], np.ndarray],
        source: WindowOf,
        around: WindowOf | None = None,
        native: Callable[[], Stored] | None = None,
        failed: Stored | None = None,
    ) -> Stored:
        """Chooses the representation of one block.

        Args:
            original: returns the block's pixels, uint8 [h, w, 3]. It is not called where the original's segments keep
                them without loss.
            source: makes a window of the original slide. Its middle is what is coded.
            around: makes a window of what is stored around the block. None: the neighbours are not chosen yet, and
                `source` surrounds the block.
            native: makes the representation by the original's JPEG segments; None if the original has none.
            failed: the representation that did not pass. Only its family's higher levels and the families after it are
                tried. The original's segments come after all families, the exact pixels last.

        Returns:
            The smallest representation that passes; of the quality `study`, the only one.

        Raises:
            NetworkWantedError: a generator is wanted of which only the geometry is given.
        """
        if self._gate.study:
            kind = LR4_LOSSLESS_GENERATOR
            return exactly_reduced(middle(source(kind), kind.scale, halo(kind, self._generators), original().shape[:2]))
        if failed is not None and failed.kind in (NATIVE, EXACT):
            return exact(original())
        if self._gate.lossless:
            return native() if native else exact(original())
        pixels = original()
        last_resort = native or partial(exact, pixels)

        first_family = 0 if failed is None else self._index_of_family(failed)
        score = self._gate.distance if self._effort.predicts else self._gate.margin
        # In floats it takes a quarter of the time; where a pixel differs by 1, that does not change a prediction.
        cubic = enlarge_cubic_in_floats if self._effort.predicts else enlarge_cubic

        def margin(restored: np.ndarray, place: Place) -> float:
            (top, left), (height, width) = place, restored.shape[:2]
            return score(self._measure(pixels[top : top + height, left : left + width], restored))

        def search(number: int) -> FamilySearch:
            family = self._families[number]
            first = 0
            if failed is not None and number == first_family:
                first = family.levels.index(failed.level) + 1
            return FamilySearch(family, self._generators, margin, pixels, source, around, first, cubic)

        numbers = [
            number
            for number, family in enumerate(self._families[first_family:], first_family)
            if not family.kind.generator or family.kind.scale in self._generators
        ]
        if self._effort.predicts:
            chosen = self._predicted(numbers, search, native, again=failed is not None)
        else:
            chosen = self._searched(numbers, search, native)
        return chosen or last_resort()

    def _predicted(
        self,
        numbers: list[int],
        search: Callable[[int], FamilySearch],
        native: Callable[[], Stored] | None,
        again: bool,
    ) -> Stored | None:
        """Codes what is predicted to be smallest.

        The arguments are those of `_searched`. `again`: a level of the first family has failed.
        """
        segments = native() if native else None
        outlook = Outlook(self._effort, segments.cost if segments else np.inf, self._gate.judges_cells)
        if again:
            number, *numbers = numbers
            if best := outlook.above(self._families[number], search(number)):
                return best
        try:
            for number in sorted(numbers, key=lambda number: _turn(self._families[number].kind)):
                outlook.consider(self._families[number], search(number))
            return outlook.smallest() or segments
        except NetworkWantedError as wanted:
            wanted.cost = outlook.promised
            raise

    def _searched(
        self,
        numbers: list[int],
        search: Callable[[int], FamilySearch],
        native: Callable[[], Stored] | None,
    ) -> Stored | None:
        """Searches all families.

        Args:
            numbers: the families, as indices.
            search: makes the search of one of them.
            native: see `choose`.

        Returns:
            The smallest representation that passes; None if only the last resort does.
        """
        candidates: list[tuple[int, FamilySearch]] = []
        segments, limit, starts, bicubic_margin = None, np.inf, {}, {}
        for number in numbers:
            family = self._families[number]
            kind = family.kind
            if kind.scale > 1 and kind.generator and bicubic_margin.get(kind.scale, 0) < -MOST_GAIN:
                continue
            if kind.scale == 1 and native and not candidates:
                segments = segments or native()
                limit = segments.cost
            one = search(number)
            index = one.cheapest(limit - NETWORK_BYTES * kind.generator, starts.get((kind.scale, family.levels)))
            if not kind.generator:
                bicubic_margin[kind.scale] = one.best_margin
            if index is not None:
                limit = one.cost(index)
                candidates.append((index, one))
                starts[kind.scale, family.levels] = index
        # Each candidate is smaller than those before it.
        for index, one in reversed(candidates):
            best = one.settled(index)
            if best is not None:
                return min(best, segments, key=lambda stored: stored.cost) if segments else best
        return segments

    def _index_of_family(self, stored: Stored) -> int:
        """The place of a representation's kind among the families."""
        return next(number for number, family in enumerate(self._families) if stored.kind is family.kind)


def _turn(kind: Kind) -> tuple[int, bool]:
    """When a representation is predicted: full chroma before the other, which then takes fewer looks."""
    return -kind.scale, kind.codec == "avif420"
