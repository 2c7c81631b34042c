"""The JPEG tiles or strips of a TIFF page, as they stand in the file."""

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.jpeg_segments import (
    RGB,
    YCBCR,
    are_tables,
    decode_segment,
    frame_size,
    join_tables,
    split_tables,
)
from sr_tf.slides.tiff_pages import JPEG, Page

__all__ = ["JpegGrid", "decode_segment", "grid_of", "join_tables", "split_tables"]


class JpegGrid:
    """The JPEG segments of a page, row by row.

    Attributes:
        width: of the page in pixels.
        height: of the page in pixels.
        segment_width: of a tile, or of the page where it is cut into strips.
        segment_height: of a tile or strip; the last strip may be lower.
        columns: segments in a row; 1 for strips.
        rows: rows of segments.
        tables: TIFF tag JPEGTables as it stands, None where there is none.
        photometric: TIFF tag PhotometricInterpretation, 2 (RGB) or 6 (YCbCr).
        subsampling: TIFF tag YCbCrSubSampling, None where there is none.
    """

    def __init__(self, file: FileBytes, page: Page):
        self.width, self.height = page.width, page.height
        self.segment_width, self.segment_height = page.segment_width, page.segment_height
        self.columns, self.rows = page.columns, page.rows
        self.tables, self.photometric, self.subsampling = page.tables, page.photometric, page.subsampling
        self._file, self._page = file, page

    def segment(self, column: int, row: int) -> bytes:
        """A segment exactly as in the file. Thread-safe.

        Returns:
            A JPEG stream; b"" where the file leaves the segment out.

        Raises:
            UserError: the file cannot be read.
        """
        index = row * self.columns + column
        offset, count = int(self._page.offsets[index]), int(self._page.counts[index])
        return self._file.read(offset, count) if count else b""

    def standalone(self, column: int, row: int) -> bytes:
        """A segment as one complete JPEG file, the page's tables joined in. Thread-safe.

        Returns:
            A JPEG file; b"" where the file leaves the segment out.

        Raises:
            UserError: the file cannot be read, or the segment is no JPEG of the page's tile or strip size.
        """
        segment = self.segment(column, row)
        if not segment:
            return b""
        try:
            standalone = join_tables(self.tables, segment)
            width, height, _ = frame_size(standalone)
        except ValueError as error:
            raise self._damaged(column, row, str(error)) from error
        heights = {self.segment_height}
        if not self._page.tiled:
            heights.add(min(self.segment_height, self.height - row * self.segment_height))
        if width != self.segment_width or height not in heights:
            expected = f"{self.segment_width}×{min(heights)}"
            raise self._damaged(column, row, f"the JPEG claims {width}×{height} pixels, expected {expected}")
        return standalone

    def _damaged(self, column: int, row: int, reason: str) -> UserError:
        return UserError(f"{self._file.path}: segment {column},{row} is damaged ({reason})")


def grid_of(file: FileBytes, page: Page) -> JpegGrid | None:
    """The page's JPEG segments, if it consists of such in three 8-bit colours."""
    fits = (
        page.compression == JPEG
        and page.photometric in (RGB, YCBCR)
        and page.is_8_bit
        and page.samples == 3
        and page.contiguous
        and len(page.offsets) == page.columns * page.rows
        and (page.tables is None or are_tables(page.tables))
    )
    return JpegGrid(file, page) if fits else None
