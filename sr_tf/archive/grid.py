"""Blocks and gate tiles: how a slide is divided."""

from collections.abc import Iterator
from dataclasses import dataclass

from sr_tf.images.tiles import under

BLOCK = 512
"""Side in HR pixels of what is stored in one piece: AV1 needs room to be efficient, the gate wants small pieces."""

GATE_TILE = 256
"""Side in HR pixels of what must pass the gate by itself; `BLOCK` is a multiple of it."""


@dataclass(frozen=True)
class Grid:
    """A slide of width × height pixels, divided from its upper left corner.

    Attributes:
        width: of the slide in pixels.
        height: of the slide in pixels.
    """

    width: int
    height: int

    @property
    def columns(self) -> int:
        """Blocks in a row."""
        return -(-self.width // BLOCK)

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return -(-self.height // BLOCK)

    @property
    def gate_shape(self) -> tuple[int, int]:
        """Rows and columns of gate tiles."""
        return -(-self.height // GATE_TILE), -(-self.width // GATE_TILE)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every block, row by row."""
        for row in range(self.rows):
            for column in range(self.columns):
                yield row, column

    def rectangle(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(x, y, width, height) of a block in HR pixels; smaller than `BLOCK` at the right and lower edge."""
        x, y = column * BLOCK, row * BLOCK
        return x, y, min(BLOCK, self.width - x), min(BLOCK, self.height - y)

    def neighbours(self, row: int, column: int) -> Iterator[tuple[int, int]]:
        """The block itself and those around it that exist, row by row."""
        for r in range(max(0, row - 1), min(self.rows, row + 2)):
            for c in range(max(0, column - 1), min(self.columns, column + 2)):
                yield r, c

    def under(self, x: int, y: int, width: int, height: int) -> Iterator[tuple[int, int]]:
        """The blocks that a rectangle of HR pixels touches, row by row."""
        return under((x, y, width, height), BLOCK, BLOCK)
