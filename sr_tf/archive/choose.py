"""The cheapest representation of a block whose restored pixels pass the gate."""

from collections.abc import Callable

import numpy as np

from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import FAMILIES, Family, Kind
from sr_tf.archive.planes import rescale
from sr_tf.archive.restorers import BICUBIC_RADIUS, Generator, enlarge_window
from sr_tf.archive.stored import Stored, exact, stored_bytes

Window = Callable[[int, int], np.ndarray]
"""From scale and halo to a block at that scale with its surroundings; what is stored replaces its middle."""


class Chooser:
    """Searches each family of representations for its cheapest level that passes.

    A level's scores are taken to get better with its bytes, so a handful of levels is tried, not all. The families are
    searched and compared with the codec at a fast setting; then the level is settled with the slow one, whose images
    are better, for the best family alone.

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
        candidates: list[tuple[float, int, _Search]] = []
        if not self._gate.lossless:
            start = 0 if above is None else _family_number(above)
            for number, family in enumerate(FAMILIES[start:], start):
                again = above is not None and number == start
                first = family.levels.index(above.level) + 1 if again else 0
                search = _Search(self, family, original, window, first)
                limit = min((cost for cost, *_ in candidates), default=np.inf)
                index = search.cheapest(limit)
                if index is not None:
                    candidates.append((search.cost(index), index, search))
        best = None
        for _, index, search in sorted(candidates, key=lambda candidate: candidate[0]):
            best = search.settled(index)
            if best is not None:
                break
        if native is not None and (best is None or best.kind.scale == 1):
            best = min((native(), best), key=lambda stored: stored.cost) if best else native()
        return best or exact(original)

    def first_passing(self, family: Family, image: np.ndarray, original: np.ndarray, window: Window) -> Kind | None:
        """The first kind of a family by which a stored image passes."""
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
            scores = self._measure(original, restored)
            if self._gate.passes(scores):
                return kind
            if not self._gate.within_reach(scores):
                return None
        return None


def _family_number(stored: Stored) -> int:
    numbers = [number for number, family in enumerate(FAMILIES) if stored.kind in family.kinds]
    return numbers[0] if numbers else len(FAMILIES)


class _Search:
    """The levels of one family for one block, from index `first` on."""

    def __init__(self, chooser: Chooser, family: Family, original: np.ndarray, window: Window, first: int):
        self._chooser, self._family, self._original, self._window = chooser, family, original, window
        self._first = first
        self._small = rescale(original, 1, family.scale, original.shape[:2])
        self._passed: dict[int, Kind | None] = {}
        self._files: dict[int, bytes] = {}

    def cheapest(self, limit: float) -> int | None:
        """By the fast codec: the index of the lowest level that passes, if it costs less than `limit`."""
        low, high = self._first, len(self._family.levels) - 1
        if low > high or self.cost(low) >= limit:
            return None
        if self._passes(low):
            return low
        # With nothing found yet, most families fail at once at their best; otherwise their best costs too much.
        if np.isinf(limit) and not self._passes(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self.cost(middle) >= limit or self._passes(middle):
                high = middle
            else:
                low = middle
        return high if self.cost(high) < limit and self._passes(high) else None

    def settled(self, index: int) -> Stored | None:
        """By the slow codec: the lowest level near `index` that passes."""
        found = None
        for lower in range(index, self._first - 1, -1):
            stored = self._stored(lower)
            if stored is None:
                break
            found = stored
        for higher in range(index + 1, len(self._family.levels)):
            if found is not None:
                break
            found = self._stored(higher)
        return found

    def cost(self, index: int) -> int:
        """Bytes by the fast codec."""
        return stored_bytes(self._family.kinds[0], self._fast_file(index))

    def _stored(self, index: int) -> Stored | None:
        level = self._family.levels[index]
        file = self._family.codec.encode(self._small, level)
        kind = self._kind(self._family.codec.decode(file))
        return kind and Stored(kind, level, file, stored_bytes(kind, file))

    def _passes(self, index: int) -> bool:
        if index not in self._passed:
            self._passed[index] = self._kind(self._family.fast_codec.decode(self._fast_file(index)))
        return self._passed[index] is not None

    def _kind(self, image: np.ndarray) -> Kind | None:
        return self._chooser.first_passing(self._family, image, self._original, self._window)

    def _fast_file(self, index: int) -> bytes:
        if index not in self._files:
            self._files[index] = self._family.fast_codec.encode(self._small, self._family.levels[index])
        return self._files[index]
