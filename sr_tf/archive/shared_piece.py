"""A piece that several blocks share: its place, its file and its record in the journal."""

import struct
from dataclasses import dataclass

from sr_tf.archive.grid import BLOCK
from sr_tf.archive.index import PIECE_SIDE

_RECORD = struct.Struct("<IIBBB")

Group = tuple[int, int, int]
"""(scale, row, column) of blocks that may share a piece."""


@dataclass(frozen=True)
class SharedPiece:
    """A coded image of several blocks. Blocks are grouped by `group_side`; a group has at most one at each scale.

    Attributes:
        row: the slide's first row of blocks in it.
        column: the first column, likewise.
        rows: the number of rows.
        columns: the number of columns.
        level: AVIF's quality.
        file: the AVIF file.
    """

    row: int
    column: int
    rows: int
    columns: int
    level: int
    file: bytes

    def record(self) -> bytes:
        """The piece as the journal stores it."""
        return _RECORD.pack(self.row, self.column, self.rows, self.columns, self.level) + self.file


def from_record(record: bytes) -> SharedPiece:
    """The inverse of `SharedPiece.record`."""
    return SharedPiece(*_RECORD.unpack_from(record), record[_RECORD.size :])


def group_side(scale: int) -> int:
    """Blocks of a group in each direction: as many as a piece of that scale may cover."""
    return PIECE_SIDE * scale // BLOCK


def group_of(scale: int, row: int, column: int) -> Group:
    """The group of a block at a scale."""
    side = group_side(scale)
    return scale, row // side, column // side
