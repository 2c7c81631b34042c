"""The journal of `sr-tf archive`: everything that an interrupted call has finished, so that the next one resumes."""

import hashlib
import math
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from sr_tf.archive import cells, native
from sr_tf.archive.container import half_sha256
from sr_tf.archive.cut import cut
from sr_tf.archive.gate import SCORE_UNITS, pack
from sr_tf.archive.grid import Grid, Place
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import Segments
from sr_tf.archive.shared_piece import SharedPiece, group_of
from sr_tf.archive.shared_piece import from_record as piece_from_record
from sr_tf.archive.stored import Stored, StoredImage, decode, decode_image, from_record
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.disk.spool import Spool

# 2 was a segment together with its bytes.
_BLOCK, _SCORES, _PIECE, _SMALL, _SEGMENT, _PACKED, _SAME_CELLS, _RAISED, _NETWORKS = 0, 1, 3, 4, 5, 6, 7, 8, 9
_SEGMENT_RECORD = struct.Struct(f"<BQ{len(half_sha256(b''))}s")
"""How a segment is packed, its bytes then, and the hash of the original's."""
_LOCKS = 64
_CACHED_PIECES = 8
_CACHED_SEGMENTS = 64
"""Packed segments that are kept until it is known whether a block is stored as them, and as many unpacked ones: a wide
one lies under several blocks in a row."""
_CACHED_BYTES = 32 << 20
"""But only so many bytes of each: a segment may be a whole page."""


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
        self._packed: RecentlyUsed[tuple[int, bytes]] = RecentlyUsed(
            _CACHED_SEGMENTS, _CACHED_BYTES, lambda packed: len(packed[1])
        )
        self._unpacked: RecentlyUsed[bytes] = RecentlyUsed(_CACHED_SEGMENTS, _CACHED_BYTES, len)
        self._packing = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self._spool.path

    def has(self, row: int, column: int) -> bool:
        """Whether a block's representation has been chosen."""
        return (_BLOCK, row, column) in self._spool

    def put(self, row: int, column: int, stored: Stored) -> None:
        """Stores a block, and the segments that it is stored as; replaces what was stored for it before."""
        if stored.kind is NATIVE:
            for segment in self.segments.under(*self.grid.rectangle(row, column)):
                self._keep_segment(*segment)
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

    def networks(self) -> bool | None:
        """Whether networks are used on this slide; None: that is not decided yet."""
        key = (_NETWORKS, 0, 0)
        return self._spool.get(key) == b"1" if key in self._spool else None

    def put_networks(self, used: bool) -> None:
        """Stores whether networks are used on this slide."""
        self._spool.put((_NETWORKS, 0, 0), b"1" if used else b"0")

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
        group = group_of(scale, row, column)
        piece = self.piece(*group)
        rectangle = self.grid.rectangle_of_blocks(piece.row, piece.column, piece.rows, piece.columns)
        width, height = (-(-length // scale) for length in rectangle[2:])
        image = self._piece_images.get(group, lambda: decode_image(piece.file, "avif", width, height))
        return cut(image, rectangle, self.grid.rectangle(row, column), scale), piece.level

    def packed_segment(self, row: int, column: int) -> tuple[int, bytes]:
        """A segment of the original as `native.repack` returns it; from the disk if a block is stored as it."""
        key = (_PACKED, row, column)
        if key in self._spool:
            return self._segment_record(row, column)[0], self._spool.get(key)
        return self._repacked(row, column)

    def segment_bytes(self, row: int, column: int) -> int:
        """Bytes of a packed segment."""
        return self._segment_record(row, column)[1]

    def segment_hash(self, row: int, column: int) -> bytes:
        """The hash of a segment as it is in the original, see `half_sha256`."""
        return self._segment_record(row, column)[2]

    def _segment_record(self, row: int, column: int) -> tuple[int, int, bytes]:
        key = (_SEGMENT, row, column)
        if key not in self._spool:
            self._repacked(row, column)
        return _SEGMENT_RECORD.unpack(self._spool.get(key))

    def _keep_segment(self, row: int, column: int) -> None:
        with self._lock(row, column):
            if (_PACKED, row, column) not in self._spool:
                self._spool.put((_PACKED, row, column), self._packed_under_lock(row, column)[1])

    def _repacked(self, row: int, column: int) -> tuple[int, bytes]:
        with self._lock(row, column):  # blocks of several threads lie over one segment
            return self._packed_under_lock(row, column)

    def _packed_under_lock(self, row: int, column: int) -> tuple[int, bytes]:
        def pack() -> tuple[int, bytes]:
            file = self._standalone(row, column)
            kind, packed = native.repack(file, self.segments.codec)
            if (_SEGMENT, row, column) not in self._spool:
                record = _SEGMENT_RECORD.pack(kind, len(packed), half_sha256(file))
                self._spool.put((_SEGMENT, row, column), record)
            return kind, packed

        return self._packed.get((row, column), pack)

    def _lock(self, row: int, column: int) -> threading.Lock:
        return self._packing[hash((row, column)) % len(self._packing)]

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original as a complete JPEG file, unpacked."""

        def unpack() -> bytes:
            return native.unpack(*self.packed_segment(row, column), self.segments.sizes(row), self.segments.codec)

        return self._unpacked.get((row, column), unpack)

    def native(self, row: int, column: int) -> Stored:
        """A block stored as the original's segments; its cost is its share of the segments that it needs."""
        rectangle = self.grid.rectangle(row, column)
        cost = sum(
            self.segment_bytes(*place) * self.segments.share(*place, *rectangle)
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
        if record[:16] != self._digest(self.grid.neighbours(row, column)):
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
        record = self._digest(self.grid.neighbours(row, column)) + bytes(packed.shape) + packed.astype("<u2").tobytes()
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

    def same_cells(self, row: int, column: int, blocks: Iterable[Place]) -> int | None:
        """Returns the number of red cells of a finder's window.

        Args:
            row: the window's row.
            column: the window's column.
            blocks: the blocks whose pixels the finder sees.

        Returns:
            None if the window's cells did not agree with the original's since one of the blocks, or of their
            neighbours, changed.
        """
        key = (_SAME_CELLS, row, column)
        record = self._spool.get(key) if key in self._spool else b""
        known = record[:16] == self._digest(self.grid.around(blocks))
        return int.from_bytes(record[16:], "little") if known else None

    def put_same_cells(self, row: int, column: int, blocks: Iterable[Place], count: int) -> None:
        """Stores that the cells of a window, so many, agree with the original's."""
        record = self._digest(self.grid.around(blocks)) + count.to_bytes(4, "little")
        self._spool.put((_SAME_CELLS, row, column), record)

    def put_raised(self, row: int, column: int) -> None:
        """Stores that a block was made larger for its cells."""
        self._spool.put((_RAISED, row, column), b"")

    def raised(self) -> int:
        """Number of blocks that were made larger for their cells."""
        return sum((_RAISED, *place) in self._spool for place in self.grid.blocks())

    def _digest(self, places: Iterable[Place]) -> bytes:
        """A hash of blocks as stored; on a block and its neighbours depends what is restored of it."""
        digest = hashlib.sha256()
        for place in places:
            digest.update(self._spool.get((_BLOCK, *place)))
        return digest.digest()[:16]
