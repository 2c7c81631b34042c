"""The pyramid of tiles that the page requests: which tiles exist, and which part of the slide each shows."""

from dataclasses import dataclass
from typing import NamedTuple

TILE = 256
"""Side of a tile in pixels."""


class Tile(NamedTuple):
    """One tile of one layer.

    Attributes:
        layer: name of the layer.
        level: how many times the slide is halved; 0 is its full size.
        column: column among the level's tiles, from the left.
        row: row among the level's tiles, from the top.
    """

    layer: str
    level: int
    column: int
    row: int


@dataclass(frozen=True)
class Levels:
    """A slide's pyramid.

    Attributes:
        width: the slide's width in pixels.
        height: the slide's height in pixels.
    """

    width: int
    height: int

    @property
    def count(self) -> int:
        """Number of levels. The last level fits into one tile."""
        return 1 + max(0, (-(-max(self.width, self.height) // TILE) - 1).bit_length())

    def size(self, level: int) -> tuple[int, int]:
        """(width, height) of a level in pixels of that level."""
        return -(-self.width // 2**level), -(-self.height // 2**level)

    def tiles(self, level: int) -> tuple[int, int]:
        """(columns, rows): how many tiles a level has."""
        width, height = self.size(level)
        return -(-width // TILE), -(-height // TILE)

    def contains(self, tile: Tile) -> bool:
        """Whether a tile exists."""
        if not 0 <= tile.level < self.count:
            return False
        columns, rows = self.tiles(tile.level)
        return 0 <= tile.column < columns and 0 <= tile.row < rows

    def rectangle(self, tile: Tile) -> tuple[int, int, int, int]:
        """(x, y, width, height) of a tile in pixels of its level."""
        width, height = self.size(tile.level)
        x, y = tile.column * TILE, tile.row * TILE
        return x, y, min(TILE, width - x), min(TILE, height - y)

    def made_together(self, tile: Tile) -> list[Tile]:
        """The tiles that are made together with a tile, itself included: at full size, those of one block.

        The list is the same for each of these tiles, so that its first tile can stand for them.
        """
        if tile.level:
            return [tile]
        left, top = tile.column // 2 * 2, tile.row // 2 * 2
        square = [Tile(tile.layer, 0, left + x, top + y) for y in range(2) for x in range(2)]
        return [other for other in square if self.contains(other)]

    def finer(self, tile: Tile) -> list[Tile]:
        """The tiles of the next finer level, at most four, that show the same part of the slide."""
        square = [
            Tile(tile.layer, tile.level - 1, 2 * tile.column + x, 2 * tile.row + y) for y in range(2) for x in range(2)
        ]
        return [other for other in square if self.contains(other)]

    def around(self, tile: Tile) -> list[Tile]:
        """The neighbours of a tile, at most eight."""
        places = [(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y]
        near = [tile._replace(column=tile.column + x, row=tile.row + y) for x, y in places]
        return [other for other in near if self.contains(other)]
