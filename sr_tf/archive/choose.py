"""The cheapest representation of a block whose restored pixels pass the gate."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator, enlarge_window, halo
from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.kinds import FAMILIES, Family, Kind
from sr_tf.archive.stored import Stored, exact, stored_bytes
from sr_tf.images.codecs import Codec

Window = Callable[[Kind], np.ndarray]
"""From a kind to a block reduced for it, with the halo around it that restoring needs, see `enlarge.halo`."""


_GENERATOR_BYTES = 64
"""Restoring by a generator takes a hundred times as long as interpolation: less is not worth it."""
_GENERATOR_DB = 8.0
"""By more than this no generator is ahead of interpolation; where even more is lacking it is not asked."""
_DB_PER_LEVEL = 0.25
"""What a level of AVIF is about worth."""
_SPARE_DB = 0.1
"""Who passes with less to spare would fail a level below."""
_GUESSES = 4
"""Then the rest is halved: margins say little where SSIM decides, or where more bytes hardly help any more."""


class Chooser:
    """Searches each family of representations for its cheapest level that passes.

    A level's scores are taken to get better with its bytes, so a handful of levels is tried, not all. Where coding
    takes longer than restoring, families are searched with the codec at a fast setting; then the level is settled with
    the slow one, whose images are better, for the best family alone.

    Args:
        gate: to be passed.
        measure: scores a block's gate tiles.
        generators: by scale.
    """

    def __init__(self, gate: Gate, measure: Measure, generators: dict[int, BlockGenerator]):
        self._gate, self._measure, self.generators = gate, measure, generators

    def choose(
        self,
        original: np.ndarray,
        source: Window,
        around: Window | None = None,
        native: Callable[[], Stored] | None = None,
        failed: Stored | None = None,
    ) -> Stored:
        """Chooses.

        Args:
            original: the block's pixels, uint8 [h, w, 3].
            source: of the original slide: what is coded, and what surrounds it as long as nothing is stored there.
            around: of what is stored: its middle is replaced by what is tried. None: `source`.
            native: makes the representation by the original's own segments, where it has some.
            failed: the representation that did not pass; only larger ones are tried.

        Returns:
            The cheapest that passes.
        """
        last_resort = native or partial(exact, original)
        if self._gate.lossless:
            return last_resort()
        candidates: list[tuple[float, int, _Search]] = []
        segments, limit, starts, bicubic_margin = None, np.inf, {}, {}
        first_family = 0 if failed is None else _index_of_family(failed)
        for number, family in enumerate(FAMILIES[first_family:], first_family):
            kind = family.kind
            if kind.generator and kind.scale not in self.generators:
                continue
            if kind.generator and bicubic_margin.get(kind.scale, 0) < -_GENERATOR_DB:
                continue
            if kind.scale == 1 and native and not candidates:
                segments = segments or native()
                limit = segments.cost
            again = failed is not None and number == first_family
            first = family.levels.index(failed.level) + 1 if again else 0
            search = _Search(self, family, original, source, around, first)
            index = search.cheapest(limit - _GENERATOR_BYTES * kind.generator, starts.get((kind.scale, family.levels)))
            if not kind.generator:
                bicubic_margin[kind.scale] = search.best_margin
            if index is not None:
                limit = search.cost(index)
                candidates.append((limit, index, search))
                starts[kind.scale, family.levels] = index
        for _, index, search in reversed(candidates):  # each was cheaper than those before it
            best = search.settled(index)
            if best is not None:
                return min(best, segments, key=lambda stored: stored.cost) if segments else best
        return segments or last_resort()

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


def _index_of_family(stored: Stored) -> int:
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
            margin = self._halo = halo(kind, chooser.generators)
            rows, columns = (-(-length // kind.scale) for length in original.shape[:2])
            reduced = source(kind)
            self._small = reduced[margin : margin + rows, margin : margin + columns]
            self._surroundings = reduced if around is None else around(kind)
        self._files: dict[tuple[str, int], bytes] = {}
        self._margins: dict[tuple[str, int], float] = {}

    def cheapest(self, limit: float, start: int | None) -> int | None:
        """By the codec for searching: the index of the lowest level that passes, if it costs less than `limit`.

        Args:
            limit: bytes.
            start: where to begin; None: in the middle.
        """
        codec = self._family.fast_codec
        if self._first > self._last or self.cost(self._first) >= limit:
            return None
        # Glass passes at once where interpolation restores it; a generator's calls are dear, and it mostly takes more.
        if not self._family.kind.generator and self._margin(codec, self._first) >= 0:
            return self._first

        def margin(index: int) -> float:
            return 0.0 if self.cost(index) >= limit else self._margin(codec, index)

        start = (self._first + self._last) // 2 if start is None else max(start, self._first)
        index = lowest(margin, self._first, self._last, start)
        return index if index is not None and self.cost(index) < limit else None

    @property
    def best_margin(self) -> float:
        """Of all that was tried; 0 where nothing was."""
        return max(self._margins.values(), default=0.0)

    def settled(self, index: int) -> Stored | None:
        """By the codec that stores: the lowest level that passes; `index` is that of the fast one, or near it."""
        kind, codec = self._family.kind, self._family.codec
        found = lowest(lambda level: self._margin(codec, level), self._first, self._last, index)
        if found is None:
            return None
        plain = Stored(kind, self._family.levels[found], self._file(codec, found), self._cost(codec, found))
        return self._refined(plain, found) if kind.generator else plain

    def _refined(self, plain: Stored, found: int) -> Stored:
        """The same of fewer bytes, by an LR that was refined for the generator, as far down as that passes."""
        kind, codec, best = self._family.kind, self._family.codec, plain
        refiner = self._chooser.generators[kind.scale].refiner
        if refiner is None:
            return plain
        for index in range(found - 1, self._first - 1, -1):
            level = self._family.levels[index]
            file = refiner.code(self._original, self._small, codec, level, self._surroundings, self._halo)
            if self._margin_of(codec.decode(file)) < 0:
                break
            refined = Stored(kind, level, file, stored_bytes(kind, file))
            best = min(refined, best, key=lambda stored: stored.cost)
        return best

    def cost(self, index: int) -> int:
        """Bytes by the codec for searching."""
        return self._cost(self._family.fast_codec, index)

    def _cost(self, codec: Codec, index: int) -> int:
        return stored_bytes(self._family.kind, self._file(codec, index))

    def _margin(self, codec: Codec, index: int) -> float:
        key = codec.name, index
        if key not in self._margins:
            self._margins[key] = self._margin_of(codec.decode(self._file(codec, index)))
        return self._margins[key]

    def _margin_of(self, image: np.ndarray) -> float:
        return self._chooser.margin(self._family.kind, image, self._original, self._surroundings)

    def _file(self, codec: Codec, index: int) -> bytes:
        key = codec.name, index
        if key not in self._files:
            self._files[key] = codec.encode(self._small, self._family.levels[index])
        return self._files[key]


def lowest(margin: Callable[[int], float], first: int, last: int, start: int) -> int | None:
    """The lowest level that passes, if those above it pass.

    Each margin tells about how many levels too high or too low it was; where that leads nowhere, the middle is taken.
    After two failures the highest level is asked, so that what is hopeless is soon given up.

    Args:
        margin: of a level: 0 or more where it passes, in dB.
        first: the lowest level.
        last: the highest one.
        start: where to begin.

    Returns:
        None where the highest level fails.
    """
    low, high, index, tries, passed = first - 1, last + 1, start, 0, False
    while True:
        found = margin(index)
        passed |= found >= 0
        low, high = (low, index) if found >= 0 else (index, high)
        if high - low == 1 or 0 < found < _SPARE_DB:
            return high if high <= last else None
        tries += 1
        steps = math.ceil(min(abs(found) / _DB_PER_LEVEL, last - first + 1))
        guess = index - steps if found >= 0 else index + steps
        if tries == 2 and not passed:
            index = last
        elif steps > 0 and tries <= _GUESSES:
            index = min(max(guess, low + 1), high - 1)
        else:
            index = (low + high) // 2
