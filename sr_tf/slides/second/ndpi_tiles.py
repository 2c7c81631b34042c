"""The tiles that an archive cuts from an NDPI file, put together from what tifffile finds, for the second reader."""

import numpy as np

from sr_tf.slides.second.directory import RandomAccess

_SOF0 = 0xC0
"""The marker of the frame header, the only one that tifffile looks for."""


class NdpiTiles:
    """The tiles of level 0; has what `sr_tf.slides.second.page.SecondPage` has for comparing segments.

    Attributes:
        columns: number of tiles in a row.
        rows: number of rows of tiles.
        segment_size: (width, height) of a tile in pixels.
        place: (x, y) of the tiles in level 0.
        tables: b"": each tile has its own tables.
        is_jpeg: the tiles are colour JPEGs.

    Args:
        file: the file.
        header: the header of an interval as a JPEG file; b"" if the whole image is one JPEG.
        offsets: where the data of each interval begins.
        counts: how many bytes each has, up to the next one.
        side: (width, height) of an interval in pixels.
        intervals: columns and rows of intervals.
        height: of a tile in pixels, a multiple of that of an interval.
    """

    tables, is_jpeg, place = b"", True, (0, 0)

    def __init__(
        self,
        file: RandomAccess,
        header: bytes,
        offsets: np.ndarray,
        counts: np.ndarray,
        side: tuple[int, int],
        intervals: tuple[int, int],
        height: int,
    ):
        self._file, self._header, self._offsets, self._counts = file, header, offsets, counts
        self._interval_rows, self._high = intervals[1], height // side[1]
        self.columns, self.rows = intervals[0], -(-intervals[1] // self._high)
        self.segment_size = side[0], height

    def segment(self, column: int, row: int) -> bytes:
        """A tile as a JPEG file."""
        if not self._header:
            whole = self._file.at(int(self._offsets[0]), int(self._counts[0]))
            return whole[: whole.rindex(b"\xff\xd9") + 2]
        joined = bytearray(self._header)
        place = self._stated_height()
        joined[place : place + 2] = self.segment_size[1].to_bytes(2, "big")
        for number in range(self._high):
            line = min(row * self._high + number, self._interval_rows - 1)
            index = line * self.columns + column
            data = self._file.at(int(self._offsets[index]), int(self._counts[index]))
            last = index + 1 == len(self._offsets)
            joined += data[: data.rindex(b"\xff\xd9" if last else b"\xff")]  # without the marker that follows
            joined += bytes([0xFF, 0xD9 if number + 1 == self._high else 0xD0 | number & 7])
        return bytes(joined)

    def _stated_height(self) -> int:
        """Where the header states a height: tifffile writes that of an interval there."""
        place = 2
        while self._header[place + 1] != _SOF0:
            place += 2 + int.from_bytes(self._header[place + 2 : place + 4], "big")
        return place + 5
