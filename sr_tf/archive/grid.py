"""The division of a slide into blocks and gate tiles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sr_tf.images.tiles import under

BLOCK = 512
"""Side of a block in HR pixels. AV1 is more efficient on large images; the gate works better on small ones."""

GATE_TILE = 256
"""Side of a gate tile in HR pixels. `BLOCK` is a multiple of it."""

CELL = 32
"""Side of a detail cell in HR pixels, the part of a gate tile in which small details are judged. `GATE_TILE` is a
multiple of it. In code it is a cell."""

Place = tuple[int, int]
"""(row, column) of a block."""

_BAND = 8
"""Rows of blocks of a band. With those above and below it, three columns are read while a block is looked at."""


@dataclass(frozen=True)
class Grid:
    """The blocks and gate tiles of a slide, counted from its upper left corner.

    Attributes:
        width: the slide's width in pixels.
        height: the slide's height in pixels.
    """

    width: int
    height: int

    @property
    def columns(self) -> int:
        """Number of blocks in a row."""
        return -(-self.width // BLOCK)

    @property
    def rows(self) -> int:
        """Number of rows of blocks."""
        return -(-self.height // BLOCK)

    @property
    def gate_shape(self) -> tuple[int, int]:
        """Number of rows and of columns of gate tiles."""
        return -(-self.height // GATE_TILE), -(-self.width // GATE_TILE)

    @property
    def cell_shape(self) -> tuple[int, int]:
        """Number of rows and of columns of cells."""
        return -(-self.height // CELL), -(-self.width // CELL)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every block, row by row."""
        for row in range(self.rows):
            for column in range(self.columns):
                yield row, column

    def blocks_in_bands(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every block, in bands of a few rows, column by column: neighbours follow each other soon."""
        for first in range(0, self.rows, _BAND):
            for column in range(self.columns):
                for row in range(first, min(first + _BAND, self.rows)):
                    yield row, column

    def rectangle(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) of a block in HR pixels; smaller than `BLOCK` at the right and lower edge."""
        return self.rectangle_of_blocks(row, column, 1, 1)

    def rectangle_of_blocks(self, row: int, column: int, rows: int, columns: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) of a rectangle of blocks in HR pixels; what lies outside the slide is cut off."""
        x, y = column * BLOCK, row * BLOCK
        return x, y, min(columns * BLOCK, self.width - x), min(rows * BLOCK, self.height - y)

    def gate_tiles(self, row: int, column: int) -> tuple[slice, slice]:
        """(rows, columns) of a block's gate tiles among those of the slide."""
        count = BLOCK // GATE_TILE
        return slice(row * count, (row + 1) * count), slice(column * count, (column + 1) * count)

    def cells(self, row: int, column: int) -> tuple[slice, slice]:
        """(rows, columns) of a block's cells among those of the slide."""
        count = BLOCK // CELL
        return slice(row * count, (row + 1) * count), slice(column * count, (column + 1) * count)

    def neighbours(self, row: int, column: int) -> Iterator[tuple[int, int]]:
        """(row, column) of a block and of the existing blocks around it, row by row."""
        for r in range(max(0, row - 1), min(self.rows, row + 2)):
            for c in range(max(0, column - 1), min(self.columns, column + 2)):
                yield r, c

    def around(self, places: Iterable[Place]) -> list[Place]:
        """(row, column) of blocks and of all their neighbours, row by row."""
        return sorted({near for place in places for near in self.neighbours(*place)})

    def under(self, x: int, y: int, width: int, height: int) -> Iterator[tuple[int, int]]:
        """(row, column) of each block that a rectangle of HR pixels touches, row by row."""
        return under((x, y, width, height), BLOCK, BLOCK)
