"""The cheapest representation of a block whose restored pixels pass the gate."""

from collections.abc import Callable

import numpy as np

from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import FAMILIES, Family
from sr_tf.archive.planes import rescale
from sr_tf.archive.restorers import BICUBIC_RADIUS, Generator, enlarge_window
from sr_tf.archive.stored import Stored, exact, stored_bytes

Window = Callable[[int, int], np.ndarray]
"""From scale and halo to a block at that scale with its surroundings; what is stored replaces its middle."""


class Chooser:
    """Searches each family of representations for its cheapest level that passes.

    A level's scores are taken to get better with its bytes, so a handful of levels is tried, not all. A family whose
    cheapest level costs more than what another one found is not searched.

    Args:
        gate: to be passed.
        measure: scores a block's gate tiles.
        generators: by scale.
    """

    def __init__(self, gate: Gate, measure: Measure, generators: dict[int, Generator]):
        self._gate, self._measure, self._generators = gate, measure, generators

    def choose(
        self,
        original: np.ndarray,
        window: Window,
        native: Callable[[], Stored] | None = None,
        above: Stored | None = None,
    ) -> Stored:
        """Chooses.

        Args:
            original: the block's pixels, uint8 [h, w, 3].
            window: its surroundings.
            native: makes the representation by the original's own segments, where it has some.
            above: what proved too little; only dearer ones are tried.

        Returns:
            The cheapest that passes.
        """
        best: Stored | None = None
        if not self._gate.lossless:
            start = 0 if above is None else self._family_number(above)
            for number, family in enumerate(FAMILIES[start:], start):
                again = above is not None and number == start
                first = family.levels.index(above.level) + 1 if again else 0
                limit = best.cost if best else np.inf
                best = _Search(self, family, original, window).cheapest(first, limit) or best
        if native is not None and (best is None or best.kind.scale == 1):
            best = min(native(), best, key=lambda stored: stored.cost) if best else native()
        return best or exact(original)

    @staticmethod
    def _family_number(stored: Stored) -> int:
        for number, family in enumerate(FAMILIES):
            if stored.kind in family.kinds:
                return number
        return len(FAMILIES)

    def first_passing(self, family: Family, image: np.ndarray, original: np.ndarray, window: Window):
        """The first kind of a family by which a stored image passes, or None."""
        height, width = original.shape[:2]
        for kind in family.kinds:
            generator = self._generators.get(kind.scale) if kind.generator else None
            if kind.generator and generator is None:
                continue
            restored = image
            if kind.scale > 1:
                halo = generator.radius if generator else BICUBIC_RADIUS
                surroundings = window(kind.scale, halo).copy()
                surroundings[halo : halo + image.shape[0], halo : halo + image.shape[1]] = image
                restored = enlarge_window(surroundings, kind.scale, halo, generator)[:height, :width]
            if self._gate.passes(self._measure(original, restored)):
                return kind
        return None


class _Search:
    """The levels of one family for one block."""

    def __init__(self, chooser: Chooser, family: Family, original: np.ndarray, window: Window):
        self._chooser, self._family, self._original, self._window = chooser, family, original, window
        self._small = rescale(original, 1, family.scale, original.shape[:2])
        self._tried: dict[int, Stored | None] = {}
        self._files: dict[int, bytes] = {}

    def cheapest(self, first: int, limit: float) -> Stored | None:
        """The lowest level from index `first` on that passes, if it costs less than `limit`."""
        low, high = first, len(self._family.levels) - 1
        if low > high or self._cost(low) >= limit:
            return None
        if self._passing(low):
            return self._passing(low)
        # With nothing found yet, most families fail at once at their best; otherwise their best costs too much.
        if np.isinf(limit) and not self._passing(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self._cost(middle) >= limit or self._passing(middle):
                high = middle
            else:
                low = middle
        return self._passing(high) if self._cost(high) < limit else None

    def _passing(self, index: int) -> Stored | None:
        if index not in self._tried:
            file = self._file(index)
            image = self._family.codec.decode(file)
            kind = self._chooser.first_passing(self._family, image, self._original, self._window)
            level = self._family.levels[index]
            self._tried[index] = kind and Stored(kind, level, file, stored_bytes(kind, file))
        return self._tried[index]

    def _cost(self, index: int) -> int:
        return stored_bytes(self._family.kinds[0], self._file(index))

    def _file(self, index: int) -> bytes:
        if index not in self._files:
            self._files[index] = self._family.codec.encode(self._small, self._family.levels[index])
        return self._files[index]
