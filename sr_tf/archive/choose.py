"""Chooses the representation of a block: the smallest one whose restored pixels pass the gate."""

from collections.abc import Callable
from functools import partial

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator, halo, middle
from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import EXACT, FAMILIES, LR4_LOSSLESS_GENERATOR, NATIVE, Family
from sr_tf.archive.search import FamilySearch, WindowOf
from sr_tf.archive.stored import Stored, exact, exactly_reduced

_GENERATOR_BYTES = 64
"""A generator must save this many bytes of a block, because it takes a hundred times as long as interpolation."""
_GENERATOR_DB = 8.0
"""No generator is better than interpolation by more than this: if interpolation lacks more, no generator is tried."""


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
    """

    def __init__(
        self,
        gate: Gate,
        measure: Measure,
        generators: dict[int, BlockGenerator],
        families: tuple[Family, ...] = FAMILIES,
    ):
        self._gate, self._measure, self._generators, self._families = gate, measure, generators, families

    def choose(
        self,
        original: np.ndarray,
        source: WindowOf,
        around: WindowOf | None = None,
        native: Callable[[], Stored] | None = None,
        failed: Stored | None = None,
    ) -> Stored:
        """Chooses the representation of one block.

        Args:
            original: the block's pixels, uint8 [h, w, 3].
            source: makes a window of the original slide. Its middle is what is coded.
            around: makes a window of what is stored around the block. None: the neighbours are not chosen yet, and
                `source` surrounds the block.
            native: makes the representation by the original's JPEG segments; None if the original has none.
            failed: the representation that did not pass. Only its family's higher levels and the families after it are
                tried. The original's segments come after all families, the exact pixels last.

        Returns:
            The smallest representation that passes; of the quality `study`, the only one.
        """
        if self._gate.study:
            kind = LR4_LOSSLESS_GENERATOR
            return exactly_reduced(middle(source(kind), kind.scale, halo(kind, self._generators), original.shape[:2]))
        if failed is not None and failed.kind in (NATIVE, EXACT):
            return exact(original)
        last_resort = native or partial(exact, original)
        if self._gate.lossless:
            return last_resort()

        def margin(restored: np.ndarray) -> float:
            return self._gate.margin(self._measure(original, restored))

        candidates: list[tuple[int, FamilySearch]] = []
        segments, limit, starts, bicubic_margin = None, np.inf, {}, {}
        first_family = 0 if failed is None else self._index_of_family(failed)
        for number, family in enumerate(self._families[first_family:], first_family):
            kind = family.kind
            if kind.generator and kind.scale not in self._generators:
                continue
            if kind.scale > 1 and kind.generator and bicubic_margin.get(kind.scale, 0) < -_GENERATOR_DB:
                continue
            if kind.scale == 1 and native and not candidates:
                segments = segments or native()
                limit = segments.cost
            again = failed is not None and number == first_family
            first = family.levels.index(failed.level) + 1 if again else 0
            search = FamilySearch(family, self._generators, margin, original, source, around, first)
            index = search.cheapest(limit - _GENERATOR_BYTES * kind.generator, starts.get((kind.scale, family.levels)))
            if not kind.generator:
                bicubic_margin[kind.scale] = search.best_margin
            if index is not None:
                limit = search.cost(index)
                candidates.append((index, search))
                starts[kind.scale, family.levels] = index
        # Each candidate is smaller than those before it.
        for index, search in reversed(candidates):
            best = search.settled(index)
            if best is not None:
                return min(best, segments, key=lambda stored: stored.cost) if segments else best
        return segments or last_resort()

    def _index_of_family(self, stored: Stored) -> int:
        """The place of a representation's kind among the families."""
        return next(number for number, family in enumerate(self._families) if stored.kind is family.kind)
