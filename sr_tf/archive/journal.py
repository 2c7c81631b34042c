"""What an interrupted `sr-tf archive` left behind, and a resumed one takes up."""

import hashlib
from collections.abc import Callable

import numpy as np

from sr_tf.archive import native
from sr_tf.archive.gate import SCORE_UNITS, pack
from sr_tf.archive.grid import Grid
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import Segments
from sr_tf.archive.stored import Stored, decode, from_record
from sr_tf.disk.spool import Spool

_BLOCK, _SCORES, _SEGMENT = range(3)


class Journal:
    """Blocks, their measured scores and the original's segments, on disk.

    Args:
        spool: that holds them.
        grid: of the slide.
        segments: of the original, if it has some.
        standalone: from (row, column) to a segment of the original.
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

    def has(self, row: int, column: int) -> bool:
        """Whether a block was chosen."""
        return (_BLOCK, row, column) in self._spool

    def put(self, row: int, column: int, stored: Stored) -> None:
        """Keeps a block, instead of what was kept of it before."""
        self._spool.put((_BLOCK, row, column), stored.record())

    def stored(self, row: int, column: int) -> Stored:
        """A block."""
        return from_record(self._spool.get((_BLOCK, row, column)))

    def stored_image(self, row: int, column: int):
        """A block's kind and stored image; for `sr_tf.archive.restored_blocks.RestoredBlocks`."""
        stored = self.stored(row, column)
        x, y, width, height = self.grid.rectangle(row, column)
        if stored.kind is NATIVE:
            return stored.kind, self.segments.read(self.segment, x, y, width, height)
        return stored.kind, decode(stored.kind, stored.file, (height, width))

    def packed_segment(self, row: int, column: int) -> tuple[int, bytes]:
        """A segment of the original as `native.repack` makes it, which is done once."""
        key = (_SEGMENT, row, column)
        if key not in self._spool:
            kind, packed = native.repack(self._standalone(row, column))
            self._spool.put(key, bytes([kind]) + packed)
        record = self._spool.get(key)
        return record[0], record[1:]

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original, back from its packed form."""
        return native.unpack(*self.packed_segment(row, column))

    def native(self, row: int, column: int) -> Stored:
        """A block by the original's segments; it bears its share of those that it needs."""
        rectangle = self.grid.rectangle(row, column)
        cost = sum(
            len(self.packed_segment(*place)[1]) * self.segments.share(*place, *rectangle)
            for place in self.segments.under(*rectangle)
        )
        return Stored(NATIVE, 0, b"", cost)

    def scores(self, row: int, column: int) -> np.ndarray | None:
        """A block's packed scores, uint16 [scores, rows, columns], if measured with what is stored around it now."""
        key = (_SCORES, row, column)
        if key not in self._spool:
            return None
        record = self._spool.get(key)
        if record[:16] != self._surroundings(row, column):
            return None
        shape = tuple(record[16:19])
        return np.frombuffer(record[19:], "<u2").reshape(shape)

    def put_scores(self, row: int, column: int, scores: dict[str, np.ndarray]) -> None:
        """Keeps a block's scores."""
        packed = np.stack([pack(name, scores.get(name, np.zeros_like(scores["psnr"]))) for name in SCORE_UNITS])
        record = self._surroundings(row, column) + bytes(packed.shape) + packed.astype("<u2").tobytes()
        self._spool.put((_SCORES, row, column), record)

    def _surroundings(self, row: int, column: int) -> bytes:
        digest = hashlib.sha256()
        for place in self.grid.neighbours(row, column):
            digest.update(self._spool.get((_BLOCK, *place)))
        return digest.digest()[:16]
