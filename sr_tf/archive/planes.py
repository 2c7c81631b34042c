"""What an archive knows of a slide at each scale, and the blocks that are restored from it.

Every block is stored as an image of some scale. Its *plane* at another scale is made from that: by the mean of pixels
where it is finer, by bicubic interpolation where it is coarser. So a block can be enlarged with its neighbours' planes
around it, whatever they were stored as, and neighbours fit together without a seam.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np

from sr_tf.archive.enlarge import Generator, enlarge_window, halo
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.kinds import Kind
from sr_tf.images.degradation import pad_to_multiple
from sr_tf.images.tiles import assemble, overlap

_CACHED_PLANES = 96
_CACHED_BLOCKS = 32


class Planes:
    """Planes and restored blocks of a set of stored blocks.

    Args:
        grid: of the slide.
        stored: from (row, column) to the block's kind and decoded image, uint8 [ceil(h / scale), ceil(w / scale), 3].
        generators: by scale.
    """

    def __init__(
        self,
        grid: Grid,
        stored: Callable[[int, int], tuple[Kind, np.ndarray]],
        generators: dict[int, Generator],
    ):
        self._grid, self._stored, self._generators = grid, stored, generators
        self._planes: _Cache = _Cache(_CACHED_PLANES)
        self._blocks: _Cache = _Cache(_CACHED_BLOCKS)

    def forget(self, row: int, column: int) -> None:
        """Drops what depends on a block that is now stored differently."""
        self._planes.drop(lambda key: key[:2] == (row, column))
        self._blocks.drop(lambda key: abs(key[0] - row) <= 1 and abs(key[1] - column) <= 1)

    def plane(self, row: int, column: int, scale: int) -> np.ndarray:
        """A block at a scale.

        Returns:
            uint8 [ceil(h / scale), ceil(w / scale), 3] of a block of h × w HR pixels.
        """

        def make() -> np.ndarray:
            kind, image = self._stored(row, column)
            *_, width, height = self._grid.rectangle(row, column)
            return rescale(image, kind.scale, scale, (height, width))

        return self._planes.get((row, column, scale), make)

    def window(self, row: int, column: int, scale: int, halo: int) -> np.ndarray:
        """A block at a scale with the planes of its neighbours around it.

        Returns:
            uint8 [BLOCK / scale + 2 · halo, the same, 3]; what lies outside the slide repeats its edge.
        """
        side = BLOCK // scale
        canvas = np.empty((side + 2 * halo, side + 2 * halo, 3), np.uint8)
        bottom = right = 0
        top = left = canvas.shape[0]
        for r, c in self._grid.neighbours(row, column):
            plane = self.plane(r, c, scale)
            y, x = halo + (r - row) * side, halo + (c - column) * side
            rows, source_rows = overlap(y, plane.shape[0], canvas.shape[0])
            columns, source_columns = overlap(x, plane.shape[1], canvas.shape[1])
            canvas[rows, columns] = plane[source_rows, source_columns]
            top, bottom = min(top, rows.start), max(bottom, rows.stop)
            left, right = min(left, columns.start), max(right, columns.stop)
        return repeat_edges(canvas, top, bottom, left, right)

    def restored(self, row: int, column: int) -> np.ndarray:
        """A block's HR pixels, uint8 [h, w, 3]."""

        def make() -> np.ndarray:
            kind, image = self._stored(row, column)
            *_, width, height = self._grid.rectangle(row, column)
            if kind.scale == 1:
                return image
            generator = self._generators[kind.scale] if kind.generator else None
            margin = halo(kind, self._generators)
            window = self.window(row, column, kind.scale, margin)
            return enlarge_window(window, kind.scale, margin, generator)[:height, :width]

        return self._blocks.get((row, column), make)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """A rectangle of restored HR pixels, uint8 [height, width, 3]; it must lie inside the slide."""
        rectangle = x, y, width, height
        places = self._grid.under(*rectangle)
        return assemble(rectangle, ((*self._grid.rectangle(*place)[:2], self.restored(*place)) for place in places))


def rescale(image: np.ndarray, scale: int, wanted: int, size: tuple[int, int]) -> np.ndarray:
    """A block stored at one scale, at another.

    Args:
        image: uint8 [ceil(H / scale), ceil(W / scale), 3].
        scale: of `image`.
        wanted: scale of the result.
        size: (H, W) of the block in HR pixels.

    Returns:
        uint8 [ceil(H / wanted), ceil(W / wanted), 3].
    """
    if scale == wanted:
        return image
    height, width = (-(-length // wanted) for length in size)
    if scale < wanted:
        padded = pad_to_multiple(image, wanted // scale)
        return cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA)
    factor = scale // wanted
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)[:height, :width]


def repeat_edges(canvas: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Fills what lies outside a rectangle of `canvas` by repeating the rectangle's edge."""
    margins = ((top, canvas.shape[0] - bottom), (left, canvas.shape[1] - right), (0, 0))
    return np.pad(canvas[top:bottom, left:right], margins, mode="edge")


class _Cache:
    """The most recently used values by key; thread-safe. A value may be made twice, which does no harm."""

    def __init__(self, size: int):
        self._size, self._values, self._lock = size, OrderedDict(), threading.Lock()

    def get(self, key, make: Callable[[], np.ndarray]) -> np.ndarray:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def drop(self, condition: Callable[[tuple], bool]) -> None:
        with self._lock:
            for key in [key for key in self._values if condition(key)]:
                del self._values[key]
