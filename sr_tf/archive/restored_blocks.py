"""The blocks of an archive, restored to HR pixels."""

from collections.abc import Callable, Mapping

import numpy as np

from sr_tf.archive.enlarge import BlockGenerator, enlarge_window, halo
from sr_tf.archive.grid import Grid
from sr_tf.archive.stored import StoredImage
from sr_tf.archive.windows import RecentlyUsed, Windows, rescale
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.tiles import assemble

_CACHED_BLOCKS = 32
_CACHED_IMAGES = 8
"""Decoded images; a block is often asked for at two scales at once."""


class RestoredBlocks:
    """Restores stored blocks one by one; thread-safe.

    Args:
        grid: the slide's grid.
        stored: a function from (row, column) to that block as it is stored.
        generators: the generators by their scale.
        cubic: the bicubic interpolation, which depends on the archive's version.

    Attributes:
        windows: the stored blocks at any scale.
    """

    def __init__(
        self,
        grid: Grid,
        stored: Callable[[int, int], StoredImage],
        generators: Mapping[int, BlockGenerator],
        cubic: Callable[[np.ndarray, int], np.ndarray] = enlarge_cubic,
    ):
        self.windows = Windows(grid, self._plane)
        self._grid, self._decode, self._generators, self._cubic = grid, stored, generators, cubic
        self._blocks, self._images = RecentlyUsed(_CACHED_BLOCKS), RecentlyUsed(_CACHED_IMAGES)

    def forget(self, row: int, column: int) -> None:
        """Drops everything that was made from a block that is now stored differently."""
        self.windows.forget(row, column)
        self._images.drop(lambda key: key == (row, column))
        self._blocks.drop(lambda key: abs(key[0] - row) <= 1 and abs(key[1] - column) <= 1)

    def restored(self, row: int, column: int) -> np.ndarray:
        """One block's HR pixels, uint8 [h, w, 3]."""
        return self._blocks.get((row, column), lambda: self._restore(row, column))

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """A rectangle of HR pixels, uint8 [height, width, 3]; it must lie inside the slide."""
        rectangle = x, y, width, height
        places = self._grid.under(*rectangle)
        return assemble(rectangle, ((*self._grid.rectangle(*place)[:2], self.restored(*place)) for place in places))

    def _stored(self, row: int, column: int) -> StoredImage:
        return self._images.get((row, column), lambda: self._decode(row, column))

    def _plane(self, row: int, column: int, scale: int) -> np.ndarray:
        kind, image, _ = self._stored(row, column)
        *_, width, height = self._grid.rectangle(row, column)
        return rescale(image, kind.scale, scale, (height, width), self._cubic)

    def _restore(self, row: int, column: int) -> np.ndarray:
        kind, image, level = self._stored(row, column)
        if kind.scale == 1 and not kind.generator:
            return image
        *_, width, height = self._grid.rectangle(row, column)
        generator = self._generators[kind.scale] if kind.generator else None
        margin = halo(kind, self._generators)
        window = self.windows.window(row, column, kind.scale, margin)
        return enlarge_window(window, kind.scale, margin, generator, level, self._cubic)[:height, :width]
