"""Which piece holds which block: the index of an archive, of every version of the format.

A piece is one coded image. It covers a rectangle of blocks at one scale, and is the piece of those blocks in it whose
kind has its scale and codec, unless a later piece covers them too. What it has in other places is never shown.
"""

from dataclasses import dataclass

import numpy as np

from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.kinds import FULL_AVIF420, KINDS, NATIVE, Kind
from sr_tf.archive.stored import is_avif

BLOCK_TYPE = np.dtype([("kind", "u1"), ("head", "u1"), ("level", "<f4"), ("length", "<u4"), ("sha256", "V16")])
"""A block in version 1, where each block is a piece of its own. `head` is 1 for the first head and 0 for none."""

PIECE_TYPE = np.dtype(
    [
        *(("row", "<u4"), ("column", "<u4"), ("rows", "u1"), ("columns", "u1"), ("scale", "u1"), ("codec", "u1")),
        *(("level", "u1"), ("head", "u1"), ("length", "<u4"), ("sha256", "V8")),
    ]
)
"""A piece in version 2: its first block, its number of rows and columns of blocks, and its file."""

PIECE_BYTES = PIECE_TYPE.itemsize
"""Bytes of a piece's entry."""

AVIF, JPEG_XL = 1, 2
"""The codecs of pieces."""

_LAST_OF_VERSION_1 = FULL_AVIF420.code

PIECE_SIDE = 512
"""Most coded pixels of a piece in each direction."""


def codec_of(kind: Kind) -> int:
    """The codec of a kind's pieces; 0 for kinds without pieces."""
    if kind is NATIVE:
        return 0
    return AVIF if is_avif(kind) else JPEG_XL


def to_planes(table: np.ndarray) -> np.ndarray:
    """The table of pieces as it is stored: all first bytes, then all second bytes, …, which deflate better.

    Args:
        table: `PIECE_TYPE` [pieces].

    Returns:
        uint8 [`PIECE_BYTES`, pieces].
    """
    return np.ascontiguousarray(np.frombuffer(table.tobytes(), np.uint8).reshape(len(table), PIECE_BYTES).T)


def from_planes(planes: np.ndarray) -> np.ndarray:
    """The inverse of `to_planes`."""
    return np.frombuffer(np.ascontiguousarray(planes.T).tobytes(), PIECE_TYPE)


_CODECS = np.zeros(256, np.uint8)
_SCALES = np.zeros(256, np.uint8)
for _kind in KINDS.values():
    _CODECS[_kind.code], _SCALES[_kind.code] = codec_of(_kind), _kind.scale


@dataclass(frozen=True)
class Index:
    """How the blocks of an archive are stored.

    Attributes:
        kinds: the code of each block's kind, uint8 [rows, columns].
        pieces: the number of each block's piece, int64 [rows, columns]; −1 for kinds without pieces.
        table: `PIECE_TYPE` of each piece, in the order of their bytes. Its hashes are not used, see `hashes`.
        hashes: the first bytes of the SHA-256 of each piece's complete file: 16 in version 1, 8 in version 2.
    """

    kinds: np.ndarray
    pieces: np.ndarray
    table: np.ndarray
    hashes: list[bytes]

    @classmethod
    def of_version_1(cls, blocks: np.ndarray) -> "Index":
        """The index of version 1.

        Args:
            blocks: `BLOCK_TYPE` [rows, columns].

        Raises:
            ValueError: a kind is unknown.
        """
        kinds = np.ascontiguousarray(blocks["kind"])
        _check_kinds(kinds, _LAST_OF_VERSION_1)
        flat = blocks.ravel()
        table = np.zeros(flat.size, PIECE_TYPE)
        table["row"], table["column"] = (axis.ravel() for axis in np.indices(kinds.shape))
        table["rows"] = table["columns"] = 1
        table["scale"], table["codec"] = _SCALES[flat["kind"]], _CODECS[flat["kind"]]
        table["head"], table["length"] = flat["head"], flat["length"]
        pieces = np.where(kinds == NATIVE.code, -1, np.arange(flat.size).reshape(kinds.shape))
        return cls(kinds, pieces, table, [value.tobytes() for value in flat["sha256"]])

    @classmethod
    def of_version_2(cls, kinds: np.ndarray, table: np.ndarray) -> "Index":
        """The index of version 2.

        Args:
            kinds: the code of each block's kind, uint8 [rows, columns].
            table: `PIECE_TYPE` [pieces].

        Raises:
            ValueError: a kind is unknown, a piece is too large or lies outside the slide, or a block has no piece.
        """
        _check_kinds(kinds, max(KINDS))
        rows, columns, scale = (table[name].astype(np.int64) for name in ("rows", "columns", "scale"))
        if not np.isin(table["codec"], (AVIF, JPEG_XL)).all() or not np.isin(scale, (1, 2, 4)).all():
            raise ValueError("a piece of an unknown codec or scale")
        if not ((np.minimum(rows, columns) >= 1) & (np.maximum(rows, columns) * BLOCK <= PIECE_SIDE * scale)).all():
            raise ValueError(f"a piece without blocks, or of more than {PIECE_SIDE} coded pixels in a direction")
        last = table["row"] + rows, table["column"] + columns
        if (last[0] > kinds.shape[0]).any() or (last[1] > kinds.shape[1]).any():
            raise ValueError("a piece that lies outside the slide")
        pieces = np.full(kinds.shape, -1, np.int64)
        wanted = _SCALES[kinds], _CODECS[kinds]
        for down in range(int(rows.max(initial=0))):
            for right in range(int(columns.max(initial=0))):
                inside = np.flatnonzero((rows > down) & (columns > right))
                places = table["row"][inside] + down, table["column"][inside] + right
                fits = (wanted[0][places] == table["scale"][inside]) & (wanted[1][places] == table["codec"][inside])
                np.maximum.at(pieces, tuple(place[fits] for place in places), inside[fits])
        if (table["level"][table["codec"] == AVIF] > 100).any():
            raise ValueError("a piece of an AVIF quality above 100")
        if len(np.unique(pieces[pieces >= 0])) != len(table):
            raise ValueError("a piece without a block")
        if ((pieces < 0) != (kinds == NATIVE.code)).any():
            raise ValueError("a block without a piece")
        return cls(kinds, pieces, table, [value.tobytes() for value in table["sha256"]])

    def rectangle(self, piece: int, grid: Grid) -> tuple[int, int, int, int]:
        """(x, y, width, height) of a piece in HR pixels."""
        return grid.rectangle_of_blocks(
            *(int(self.table[name][piece]) for name in ("row", "column", "rows", "columns"))
        )

    def bytes_by_kind(self) -> dict[int, int]:
        """The bytes of pieces by kind; a piece with blocks of two kinds is divided by their number."""
        placed = self.pieces >= 0
        numbers, codes = self.pieces[placed], self.kinds[placed]
        share = self.table["length"][numbers] / np.bincount(numbers, minlength=len(self.table))[numbers]
        totals = np.bincount(codes, share, minlength=256)
        return {int(code): round(float(totals[code])) for code in np.unique(self.kinds)}


def _check_kinds(kinds: np.ndarray, last: int) -> None:
    if not set(np.unique(kinds).tolist()) <= {code for code in KINDS if code <= last}:
        raise ValueError("a block of an unknown kind")
