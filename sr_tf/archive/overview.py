"""The overview: the slide as one small image, so that a first look decodes no block."""

from collections.abc import Callable

import numpy as np

from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.stored import decode_image
from sr_tf.archive.windows import rescale
from sr_tf.images.codecs import CODECS
from sr_tf.images.tiles import assemble

LARGEST_SIDE = 1024
_SMALLEST_SCALE = 8
_QUALITY = 25


def overview_scale(grid: Grid) -> int:
    """How many times smaller than the slide the overview is: a power of two from 8 on."""
    scale = _SMALLEST_SCALE
    while -(-max(grid.width, grid.height) // scale) > LARGEST_SIDE:
        scale *= 2
    return scale


def part_scale(grid: Grid) -> int:
    """The scale of the parts that the overview is made of: its own, unless a block is less than a pixel of it."""
    return min(overview_scale(grid), BLOCK)


def encode_overview(grid: Grid, part: Callable[[int, int], np.ndarray]) -> bytes:
    """Makes the overview.

    Args:
        grid: the slide's grid.
        part: a function from (row, column) to that block at `part_scale`, uint8 [h, w, 3].

    Returns:
        An AVIF file.
    """
    scale, step = overview_scale(grid), part_scale(grid)
    side = BLOCK // step
    parts = ((column * side, row * side, part(row, column)) for row, column in grid.blocks())
    image = assemble((0, 0, -(-grid.width // step), -(-grid.height // step)), parts)
    if scale > step:
        size = tuple(-(-length // scale) for length in (grid.height, grid.width))
        image = rescale(image, step, scale, (grid.height, grid.width))[: size[0], : size[1]]
    return CODECS["avif420"].encode(image, _QUALITY)


def part_of(overview: np.ndarray, grid: Grid, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
    """A rectangle of the overview's level, or of a coarser one.

    Args:
        overview: uint8 [h, w, 3], see `decode_overview`.
        grid: the slide's grid.
        level: how many times the slide is halved.
        x: left edge in pixels of that level.
        y: upper edge, likewise.
        width: likewise.
        height: likewise.

    Returns:
        uint8 [height, width, 3].
    """
    whole = rescale(overview, overview_scale(grid), 2**level, (grid.height, grid.width))
    return whole[y : y + height, x : x + width]


def decode_overview(file: bytes, grid: Grid) -> np.ndarray:
    """Decodes the overview, uint8 [h, w, 3].

    Raises:
        ValueError: the file is damaged or has another size than the slide's overview.
    """
    scale = overview_scale(grid)
    return decode_image(file, "avif", -(-grid.width // scale), -(-grid.height // scale))
