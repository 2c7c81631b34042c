"""Cuts rectangles into tiles and puts tiles together again; no other module does this arithmetic.

All coordinates are pixels. Rectangles are (x, y, width, height). Intervals exclude their end, as Python's slices do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

Rectangle = tuple[int, int, int, int]
"""(x, y, width, height) in pixels."""


def tiles(height: int, width: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts a rectangle into square tiles, row by row; tiles at the right and lower edge may be smaller.

    Args:
        height: the rectangle's height in pixels.
        width: the rectangle's width in pixels.
        tile: side of a tile in pixels.

    Yields:
        (top, bottom, left, right) of each tile.

    Raises:
        ValueError: `tile` is not positive.
    """
    if tile < 1:
        raise ValueError(f"tile {tile}: expected at least 1")
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield top, min(top + tile, height), left, min(left + tile, width)


def under(rectangle: Rectangle, tile_width: int, tile_height: int) -> Iterator[tuple[int, int]]:
    """Finds the tiles of a regular grid that a rectangle touches.

    Args:
        rectangle: (x, y, width, height) in pixels from the grid's upper left corner.
        tile_width: width of the grid's tiles in pixels.
        tile_height: height of the grid's tiles in pixels.

    Yields:
        (row, column), row by row.
    """
    x, y, width, height = rectangle
    for row in range(y // tile_height, -(-(y + height) // tile_height)):
        for column in range(x // tile_width, -(-(x + width) // tile_width)):
            yield row, column


def assemble(rectangle: Rectangle, parts: Iterable[tuple[int, int, np.ndarray]], fill: int | None = None) -> np.ndarray:
    """Puts a rectangle together from images whose positions are known.

    Args:
        rectangle: (x, y, width, height) of the result.
        parts: (left, top, image) of each image, in the coordinates of `rectangle`; the image is uint8 [h, w, 3]. Pixels
            outside the rectangle are cut off.
        fill: value of pixels that no part covers; None if the parts cover the whole rectangle.

    Returns:
        uint8 [height, width, 3].
    """
    x, y, width, height = rectangle
    pixels = np.empty((height, width, 3), np.uint8) if fill is None else np.full((height, width, 3), fill, np.uint8)
    for left, top, image in parts:
        rows, source_rows = _overlap(top - y, image.shape[0], height)
        columns, source_columns = _overlap(left - x, image.shape[1], width)
        pixels[rows, columns] = image[source_rows, source_columns]
    return pixels


@dataclass(frozen=True)
class HaloTile:
    """One tile of an LR image with the halo that a network needs.

    Attributes:
        seen: (rows, columns) of the LR image, with its added edge if there is one, that the network gets: the tile and
            its halo.
        kept: (rows, columns) of the network's output that belong to the tile; the rest is the halo.
        place: (rows, columns) of the SR image where `kept` goes.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]
    place: tuple[slice, slice]


def halo_tiles(height: int, width: int, tile: int, halo: int, scale: int, edge: int = 0) -> list[HaloTile]:
    """Cuts an LR image into tiles with a halo.

    A tile's halo ends where the image ends, its edge included. The network pads there as it does in one pass over the
    whole image.

    Args:
        height: the LR image's height in pixels.
        width: the LR image's width in pixels.
        tile: side of a tile in LR pixels, without its halo.
        halo: LR pixels around a tile that the network needs, its receptive radius.
        scale: enlargement in each direction.
        edge: LR pixels that were added on each side of the image. They are only seen, never kept, and `seen` counts
            from their upper left corner.

    Returns:
        The tiles, row by row.

    Raises:
        ValueError: `tile` is not positive.
    """
    cut = []
    for top, bottom, left, right in tiles(height, width, tile):
        first_row, last_row = max(-edge, top - halo), min(height + edge, bottom + halo)
        first_column, last_column = max(-edge, left - halo), min(width + edge, right + halo)
        cut.append(
            HaloTile(
                seen=(slice(first_row + edge, last_row + edge), slice(first_column + edge, last_column + edge)),
                kept=(
                    slice(scale * (top - first_row), scale * (bottom - first_row)),
                    slice(scale * (left - first_column), scale * (right - first_column)),
                ),
                place=(slice(scale * top, scale * bottom), slice(scale * left, scale * right)),
            )
        )
    return cut


def _overlap(start: int, length: int, room: int) -> tuple[slice, slice]:
    """Finds the part of an interval of pixels that lies inside a canvas.

    Args:
        start: position of the first pixel on the canvas; negative if it lies before the canvas.
        length: number of pixels.
        room: length of the canvas in pixels.

    Returns:
        (slice of the canvas, slice of the pixels), of the same length; both empty if they do not meet.
    """
    first, last = min(max(0, start), room), max(0, min(room, start + length))
    last = max(first, last)
    return slice(first, last), slice(first - start, last - start)
