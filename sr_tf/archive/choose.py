"""The cheapest representation of a block whose restored pixels pass the gate."""

from collections.abc import Callable

import numpy as np

from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import FAMILIES, Family, Kind
from sr_tf.archive.restorers import BICUBIC_RADIUS, Generator, enlarge_window
from sr_tf.archive.stored import Stored, exact, stored_bytes

Window = Callable[[Kind], np.ndarray]
"""From a kind to a block reduced for it, with the halo around it that restoring needs, see `halo`."""


def halo(kind: Kind, generators: dict[int, Generator]) -> int:
    """LR pixels of context that restoring a block needs on each side."""
    return generators[kind.scale].radius if kind.generator else BICUBIC_RADIUS


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
        self._gate, self._measure, self.generators = gate, measure, generators

    def choose(
        self,
        original: np.ndarray,
        source: Window,
        around: Window | None = None,
        native: Callable[[], Stored] | None = None,
        above: Stored | None = None,
    ) -> Stored:
        """Chooses.

        Args:
            original: the block's pixels, uint8 [h, w, 3].
            source: of the original slide: what is coded, and what surrounds it as long as nothing is stored there.
            around: of what is stored: its middle is replaced by what is tried. None: `source`.
            native: makes the representation by the original's own segments, where it has some.
            above: what proved too little; only dearer ones are tried.

        Returns:
            The cheapest that passes.
        """
        candidates: list[tuple[float, int, _Search]] = []
        if not self._gate.lossless:
            start = 0 if above is None else _family_number(above)
            for number, family in enumerate(FAMILIES[start:], start):
                if family.kind.generator and family.kind.scale not in self.generators:
                    continue
                again = above is not None and number == start
                first = family.levels.index(above.level) + 1 if again else 0
                search = _Search(self, family, original, source, around or source, first)
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

    def passes(self, kind: Kind, image: np.ndarray, original: np.ndarray, surroundings: np.ndarray | None) -> bool:
        """Whether a block passes, were it stored as `image`.

        Args:
            kind: of what is stored.
            image: uint8 [ceil(h / scale), ceil(w / scale), 3].
            original: uint8 [h, w, 3].
            surroundings: the window that `image` is the middle of; None at full size.
        """
        height, width = original.shape[:2]
        restored = image
        if surroundings is not None:
            margin = halo(kind, self.generators)
            window = surroundings.copy()
            window[margin : margin + image.shape[0], margin : margin + image.shape[1]] = image
            generator = self.generators[kind.scale] if kind.generator else None
            restored = enlarge_window(window, kind.scale, margin, generator)[:height, :width]
        return self._gate.passes(self._measure(original, restored))


def _family_number(stored: Stored) -> int:
    numbers = [number for number, family in enumerate(FAMILIES) if stored.kind is family.kind]
    return numbers[0] if numbers else len(FAMILIES)


class _Search:
    """The levels of one family for one block, from index `first` on."""

    def __init__(
        self, chooser: Chooser, family: Family, original: np.ndarray, source: Window, around: Window, first: int
    ):
        self._chooser, self._family, self._original = chooser, family, original
        self._first, self._last = first, len(family.levels) - 1
        self._small, self._surroundings = original, None
        kind = family.kind
        if kind.scale > 1:
            margin = halo(kind, chooser.generators)
            rows, columns = (-(-length // kind.scale) for length in original.shape[:2])
            self._small = source(kind)[margin : margin + rows, margin : margin + columns]
            self._surroundings = around(kind)
        self._passed: dict[int, bool] = {}
        self._files: dict[int, bytes] = {}
        self._settled: dict[int, Stored | None] = {}

    def cheapest(self, limit: float) -> int | None:
        """By the fast codec: the index of the lowest level that passes, if it costs less than `limit`."""
        if self._first > self._last or self.cost(self._first) >= limit:
            return None
        # Glass passes at once where interpolation restores it; a generator's calls are dear, and it mostly takes more.
        if not self._family.kind.generator and self._passes(self._first):
            return self._first
        # With nothing found yet, most families fail at once at their best; otherwise their best costs too much.
        if np.isinf(limit) and not self._passes(self._last):
            return None
        index = _lowest(lambda level: self.cost(level) >= limit or self._passes(level), self._first, self._last)
        return index if index is not None and self.cost(index) < limit else None

    def settled(self, index: int) -> Stored | None:
        """By the slow codec: the lowest level near `index` that passes."""
        passes = self._stored
        if passes(index) is None:
            index = next((higher for higher in range(index + 1, self._last + 1) if passes(higher)), None)
            return None if index is None else passes(index)
        # Its images are better, by a few levels: down in growing strides, then between the last two.
        stride, low = 1, index - 1
        while low >= self._first and passes(low):
            stride *= 2
            index, low = low, low - stride
        return passes(_lowest(lambda level: passes(level) is not None, max(low + 1, self._first), index))

    def cost(self, index: int) -> int:
        """Bytes by the fast codec."""
        return stored_bytes(self._family.kind, self._fast_file(index))

    def _stored(self, index: int) -> Stored | None:
        """By the slow codec, if it passes."""
        if index not in self._settled:
            kind, level = self._family.kind, self._family.levels[index]
            file = self._family.codec.encode(self._small, level)
            good = self._chooser.passes(kind, self._family.codec.decode(file), self._original, self._surroundings)
            self._settled[index] = Stored(kind, level, file, stored_bytes(kind, file)) if good else None
        return self._settled[index]

    def _passes(self, index: int) -> bool:
        if index not in self._passed:
            image = self._family.fast_codec.decode(self._fast_file(index))
            self._passed[index] = self._chooser.passes(self._family.kind, image, self._original, self._surroundings)
        return self._passed[index]

    def _fast_file(self, index: int) -> bytes:
        if index not in self._files:
            self._files[index] = self._family.fast_codec.encode(self._small, self._family.levels[index])
        return self._files[index]


def _lowest(good: Callable[[int], bool], first: int, last: int) -> int | None:
    """The lowest of `first` to `last` that is good, if those above it are; None where the last is not."""
    if not good(last):
        return None
    low, high = first - 1, last
    while high - low > 1:
        middle = (low + high) // 2
        if good(middle):
            high = middle
        else:
            low = middle
    return high
