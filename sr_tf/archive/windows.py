"""Blocks of a slide at any scale, each with its neighbours around it.

A block's *plane* is the block at one scale. It is made from whatever the block is stored as: by averaging where the
stored image is finer, by bicubic interpolation where it is coarser. A *window* is a plane with the planes of the
neighbouring blocks around it. A block is enlarged from its window, so that blocks of different kinds join without a
seam.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.means import pad_to_multiple, reduce_by_means
from sr_tf.images.tiles import assemble

_CACHED_PLANES = 96


class Windows:
    """Planes and windows of a slide's blocks; thread-safe.

    Args:
        grid: the slide's grid.
        make_plane: a function from (row, column, scale) to that block at that scale,
            uint8 [ceil(h / scale), ceil(w / scale), 3] for a block of h × w HR pixels.
    """

    def __init__(self, grid: Grid, make_plane: Callable[[int, int, int], np.ndarray]):
        self._grid, self._make_plane = grid, make_plane
        self._planes = RecentlyUsed(_CACHED_PLANES)

    def plane(self, row: int, column: int, scale: int) -> np.ndarray:
        """One block at a scale, as `make_plane` returns it."""
        return self._planes.get((row, column, scale), lambda: self._make_plane(row, column, scale))

    def window(self, row: int, column: int, scale: int, halo: int) -> np.ndarray:
        """One block at a scale with its neighbours around it.

        Args:
            row: the block's row.
            column: the block's column.
            scale: the window's scale; `BLOCK` is a multiple of it.
            halo: pixels of that scale to add on each side; at most `BLOCK / scale` of them are the neighbours' own.

        Returns:
            uint8 [BLOCK / scale + 2 · halo, BLOCK / scale + 2 · halo, 3]. Pixels outside the slide repeat its edge.
        """
        side = BLOCK // scale
        left, top = column * side - halo, row * side - halo
        right, bottom = left + side + 2 * halo, top + side + 2 * halo
        parts = [(c * side, r * side, self.plane(r, c, scale)) for r, c in self._grid.neighbours(row, column)]
        (first_x, first_y, _), (last_x, last_y, last) = parts[0], parts[-1]
        x, y = max(left, first_x), max(top, first_y)
        width = min(right, last_x + last.shape[1]) - x
        height = min(bottom, last_y + last.shape[0]) - y
        covered = assemble((x, y, width, height), parts)
        margins = ((y - top, bottom - y - height), (x - left, right - x - width), (0, 0))
        return np.pad(covered, margins, mode="edge")

    def forget(self, row: int, column: int) -> None:
        """Drops the planes of a block that has changed."""
        self._planes.drop(lambda key: key[:2] == (row, column))


def rescale(
    image: np.ndarray,
    scale: int,
    wanted: int,
    size: tuple[int, int],
    cubic: Callable[[np.ndarray, int], np.ndarray] = enlarge_cubic,
) -> np.ndarray:
    """Brings a block from one scale to another.

    Args:
        image: the block at `scale`, uint8 [ceil(H / scale), ceil(W / scale), 3].
        scale: how many times smaller than HR `image` is in each direction.
        wanted: the same for the result.
        size: (H, W) of the block in HR pixels.
        cubic: enlarges by bicubic interpolation.

    Returns:
        uint8 [ceil(H / wanted), ceil(W / wanted), 3].
    """
    if scale == wanted:
        return image
    height, width = (-(-length // wanted) for length in size)
    if scale < wanted:
        padded = pad_to_multiple(image, wanted // scale)
        return reduce_by_means(padded, wanted // scale)
    return cubic(image, scale // wanted)[:height, :width]


_Value = TypeVar("_Value")


class RecentlyUsed(Generic[_Value]):
    """The most recently used arrays, or other values, by key; thread-safe.

    Two threads that ask for the same missing value may both make it, which costs time but changes nothing.

    Args:
        size: the number of values to keep.
        most_bytes: the most bytes that `weigh` may count in all of them; the last value is kept all the same.
        weigh: the bytes of a value.
    """

    def __init__(self, size: int, most_bytes: float = math.inf, weigh: Callable[[_Value], int] = lambda value: 0):
        self._size, self._values, self._lock = size, OrderedDict(), threading.Lock()
        self._most_bytes, self._weigh = most_bytes, weigh

    def get(self, key: tuple, make: Callable[[], _Value]) -> _Value:
        """The value of a key; made by `make` if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size or (len(self._values) > 1 and self._bytes > self._most_bytes):
                self._values.popitem(last=False)
        return value

    @property
    def _bytes(self) -> int:
        return sum(map(self._weigh, self._values.values()))

    def drop(self, condition: Callable[[tuple], bool]) -> None:
        """Drops every value whose key fulfils a condition."""
        with self._lock:
            for key in [key for key in self._values if condition(key)]:
                del self._values[key]
