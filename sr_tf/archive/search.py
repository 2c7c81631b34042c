"""Searches one family of representations for the lowest level whose restored block passes the gate."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator, enlarge_window, halo, middle, with_middle
from sr_tf.archive.grid import GATE_TILE
from sr_tf.archive.kinds import Family, Kind
from sr_tf.archive.stored import Stored, stored_bytes
from sr_tf.images.codecs import Codec
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.pixels import UNCODED
from sr_tf.images.tiles import tiles

WindowOf = Callable[[Kind], np.ndarray]
"""A function from a kind to a block reduced for that kind, with the halo that restoring needs, see `enlarge.halo`."""

Place = tuple[int, int]

_DB_PER_LEVEL = 0.25
"""What one level of AVIF is worth, approximately."""
_SPARE_DB = 0.1
"""Stop when the margin is below this: the next lower level would fail."""
_GUESSES = 4
"""After so many guesses the interval is halved: margins say little where SSIM decides, or where bytes hardly help."""


class FamilySearch:
    """The levels of one family for one block. Reads, codes and restores the block when that is first asked for.

    Args:
        family: the kind and its levels.
        generators: the generators by their scale.
        margin: a function from the restored block, or the part of it that begins at a (row, column), to how far it is
            from failing, see `Gate.margin`.
        original: the block's pixels, uint8 [h, w, 3].
        source: makes the window of the original slide: its middle is what is coded.
        around: makes the window of what is stored around the block; None: `source` surrounds it.
        first: index of the lowest level that is tried.
        cubic: the bicubic interpolation.

    Attributes:
        first: index of the lowest level that may be taken.
        last: index of the highest level.
        only_tile: (row, column) in pixels of the only gate tile that is restored and judged; None: all.
    """

    def __init__(
        self,
        family: Family,
        generators: Mapping[int, BlockGenerator],
        margin: Callable[[np.ndarray, Place], float],
        original: np.ndarray,
        source: WindowOf,
        around: WindowOf | None,
        first: int,
        cubic: Callable[[np.ndarray, int], np.ndarray] = enlarge_cubic,
    ):
        self._family, self._margin_of, self._original = family, margin, original
        self.first, self.last = first, len(family.levels) - 1
        self._cubic = cubic
        self._generators, self._source, self._around = generators, source, around
        self._generator = generators[family.kind.scale] if family.kind.generator else None
        self.only_tile: Place | None = None
        self._files: dict[tuple[str, int], bytes] = {}
        self._judged: dict[tuple[str, int, Place | None], tuple[float, Place]] = {}

    @cached_property
    def _halo(self) -> int:
        kind = self._family.kind
        return halo(kind, self._generators) if kind.scale > 1 or kind.generator else 0

    @cached_property
    def _window(self) -> np.ndarray | None:
        """The window of the original slide; None if the block is stored and shown at full size."""
        kind = self._family.kind
        return self._source(kind) if kind.scale > 1 or kind.generator else None

    @cached_property
    def _small(self) -> np.ndarray:
        """What is coded."""
        if self._window is None:
            return self._original
        return middle(self._window, self._family.kind.scale, self._halo, self._original.shape[:2])

    @cached_property
    def _surroundings(self) -> np.ndarray | None:
        """The window in which it is restored."""
        return self._window if self._window is None or self._around is None else self._around(self._family.kind)

    def ceiling(self) -> float:
        """The margin if the reduced block were stored without loss."""
        return self._judgement(self._small, UNCODED)[0]

    def worst_tile(self, codec: Codec, index: int) -> Place:
        """(row, column) in pixels of the gate tile that is nearest to failing at a level with a codec."""
        self.margin(codec, index)
        return self._judged[codec.name, index, self.only_tile][1]

    def tried(self, codec: Codec) -> list[int]:
        """The indices of the levels that were tried with a codec, on the tiles that count now."""
        return [number for name, number, only in self._judged if (name, only) == (codec.name, self.only_tile)]

    @property
    def best_margin(self) -> float:
        """The largest margin of all levels tried so far; 0 if none was."""
        return max((margin for margin, _ in self._judged.values()), default=0.0)

    def cheapest(self, limit: float, start: int | None) -> int | None:
        """Finds the lowest level that passes, with the codec of the search.

        Args:
            limit: a level is only of use below this many bytes.
            start: index of the level to begin with; None: the middle one. Where a network restores, or this level is
                too large, the highest level below the limit: if that fails, one look was enough.

        Returns:
            The level's index; None if no level below the limit passes.
        """
        codec = self._family.search_codec
        if self.first > self.last or self.cost(self.first) >= limit:
            return None
        # The lowest level first: interpolation restores glass from it. A generator takes too long for this.
        if self._generator is None and self.margin(codec, self.first) >= 0:
            return self.first

        def margin(index: int) -> float:
            return 0.0 if self.cost(index) >= limit else self.margin(codec, index)

        start = (self.first + self.last) // 2 if start is None else max(start, self.first)
        if self._generator is not None or self.cost(start) >= limit:
            start = self._affordable(limit)
        index = lowest(margin, self.first, self.last, start)
        return index if index is not None and self.cost(index) < limit else None

    def settled(self, index: int) -> Stored | None:
        """Finds the lowest level that passes, with the codec that stores.

        Args:
            index: where to begin: the level that `cheapest` found.

        Returns:
            The block as it is stored; None if no level passes.
        """
        codec = self._family.codec
        found = lowest(lambda level: self.margin(codec, level), self.first, self.last, index)
        if found is None:
            return None
        return self.stored(codec, found)

    def stored(self, codec: Codec, index: int) -> Stored:
        """The block as it is stored at a level with a codec, or at a lower one if refinement makes that pass."""
        level, file = self._family.levels[index], self._file(codec, index)
        plain = Stored(self._family.kind, level, file, self.cost_with(codec, index))
        return self._refined(plain, codec, index)

    def _affordable(self, limit: float) -> int:
        """The highest level below the limit, about: found by bisection at the fast setting. The lowest is below it."""
        low, high, codec = self.first, self.last + 1, self._family.fast_codec
        fast_limit = limit * self.cost_with(codec, low) / self.cost(low)
        while high - low > 1:
            index = (low + high) // 2
            low, high = (low, index) if self.cost_with(codec, index) >= fast_limit else (index, high)
        while low > self.first and self.cost(low) >= limit:
            low -= 1
        return low

    def cost(self, index: int) -> int:
        """Bytes of a level with the codec of the search."""
        return self.cost_with(self._family.search_codec, index)

    def _refined(self, plain: Stored, codec: Codec, found: int) -> Stored:
        """Goes down from level `found` with LRs that were refined for the generator, as long as they pass."""
        kind, best = self._family.kind, plain
        if self._generator is None or self._generator.refiner is None:
            return plain
        for index in range(found - 1, self.first - 1, -1):
            level = self._family.levels[index]
            file = self._generator.refiner.code(
                self._original, self._small, codec, level, self._surroundings, self._halo
            )
            if self._judgement(codec.decode(file), level)[0] < 0:
                break
            refined = Stored(kind, level, file, stored_bytes(kind, file))
            best = min(refined, best, key=lambda stored: stored.cost)
        return best

    def cost_with(self, codec: Codec, index: int) -> int:
        """Bytes of a level with a codec."""
        return stored_bytes(self._family.kind, self._file(codec, index))

    def margin(self, codec: Codec, index: int) -> float:
        """How far the restored block is from failing, if it is stored at a level with a codec."""
        key = codec.name, index, self.only_tile
        if key not in self._judged:
            level = self._family.levels[index]
            self._judged[key] = self._judgement(codec.decode(self._file(codec, index)), level)
        return self._judged[key][0]

    def _judgement(self, image: np.ndarray, level: float) -> tuple[float, Place]:
        """The margin if the block were stored as an image, and the (row, column) of the gate tile that decides.

        Args:
            image: uint8 [ceil(h / scale), ceil(w / scale), 3].
            level: what the network is told.
        """
        (top, left), size = self.only_tile or (0, 0), self._original.shape[:2]
        if self.only_tile is not None:
            size = min(GATE_TILE, size[0] - top), min(GATE_TILE, size[1] - left)
        if self._surroundings is None:
            restored = image[top : top + size[0], left : left + size[1]]
        else:
            scale, margin = self._family.kind.scale, 2 * self._halo
            window = with_middle(self._surroundings, image, scale, self._halo, self._original.shape[:2])
            if self.only_tile is not None:
                side = GATE_TILE // scale + margin
                window = window[top // scale :, left // scale :][:side, :side]
            restored = enlarge_window(window, scale, self._halo, self._generator, level, self._cubic)
            restored = restored[: size[0], : size[1]]
        return min(
            (
                self._margin_of(restored[upper:lower, start:end], (top + upper, left + start)),
                (top + upper, left + start),
            )
            for upper, lower, start, end in tiles(*restored.shape[:2], GATE_TILE)
        )

    def _file(self, codec: Codec, index: int) -> bytes:
        key = codec.name, index
        if key not in self._files:
            self._files[key] = codec.encode(self._small, self._family.levels[index])
        return self._files[key]


def lowest(margin: Callable[[int], float], first: int, last: int, start: int) -> int | None:
    """Finds the lowest level that passes, assuming that all levels above a passing one pass.

    The margin of a level says roughly how many levels too high or too low it is, which gives the next level to try.
    When such guesses do not settle it, the interval is halved. After two failures the highest level is tried, to give
    up soon where no level passes.

    Args:
        margin: a function from a level to its margin in dB: 0 or more if the level passes.
        first: the lowest level.
        last: the highest level.
        start: the level to begin with.

    Returns:
        The level; None if the highest one fails.
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
