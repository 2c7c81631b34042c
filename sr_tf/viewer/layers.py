"""The layers that can be shown: the restored slide, the interpolated one, and the original."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np
import openslide

from sr_tf.archive.enlarge import BICUBIC_RADIUS, enlarge_window
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.overview import overview_scale, part_of
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.errors import MissingExtraError, UserError
from sr_tf.images.means import pad_to_multiple, reduce_to
from sr_tf.images.tiles import assemble, under
from sr_tf.messages import tell
from sr_tf.slides.slide import Slide
from sr_tf.viewer.hatch import hatched

_READ_AT_ONCE = 4
"""At most so many pixels of a stored level, in each direction, are read for one pixel shown; a power of two."""


class Layer(Protocol):
    """Pixels of a slide at several levels. Level 0 is its full size, and each further level has half the size."""

    def reads(self, level: int) -> bool:
        """Whether `read` supports a level. Other levels are averaged from the next finer one."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle.

        Args:
            level: the level.
            x: left edge in pixels of that level.
            y: upper edge, likewise.
            width: width, likewise.
            height: height, likewise.

        Returns:
            uint8 [height, width, 3], RGB.

        Raises:
            UserError: the data under the rectangle is damaged.
        """


class ArchiveLayer:
    """The slide of an archive.

    Level 0 is restored. Levels 1 and 2 are made from the reduced images as they are stored, without a generator. There,
    a damaged block is hatched, so that it does not hide the intact blocks of its tile. The overview's level and coarser
    ones come from the overview, so that a first look decodes no block; it is decoded once, when it is first needed.
    Levels in between, and those of an archive without an intact overview, are averaged from finer ones.

    Args:
        archive: the archive.
        blocks: the archive's blocks, restored.
        generators: whether level 0 is restored with generators, as it was measured. Otherwise it is enlarged by bicubic
            interpolation only (i-HR).
    """

    def __init__(self, archive: ArchiveFile, blocks: RestoredBlocks, generators: bool):
        self._archive, self._blocks, self._grid = archive, blocks, archive.header.grid
        self._by_level = [blocks.restored if generators else self._interpolated, self._half, self._quarter]
        self._overview_scale = overview_scale(self._grid)

    def reads(self, level: int) -> bool:
        """See `Layer`."""
        return level < len(self._by_level) or (2**level >= self._overview_scale and self._overview is not None)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `Layer`."""
        if level >= len(self._by_level):
            return part_of(self._overview, self._grid, level, x, y, width, height)
        block = self._by_level[level] if not level else _or_hatched(self._by_level[level], self._size, level)
        rectangle, side = (x, y, width, height), BLOCK >> level
        places = under(rectangle, side, side)
        return assemble(rectangle, ((column * side, row * side, block(row, column)) for row, column in places))

    @cached_property
    def _overview(self) -> np.ndarray | None:
        """The overview, uint8 [h, w, 3]; None in version 1, and if it is damaged, which is told at the terminal."""
        if self._archive.header.version == 1:
            return None
        try:
            return self._archive.overview()
        except UserError as error:
            tell(f"sr-tf view: {error}; the whole slide is shown from its blocks")
            return None

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
        """A block at a level, bicubically enlarged with its neighbours around it, so that there are no seams."""
        if factor == 1:
            return self._blocks.restored(row, column)
        window = self._blocks.windows.window(row, column, factor << level, BICUBIC_RADIUS)
        height, width = self._size(row, column, level)
        return enlarge_window(window, factor, BICUBIC_RADIUS, None)[:height, :width]


class SlideLayer:
    """A slide's own pixels. Smaller levels come from the file if it contains them.

    Args:
        slide: the opened slide; whoever opened it must close it.
    """

    def __init__(self, slide: Slide):
        self._slide = slide
        self._pyramid = _pyramid(slide)
        self._factors = self._pyramid.level_downsamples if self._pyramid else (1.0,)

    def close(self) -> None:
        """Closes what this object opened."""
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
        return pixels if same else reduce_to(pixels, width, height)

    def _stored(self, level: int) -> int:
        """The smallest level of the file that is not smaller than a level of the viewer."""
        return max(i for i, factor in enumerate(self._factors) if factor <= 1.01 * 2**level)

    def _read_stored(self, stored: int, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of `level` from a level of the file, at the resolution of the latter; uint8 [h, w, 3]."""
        factor = 2**level / self._factors[stored]
        size = max(1, round(width * factor)), max(1, round(height * factor))
        try:
            image = np.asarray(self._pyramid.read_region((x << level, y << level), stored, size))
        except openslide.OpenSlideError as error:
            raise UserError(f"{self._slide.path}: is damaged ({error})") from error
        return np.where(image[..., 3:] == 0, np.uint8(255), image[..., :3])


def _or_hatched(
    block: Callable[[int, int], np.ndarray], size: Callable[[int, int, int], tuple[int, int]], level: int
) -> Callable[[int, int], np.ndarray]:
    def read(row: int, column: int) -> np.ndarray:
        try:
            return block(row, column)
        except MissingExtraError:
            raise  # the block is not damaged
        except UserError:
            return hatched(*size(row, column, level))

    return read


def _pyramid(slide: Slide) -> openslide.OpenSlide | None:
    """The slide opened by OpenSlide; None if OpenSlide cannot read it or finds no smaller levels."""
    try:
        pyramid = openslide.OpenSlide(slide.path)
    except (openslide.OpenSlideError, OSError):
        return None
    if pyramid.level_count > 1 and pyramid.dimensions == (slide.info.width, slide.info.height):
        return pyramid
    pyramid.close()
    return None
