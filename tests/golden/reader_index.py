"""The index of an archive: which piece holds which block, in both versions of the format."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from reader_container import require

BLOCK_TYPE = np.dtype([("kind", "u1"), ("head", "u1"), ("level", "<f4"), ("length", "<u4"), ("sha256", "V16")])
PIECE_TYPE = np.dtype(
    [
        *(("row", "<u4"), ("column", "<u4"), ("rows", "u1"), ("columns", "u1"), ("scale", "u1"), ("codec", "u1")),
        *(("level", "u1"), ("head", "u1"), ("length", "<u4"), ("sha256", "V8")),
    ]
)
SCALES = {1: 4, 2: 4, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 12: 4}
GENERATOR_KINDS, FILTER_KINDS, JPEGXL_KINDS, SEGMENTS_KIND = {2, 4, 12}, {10, 11}, {6, 7, 12}, 8
NETWORK_KINDS = GENERATOR_KINDS | FILTER_KINDS
LAST_KIND = {1: 9, 2: 12, 3: 12, 4: 12}
AVIF, JPEG_XL = 1, 2


class Piece(NamedTuple):
    """A coded image: its first block, its rows and columns of blocks, and its file."""

    row: int
    column: int
    rows: int
    columns: int
    scale: int
    codec: int
    level: int
    head: int
    length: int
    sha256: bytes


class Index:
    """The kinds of blocks and their pieces.

    Args:
        version: the archive's version.
        array: a function that reads an array: (name, type, shape).
        shape: rows and columns of blocks.
        count: the number of pieces; not used in version 1.

    Attributes:
        kinds: the kind of each block, uint8 [rows, columns].
        lengths: the bytes of each piece.
        heads: the head of each piece.
        numbers: the piece of each block, [rows, columns]; −1 for blocks that consist of segments.
    """

    def __init__(self, version: int, array: Callable, shape: tuple[int, int], count: int):
        if version == 1:
            self._table = array("blocks.npy", BLOCK_TYPE, shape).ravel()
            self.kinds = self._table["kind"].reshape(shape)
        else:
            planes = array("pieces.npy", np.dtype("u1"), (PIECE_TYPE.itemsize, count))
            self._table = np.frombuffer(np.ascontiguousarray(planes.T).tobytes(), PIECE_TYPE)
            self.kinds = array("blocks.npy", np.dtype("u1"), shape)
        self._version = version
        self.lengths, self.heads = self._table["length"], self._table["head"]
        require(int(self.kinds.min()) >= 1 and int(self.kinds.max()) <= LAST_KIND[version], "an unknown kind of block")
        segments = self.kinds == SEGMENTS_KIND
        self.numbers = np.where(segments, -1, np.arange(self.kinds.size).reshape(shape))
        if version > 1:
            self.numbers = self._placed()
            require(bool(((self.numbers < 0) == segments).all()), "a block without a piece")
            own = set(self.numbers[self.numbers >= 0].tolist())
            require(own == set(range(len(self._table))), "a piece without a block")
            require(
                all(piece.level <= 100 for piece in map(self.piece, own) if piece.codec == AVIF), "a level above 100"
            )

    def piece(self, number: int) -> Piece:
        """One piece."""
        entry = self._table[number]
        if self._version > 1:
            return Piece(*(value.tobytes() if isinstance(value, np.void) else int(value) for value in entry))
        row, column = divmod(number, self.kinds.shape[1])
        kind = int(entry["kind"])
        sha256 = entry["sha256"].tobytes()
        return Piece(row, column, 1, 1, SCALES[kind], _codec(kind), 0, int(entry["head"]), int(entry["length"]), sha256)

    def _placed(self) -> np.ndarray:
        """The number of the last piece that covers each block and has its kind's scale and codec; −1: there is none."""
        numbers = np.full(self.kinds.shape, -1, np.int64)
        wanted = {kind: (SCALES[kind], _codec(kind)) for kind in map(int, np.unique(self.kinds))}
        for number in range(len(self._table)):
            piece = self.piece(number)
            require(piece.scale in (1, 2, 4) and piece.codec in (AVIF, JPEG_XL), "a piece of unknown scale or codec")
            require(min(piece.rows, piece.columns) >= 1, "a piece without blocks")
            require(max(piece.rows, piece.columns) <= piece.scale, "a piece of more than 512 pixels in a direction")
            last = piece.row + piece.rows, piece.column + piece.columns
            require(last[0] <= numbers.shape[0] and last[1] <= numbers.shape[1], "a piece outside the slide")
            for row in range(piece.row, last[0]):
                for column in range(piece.column, last[1]):
                    if wanted[int(self.kinds[row, column])] == (piece.scale, piece.codec):
                        numbers[row, column] = number
        return numbers


def _codec(kind: int) -> int:
    return 0 if kind == SEGMENTS_KIND else JPEG_XL if kind in JPEGXL_KINDS else AVIF
