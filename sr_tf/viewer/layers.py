"""What can be looked at: restored pixels, interpolated ones, the original's."""

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
import openslide

from sr_tf.archive.enlarge import BICUBIC_RADIUS, enlarge_window
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import UserError
from sr_tf.images.degradation import pad_to_multiple
from sr_tf.images.tiles import assemble, under
from sr_tf.slides.slide import Slide
from sr_tf.viewer.hatch import hatched

_READ_AT_ONCE = 4
"""Most pixels of a stored level that are read for one pixel shown, in each direction; a power of two."""


class Layer(Protocol):
    """Pixels of a slide at its full size and halved some times."""

    def reads(self, level: int) -> bool:
        """Whether `read` gives this level; the others are averaged from the next finer one."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """A rectangle of a level, in pixels of that level, uint8 [height, width, 3].

        Raises:
            UserError: what is stored of it is damaged.
        """


class ArchiveLayer:
    """An archive's slide.

    At full size it is restored. Halved once or twice it is made of the reduced images as they are stored, which costs
    no generator: a damaged block is hatched there, so that one of them does not hide all others.

    Args:
        archive: that holds it.
        blocks: the archive's blocks, restored.
        generators: whether full size is restored as it was measured, or by bicubic interpolation alone (i-HR).
    """

    def __init__(self, archive: ArchiveFile, blocks: RestoredBlocks, generators: bool):
        self._archive, self._blocks, self._grid = archive, blocks, archive.header.grid
        self._by_level = [blocks.restored if generators else self._interpolated, self._half, self._quarter]

    def reads(self, level: int) -> bool:
        """See `Layer`."""
        return level < len(self._by_level)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `Layer`."""
        block = self._by_level[level] if not level else _or_hatched(self._by_level[level], self._size, level)
        rectangle, side = (x, y, width, height), BLOCK >> level
        places = under(rectangle, side, side)
        return assemble(rectangle, ((column * side, row * side, block(row, column)) for row, column in places))

    def _size(self, row: int, column: int, level: int) -> tuple[int, int]:
        *_, width, height = self._grid.rectangle(row, column)
        return -(-height >> level), -(-width >> level)

    def _interpolated(self, row: int, column: int) -> np.ndarray:
        return self._enlarged(row, column, self._archive.kind(row, column).scale, level=0)

    def _half(self, row: int, column: int) -> np.ndarray:
        stored = self._archive.kind(row, column).scale
        if stored <= 2:
            return self._blocks.windows.plane(row, column, 2)
        return self._enlarged(row, column, stored // 2, level=1)

    def _quarter(self, row: int, column: int) -> np.ndarray:
        return self._blocks.windows.plane(row, column, 4)

    def _enlarged(self, row: int, column: int, factor: int, level: int) -> np.ndarray:
        """A block, bicubically enlarged to a level from the stored one with its neighbours around it: no seams."""
        if factor == 1:
            return self._blocks.restored(row, column)
        window = self._blocks.windows.window(row, column, factor << level, BICUBIC_RADIUS)
        height, width = self._size(row, column, level)
        return enlarge_window(window, factor, BICUBIC_RADIUS, None)[:height, :width]


class SlideLayer:
    """A slide as its scanner left it, the smaller levels from the file's own where it has them.

    Args:
        slide: open; closed by whoever opened it.
    """

    def __init__(self, slide: Slide):
        self._slide = slide
        self._pyramid = _pyramid(slide)
        self._factors = self._pyramid.level_downsamples if self._pyramid else (1.0,)

    def close(self) -> None:
        """Closes what it opened itself."""
        if self._pyramid:
            self._pyramid.close()

    def reads(self, level: int) -> bool:
        """See `Layer`."""
        return 2**level <= _READ_AT_ONCE * self._factors[self._stored(level)]

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `Layer`."""
        stored = self._stored(level)
        if stored:
            pixels = self._read_stored(stored, level, x, y, width, height)
        else:
            left, top = x << level, y << level
            info, side = self._slide.info, 2**level
            wide, high = min(width * side, info.width - left), min(height * side, info.height - top)
            pixels = pad_to_multiple(self._slide.read(left, top, wide, high), side)
        same = pixels.shape[:2] == (height, width)
        return pixels if same else cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)

    def _stored(self, level: int) -> int:
        """The smallest of the file's levels that is no smaller than one of the viewer's."""
        return max(i for i, factor in enumerate(self._factors) if factor <= 1.01 * 2**level)

    def _read_stored(self, stored: int, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Pixels of one of the file's levels, uint8 [about height · 2ˡᵉᵛᵉˡ / its factor, likewise, 3]."""
        factor = 2**level / self._factors[stored]
        size = max(1, round(width * factor)), max(1, round(height * factor))
        try:
            image = np.asarray(self._pyramid.read_region((x << level, y << level), stored, size))
        except openslide.OpenSlideError as error:
            raise UserError(f"{self._slide.path}: damaged ({error})") from error
        return np.where(image[..., 3:] == 0, np.uint8(255), image[..., :3])


def _or_hatched(
    block: Callable[[int, int], np.ndarray], size: Callable[[int, int, int], tuple[int, int]], level: int
) -> Callable[[int, int], np.ndarray]:
    def made(row: int, column: int) -> np.ndarray:
        try:
            return block(row, column)
        except UserError:
            return hatched(*size(row, column, level))

    return made


def _pyramid(slide: Slide) -> openslide.OpenSlide | None:
    """The slide by OpenSlide, if that reads it and finds smaller levels."""
    try:
        pyramid = openslide.OpenSlide(slide.path)
    except (openslide.OpenSlideError, OSError):
        return None
    if pyramid.level_count > 1 and pyramid.dimensions == (slide.info.width, slide.info.height):
        return pyramid
    pyramid.close()
    return None
