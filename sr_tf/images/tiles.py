"""Cutting rectangles into tiles and putting tiles together again: the one place that does this arithmetic.

All coordinates are pixels. Rectangles are (x, y, width, height); slices are half open.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

Rectangle = tuple[int, int, int, int]
"""(x, y, width, height) in pixels."""


def tiles(height: int, width: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts a rectangle into tiles, row by row; those at the right and lower edge may be smaller.

    Args:
        height: of the rectangle in pixels.
        width: of the rectangle in pixels.
        tile: side of a tile in pixels.

    Yields:
        (top, bottom, left, right), half open.

    Raises:
        ValueError: `tile` is not positive.
    """
    if tile < 1:
        raise ValueError(f"tile {tile}: expected at least 1")
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield top, min(top + tile, height), left, min(left + tile, width)


def under(rectangle: Rectangle, tile_width: int, tile_height: int) -> Iterator[tuple[int, int]]:
    """The tiles of a regular grid that a rectangle touches.

    Args:
        rectangle: in pixels of the grid.
        tile_width: of the grid's tiles in pixels.
        tile_height: likewise.

    Yields:
        (row, column), row by row.
    """
    x, y, width, height = rectangle
    for row in range(y // tile_height, -(-(y + height) // tile_height)):
        for column in range(x // tile_width, -(-(x + width) // tile_width)):
            yield row, column


def assemble(rectangle: Rectangle, parts: Iterable[tuple[int, int, np.ndarray]], fill: int | None = None) -> np.ndarray:
    """Puts a rectangle together from images that lie in the same plane.

    Args:
        rectangle: what is wanted.
        parts: (left, top, image) of each, image uint8 [h, w, 3]; what lies outside the rectangle is cut off.
        fill: value of pixels that no part covers; None where the parts are known to cover the whole rectangle.

    Returns:
        uint8 [height, width, 3].
    """
    x, y, width, height = rectangle
    pixels = np.empty((height, width, 3), np.uint8) if fill is None else np.full((height, width, 3), fill, np.uint8)
    for left, top, image in parts:
        rows, source_rows = overlap(top - y, image.shape[0], height)
        columns, source_columns = overlap(left - x, image.shape[1], width)
        pixels[rows, columns] = image[source_rows, source_columns]
    return pixels


def overlap(start: int, length: int, room: int) -> tuple[slice, slice]:
    """Where `length` pixels that begin at `start` lie in `room` pixels: (slice of the room, slice of the pixels)."""
    first, last = min(max(0, start), room), max(0, min(room, start + length))
    last = max(first, last)
    return slice(first, last), slice(first - start, last - start)


@dataclass(frozen=True)
class HaloTile:
    """One tile of an LR image with the border that a network must see.

    Attributes:
        seen: (rows, columns) of LR that the network is given.
        kept: (rows, columns) of the network's answer that belong to the tile; the rest is cut off.
        place: (rows, columns) of SR that `kept` fills.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]
    place: tuple[slice, slice]


def halo_tiles(height: int, width: int, tile: int, halo: int, scale: int) -> list[HaloTile]:
    """Cuts an LR image into tiles with a halo.

    At the image's own edges there is no halo, so that a network pads there as it does in one pass over the whole.

    Args:
        height: of the LR image in pixels.
        width: likewise.
        tile: side of a tile in LR pixels, without its halo.
        halo: LR pixels around a tile that the network must see.
        scale: enlargement in each direction.

    Returns:
        The tiles, row by row.

    Raises:
        ValueError: `tile` is not positive.
    """
    cut = []
    for top, bottom, left, right in tiles(height, width, tile):
        first_row, first_column = max(0, top - halo), max(0, left - halo)
        cut.append(
            HaloTile(
                seen=(slice(first_row, min(height, bottom + halo)), slice(first_column, min(width, right + halo))),
                kept=(
                    slice(scale * (top - first_row), scale * (bottom - first_row)),
                    slice(scale * (left - first_column), scale * (right - first_column)),
                ),
                place=(slice(scale * top, scale * bottom), slice(scale * left, scale * right)),
            )
        )
    return cut
