"""The journal of `sr-tf archive`: everything that an interrupted call has finished, so that the next one resumes."""

import hashlib
import math
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sr_tf.archive import cells, native
from sr_tf.archive.container import half_sha256
from sr_tf.archive.cut import cut
from sr_tf.archive.gate import SCORE_UNITS, pack
from sr_tf.archive.grid import Grid
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import Segments
from sr_tf.archive.shared_piece import SharedPiece, group_side
from sr_tf.archive.shared_piece import from_record as piece_from_record
from sr_tf.archive.stored import Stored, StoredImage, decode, decode_image, from_record
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.disk.spool import Spool

_BLOCK, _SCORES, _SEGMENT, _PIECE, _SMALL = range(5)
_SEGMENT_HEAD = 1 + len(half_sha256(b""))
_LOCKS = 64
_CACHED_PIECES = 8


class Journal:
    """The chosen blocks, their scores and the original's JPEG segments, on disk.

    Args:
        spool: the spool that stores them.
        grid: the slide's grid.
        segments: layout of the original's JPEG segments; None if it has none.
        standalone: a function from (row, column) to a segment of the original as a complete JPEG file; None if it has
            none.
    """

    def __init__(
        self,
        spool: Spool,
        grid: Grid,
        segments: Segments | None,
        standalone: Callable[[int, int], bytes] | None,
    ):
        self.grid, self.segments = grid, segments
        self._spool, self._standalone = spool, standalone
        self._piece_images = RecentlyUsed(_CACHED_PIECES)
        self._packing = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self._spool.path

    def has(self, row: int, column: int) -> bool:
        """Whether a block's representation has been chosen."""
        return (_BLOCK, row, column) in self._spool

    def put(self, row: int, column: int, stored: Stored) -> None:
        """Stores a block; replaces what was stored for it before."""
        self._spool.put((_BLOCK, row, column), stored.record())

    def stored(self, row: int, column: int) -> Stored:
        """Returns a block."""
        return from_record(self._spool.get((_BLOCK, row, column)))

    def stored_image(self, row: int, column: int) -> StoredImage:
        """Decodes a block, as `sr_tf.archive.restored_blocks.RestoredBlocks` needs."""
        stored = self.stored(row, column)
        x, y, width, height = self.grid.rectangle(row, column)
        if stored.kind is NATIVE:
            return StoredImage(stored.kind, self.segments.read(self.segment, x, y, width, height))
        if stored.shared:
            return StoredImage(stored.kind, *self._from_piece(stored.kind.scale, row, column))
        return StoredImage(stored.kind, decode(stored.kind, stored.file, (height, width)), stored.level)

    def joined(self, scale: int, row: int, column: int) -> bool:
        """Whether it was decided what blocks of a group share; see `sr_tf.archive.shared_piece`.

        Args:
            scale: the piece's scale.
            row: the group's row.
            column: the group's column.
        """
        return (_PIECE, scale, row, column) in self._spool

    def put_piece(self, scale: int, row: int, column: int, piece: SharedPiece | None) -> None:
        """Stores what the blocks of a group share; None: nothing."""
        self._spool.put((_PIECE, scale, row, column), b"" if piece is None else piece.record())

    def piece(self, scale: int, row: int, column: int) -> SharedPiece | None:
        """The piece that blocks of a group share, if they do."""
        key = (_PIECE, scale, row, column)
        record = self._spool.get(key) if key in self._spool else b""
        return piece_from_record(record) if record else None

    def _from_piece(self, scale: int, row: int, column: int) -> tuple[np.ndarray, float]:
        side = group_side(scale)
        group = row // side, column // side
        piece = self.piece(scale, *group)
        rectangle = self.grid.rectangle_of_blocks(piece.row, piece.column, piece.rows, piece.columns)
        width, height = (-(-length // scale) for length in rectangle[2:])
        image = self._piece_images.get((scale, *group), lambda: decode_image(piece.file, "avif", width, height))
        return cut(image, rectangle, self.grid.rectangle(row, column), scale), piece.level

    def packed_segment(self, row: int, column: int) -> tuple[int, bytes]:
        """A segment of the original as `native.repack` returns it; repacked once and then kept."""
        key = (_SEGMENT, row, column)
        with self._packing[hash(key) % len(self._packing)]:  # blocks of several threads lie over one segment
            if key not in self._spool:
                file = self._standalone(row, column)
                kind, packed = native.repack(file, self.segments.codec)
                self._spool.put(key, bytes([kind]) + half_sha256(file) + packed)
        record = self._spool.get(key)
        return record[0], record[_SEGMENT_HEAD:]

    def segment_hash(self, row: int, column: int) -> bytes:
        """The hash of a segment that was packed, see `half_sha256`."""
        return self._spool.get((_SEGMENT, row, column))[1:_SEGMENT_HEAD]

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original as a complete JPEG file, unpacked."""
        return native.unpack(*self.packed_segment(row, column), self.segments.sizes(row), self.segments.codec)

    def native(self, row: int, column: int) -> Stored:
        """A block stored as the original's segments; its cost is its share of the segments that it needs."""
        rectangle = self.grid.rectangle(row, column)
        cost = sum(
            len(self.packed_segment(*place)[1]) * self.segments.share(*place, *rectangle)
            for place in self.segments.under(*rectangle)
        )
        return Stored(NATIVE, 0, b"", cost)

    def scores(self, row: int, column: int) -> np.ndarray | None:
        """Returns a block's scores.

        Returns:
            Packed scores, uint16 [scores, rows, columns]; None if the block was not measured since it or one of its
            neighbours changed.
        """
        key = (_SCORES, row, column)
        if key not in self._spool:
            return None
        record = self._spool.get(key)
        if record[:16] != self._surroundings(row, column):
            return None
        shape = tuple(record[16:19])
        return np.frombuffer(record, "<u2", math.prod(shape), 19).reshape(shape)

    def cells(self, row: int, column: int) -> np.ndarray:
        """The scores of the cells of a block that was measured, as `sr_tf.archive.cells.pack` returns them."""
        record = self._spool.get((_SCORES, row, column))
        rows, columns, *packed = record[19 + 2 * math.prod(record[16:19]) :]
        return np.array(packed, np.uint8).reshape(rows, columns)

    def put_scores(self, row: int, column: int, scores: dict[str, np.ndarray]) -> None:
        """Stores a block's scores, in the order of `gate.SCORE_UNITS`, and those of its cells if they were measured."""
        packed = np.stack([pack(name, scores[name]) for name in SCORE_UNITS if name in scores])
        record = self._surroundings(row, column) + bytes(packed.shape) + packed.astype("<u2").tobytes()
        if cells.CELL_SCORES[0] in scores:
            of_cells = cells.pack(scores)
            record += bytes(of_cells.shape) + of_cells.tobytes()
        self._spool.put((_SCORES, row, column), record)

    def put_small(self, row: int, column: int, image: np.ndarray) -> None:
        """Stores a block's part of the overview, uint8 [h, w, 3]."""
        self._spool.put((_SMALL, row, column), bytes(image.shape[:2]) + image.tobytes())

    def small(self, row: int, column: int) -> np.ndarray:
        """A block's part of the overview."""
        record = self._spool.get((_SMALL, row, column))
        return np.frombuffer(record[2:], np.uint8).reshape(*record[:2], 3)

    def _surroundings(self, row: int, column: int) -> bytes:
        """A hash of the block and its neighbours as stored, on which the restored block depends."""
        digest = hashlib.sha256()
        for place in self.grid.neighbours(row, column):
            digest.update(self._spool.get((_BLOCK, *place)))
        return digest.digest()[:16]
