"""The parts in which a slide is looked at: windows with a margin, divided into the archive's blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.cells.finder import Cells
from sr_tf.cells.tally import Pairing
from sr_tf.images.tiles import Rectangle, tiles

WINDOW = 2 * BLOCK
MARGIN = 64
"""Pixels around a window that the finder sees too, so that a cell at its edge is whole."""


@dataclass(frozen=True)
class Window:
    """A part of a slide.

    Attributes:
        inside: the part, (x, y, width, height) in pixels of full size.
        seen: the same with the margin, cut off at the slide's edge.
    """

    inside: Rectangle
    seen: Rectangle

    def without_margin(self, pixels: np.ndarray) -> np.ndarray:
        """The pixels of `inside` among those of `seen`."""
        x, y, width, height = self.inside
        left, top = x - self.seen[0], y - self.seen[1]
        return pixels[top : top + height, left : left + width]

    def middle(self, side: int) -> Rectangle:
        """The square of a side in the middle of `inside`, cut off at its edges: (x, y, width, height)."""
        x, y, width, height = self.inside
        wide, high = min(side, width), min(side, height)
        return x + (width - wide) // 2, y + (height - high) // 2, wide, high

    def crop(self, pixels: np.ndarray, x: float, y: float, side: int) -> np.ndarray:
        """A square around a place of the slide, uint8 [side, side, 3]; edge pixels are repeated outside `pixels`.

        Args:
            pixels: those of `seen`.
            x: the place in pixels of full size.
            y: likewise.
            side: in pixels.
        """
        left, top, *_ = self.seen
        columns = np.arange(side) - side // 2 + round(x) - left
        rows = np.arange(side) - side // 2 + round(y) - top
        return pixels[np.clip(rows, 0, len(pixels) - 1)][:, np.clip(columns, 0, pixels.shape[1] - 1)]


def windows(grid: Grid) -> Iterator[Window]:
    """The windows of a slide, row by row."""
    for top, bottom, left, right in tiles(grid.height, grid.width, WINDOW):
        x, y = max(left - MARGIN, 0), max(top - MARGIN, 0)
        width, height = min(right + MARGIN, grid.width) - x, min(bottom + MARGIN, grid.height) - y
        yield Window((left, top, right - left, bottom - top), (x, y, width, height))


def by_block(pairing: Pairing) -> Iterator[tuple[tuple[int, int], Pairing]]:
    """Divides a pairing into those of the archive's blocks, (row, column)."""
    places = [_blocks(cells) for cells in (pairing.first, pairing.lost, pairing.gained)]
    for block in sorted({tuple(place) for part in places for place in part.tolist()}):
        own, lost, gained = ((part == block).all(axis=1) for part in places)
        yield (
            block,
            Pairing(
                pairing.first.take(own), pairing.second.take(own), pairing.lost.take(lost), pairing.gained.take(gained)
            ),
        )


def _blocks(cells: Cells) -> np.ndarray:
    """The (row, column) of the block in which each cell's centre is, int [N, 2]."""
    return (cells.places[:, ::-1] // BLOCK).astype(int)
