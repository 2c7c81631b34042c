"""The tiles of a pyramid: computed, encoded and kept in a spool until the file is written."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sr_tf.disk.spool import Spool
from sr_tf.images.degradation import reduce
from sr_tf.images.tiles import Rectangle, assemble, under
from sr_tf.slides.tile_codecs import TileCodec


class Tiles:
    """The encoded tiles of all levels, in a spool with the keys (level, column, row, attempt).

    Args:
        sizes: width and height of each level in pixels.
        tile: height and width of a tile in pixels, both even.
        codec: encodes all tiles that are not copied.
        spool: holds the encoded tiles.
        tile_pixels: called with (column, row); returns a tile of level 0, uint8 [H, W, 3], cropped at the image's edge.
        segments: called with (column, row); returns an encoded tile of level 0 to copy. None if nothing is copied.
        attempt: a number for the coding, so that the tiles of several codings fit into one spool.
    """

    def __init__(
        self,
        sizes: list[tuple[int, int]],
        tile: tuple[int, int],
        codec: TileCodec,
        spool: Spool,
        tile_pixels: Callable[[int, int], np.ndarray],
        segments: Callable[[int, int], bytes] | None,
        attempt: int = 0,
    ):
        self._sizes, self._tile, self._attempt = sizes, tile, attempt
        self._codec, self._spool = codec, spool
        self._tile_pixels, self._segments = tile_pixels, segments

    def finish_all(self, workers: int, progress: Callable[[], object] | None) -> None:
        """Makes the missing tiles of all levels.

        Args:
            workers: number of threads.
            progress: called for each tile of level 0, also if the spool already held it.
        """
        # A tile of level 1 finishes its tiles of level 0 first, so that it can use their pixels.
        for level in range(min(1, len(self._sizes) - 1), len(self._sizes)):
            for finished in _in_parallel(self._finish, self._places(level), workers):
                for _ in range(finished if progress else 0):
                    progress()

    def encoded(self, level: int) -> Iterator[bytes]:
        """The encoded tiles of a level, row by row."""
        return (self._spool.get(self._key(place)) for place in self._places(level))

    def _finish(self, place: tuple[int, int, int]) -> int:
        """Puts a tile into the spool if it is missing; returns how many tiles of level 0 were finished with it."""
        level, column, row = place
        finished = [self._finish(child) for child in self._children(place)] if level == 1 else []
        if self._key(place) not in self._spool:
            if level == 0 and self._segments:
                self._spool.put(self._key(place), self._segments(column, row))
            else:
                tile = padded(self._computed(place), self._tile)
                self._spool.put(self._key(place), self._codec.encode(tile))
        return sum(finished) if level else 1

    def _computed(self, place: tuple[int, int, int]) -> np.ndarray:
        """Computes the pixels of a tile that is not stored yet: uint8 [H, W, 3], cropped."""
        level, column, row = place
        if level == 0:
            return self._checked(place, self._tile_pixels(column, row))
        height, width = self._tile
        parts = ((x * width, y * height, self._stored((below, x, y))) for below, x, y in self._children(place))
        return reduce(assemble(self._source(place), parts), 2, "antialiased")

    def _stored(self, place: tuple[int, int, int]) -> np.ndarray:
        """The pixels of a tile that is stored: uint8 [H, W, 3], cropped."""
        level, column, row = place
        if level == 0 and self._segments:
            return self._checked(place, self._tile_pixels(column, row))
        height, width, _ = self._shape(place)
        return self._codec.decode(self._spool.get(self._key(place)), (*self._tile, 3))[:height, :width]

    def _key(self, place: tuple[int, int, int]) -> tuple[int, int, int, int]:
        return (*place, self._attempt)

    def _checked(self, place: tuple[int, int, int], pixels: np.ndarray) -> np.ndarray:
        if pixels.shape != self._shape(place) or pixels.dtype != np.uint8:
            raise ValueError(f"tile {place[1:]}: {pixels.dtype} {pixels.shape}, expected uint8 {self._shape(place)}")
        return pixels

    def _shape(self, place: tuple[int, int, int]) -> tuple[int, int, int]:
        level, column, row = place
        width, height = self._sizes[level]
        return min(self._tile[0], height - row * self._tile[0]), min(self._tile[1], width - column * self._tile[1]), 3

    def _places(self, level: int) -> Iterator[tuple[int, int, int]]:
        """The keys of a level's tiles, row by row."""
        height, width = self._tile
        return ((level, column, row) for row, column in under((0, 0, *self._sizes[level]), width, height))

    def _children(self, place: tuple[int, int, int]) -> list[tuple[int, int, int]]:
        """The keys of the one to four tiles that a tile is made from, row by row."""
        height, width = self._tile
        return [(place[0] - 1, column, row) for row, column in under(self._source(place), width, height)]

    def _source(self, place: tuple[int, int, int]) -> Rectangle:
        """The rectangle that a tile is made from, in pixels of the level with twice the resolution."""
        level, column, row = place
        left, top = 2 * column * self._tile[1], 2 * row * self._tile[0]
        width, height = self._sizes[level - 1]
        return left, top, min(2 * self._tile[1], width - left), min(2 * self._tile[0], height - top)


def padded(pixels: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Repeats the last row and column up to the tile's height and width, which costs few bytes."""
    missing = (tile[0] - pixels.shape[0], tile[1] - pixels.shape[1])
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")


def _in_parallel(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Yields results in order. Few items are in progress at a time, so memory never holds all items or results."""
    pending = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
