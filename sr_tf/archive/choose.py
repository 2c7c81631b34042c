"""The cheapest representation of a block whose restored pixels pass the gate."""

import math
from collections.abc import Callable

import numpy as np

from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import FAMILIES, Family, Kind
from sr_tf.archive.restorers import Generator, enlarge_window, halo
from sr_tf.archive.stored import Stored, exact, stored_bytes

Window = Callable[[Kind], np.ndarray]
"""From a kind to a block reduced for it, with the halo around it that restoring needs, see `restorers.halo`."""


_DB_PER_LEVEL = 0.25
"""What a level of AVIF is about worth."""
_GUESSES = 4
"""Then the rest is halved: margins say little where SSIM decides, or where more bytes hardly help any more."""


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
                search = _Search(self, family, original, source, around, first)
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

    def margin(self, kind: Kind, image: np.ndarray, original: np.ndarray, surroundings: np.ndarray | None) -> float:
        """How far a block is from failing, were it stored as `image`; below 0 it fails. See `Gate.margin`.

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
        return self._gate.margin(self._measure(original, restored))


def _family_number(stored: Stored) -> int:
    numbers = [number for number, family in enumerate(FAMILIES) if stored.kind is family.kind]
    return numbers[0] if numbers else len(FAMILIES)


class _Search:
    """The levels of one family for one block, from index `first` on."""

    def __init__(
        self, chooser: Chooser, family: Family, original: np.ndarray, source: Window, around: Window | None, first: int
    ):
        self._chooser, self._family, self._original = chooser, family, original
        self._first, self._last = first, len(family.levels) - 1
        self._small, self._surroundings = original, None
        kind = family.kind
        if kind.scale > 1:
            margin = halo(kind, chooser.generators)
            rows, columns = (-(-length // kind.scale) for length in original.shape[:2])
            reduced = source(kind)
            self._small = reduced[margin : margin + rows, margin : margin + columns]
            self._surroundings = reduced if around is None else around(kind)
        self._margins: dict[int, float] = {}
        self._files: dict[int, bytes] = {}
        self._settled: dict[int, tuple[float, Stored]] = {}

    def cheapest(self, limit: float) -> int | None:
        """By the fast codec: the index of the lowest level that passes, if it costs less than `limit`."""
        if self._first > self._last or self.cost(self._first) >= limit:
            return None
        # Glass passes at once where interpolation restores it; a generator's calls are dear, and it mostly takes more.
        if not self._family.kind.generator and self._margin(self._first) >= 0:
            return self._first

        def margin(index: int) -> float:
            return 0.0 if self.cost(index) >= limit else self._margin(index)

        index = lowest(margin, self._first, self._last, (self._first + self._last) // 2)
        return index if index is not None and self.cost(index) < limit else None

    def settled(self, index: int) -> Stored | None:
        """By the slow codec: the lowest level that passes; `index` is that of the fast one, or near it."""
        found = lowest(lambda level: self._slow(level)[0], self._first, self._last, index)
        return None if found is None else self._slow(found)[1]

    def cost(self, index: int) -> int:
        """Bytes by the fast codec."""
        return stored_bytes(self._family.kind, self._fast_file(index))

    def _slow(self, index: int) -> tuple[float, Stored]:
        """What the slow codec makes at a level, and its margin."""
        if index not in self._settled:
            kind, level = self._family.kind, self._family.levels[index]
            file = self._family.codec.encode(self._small, level)
            margin = self._chooser.margin(kind, self._family.codec.decode(file), self._original, self._surroundings)
            self._settled[index] = margin, Stored(kind, level, file, stored_bytes(kind, file))
        return self._settled[index]

    def _margin(self, index: int) -> float:
        if index not in self._margins:
            image = self._family.fast_codec.decode(self._fast_file(index))
            self._margins[index] = self._chooser.margin(self._family.kind, image, self._original, self._surroundings)
        return self._margins[index]

    def _fast_file(self, index: int) -> bytes:
        if index not in self._files:
            self._files[index] = self._family.fast_codec.encode(self._small, self._family.levels[index])
        return self._files[index]


def lowest(margin: Callable[[int], float], first: int, last: int, start: int) -> int | None:
    """The lowest level that passes, if those above it pass.

    Each margin tells about how many levels too high or too low it was; where that leads nowhere, the middle is taken.

    Args:
        margin: of a level: 0 or more where it passes, in dB.
        first: the lowest level.
        last: the highest one.
        start: where to begin.

    Returns:
        None where the highest level fails.
    """
    low, high, index, guesses = first - 1, last + 1, start, 0
    while True:
        found = margin(index)
        low, high = (low, index) if found >= 0 else (index, high)
        if high - low == 1:
            return high if high <= last else None
        guesses += 1
        steps = math.ceil(min(abs(found) / _DB_PER_LEVEL, last - first + 1))
        guess = index - steps if found >= 0 else index + steps
        useful = steps > 0 and guesses <= _GUESSES
        index = min(max(guess, low + 1), high - 1) if useful else (low + high) // 2
