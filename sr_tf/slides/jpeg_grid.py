"""The JPEG tiles or strips of a TIFF page, as they are stored in the file."""

import numpy as np

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.images.tiff_samples import is_jfif
from sr_tf.slides.jpeg_segments import (
    are_tables,
    chroma_subsampling,
    decode_segment,
    frame_size,
    join_tables,
)
from sr_tf.slides.tiff_page import JPEG, RGB, YCBCR, Page

_BEGINNING = 2048
"""Bytes in which nearly every segment has its frame header."""


class JpegGrid:
    """The JPEG segments of a page, row by row.

    Attributes:
        replaceable: a lossless archive may keep pixels instead of segments where these do not give the slide's pixels.
            Tiles of a page that is level 0 as a whole are kept together or not at all, so that they can be copied.
        x: left edge of the page in pixels of level 0.
        y: its upper edge.
        path: the file.
        width: width of the page in pixels.
        height: height of the page in pixels.
        segment_width: width of a tile in pixels; the page's width for strips.
        segment_height: height of a tile or strip in pixels. The last strip may be lower.
        columns: number of segments in a row; 1 for strips.
        rows: number of rows of segments.
        tables: TIFF tag JPEGTables as stored, or None.
        photometric: how the colours are stored, as a value of the TIFF tag PhotometricInterpretation: 2 (RGB) or 6
            (YCbCr). This is the page's tag, unless that is RGB and the segments are JFIF, which is YCbCr.
        subsampling: the chroma subsampling if the page's tag is wrong about the colours, else its tag
            YCbCrSubSampling, or None.

    Args:
        file: the file.
        page: the page.
        by_tag: the colours are stored as the page's tag says, whatever the segments say. OpenSlide reads them so.
    """

    replaceable = False
    x = y = 0

    def __init__(self, file: FileBytes, page: Page, by_tag: bool = False):
        self.width, self.height = page.width, page.height
        self.segment_width, self.segment_height = page.segment_width, page.segment_height
        self.columns, self.rows = page.columns, page.rows
        self.tables, self.photometric, self.subsampling = page.tables, page.photometric, page.subsampling
        self.path = file.path
        self._file, self._page = file, page
        self._jfif = None if by_tag or page.photometric != RGB else first_is_jfif(file, page)
        if self._jfif:
            self.photometric = YCBCR
            self.subsampling = self._first_subsampling()

    def segment(self, column: int, row: int) -> bytes:
        """Reads a segment exactly as stored. Thread-safe.

        Returns:
            A JPEG stream; b"" if the file leaves the segment out.

        Raises:
            UserError: the file cannot be read.
        """
        index = row * self.columns + column
        offset, count = int(self._page.offsets[index]), int(self._page.counts[index])
        return self._file.read(offset, count) if count else b""

    def beginning(self, column: int, row: int) -> bytes:
        """Reads a segment as far as its frame header, joined with the page's tables. Thread-safe.

        Returns:
            The beginning of a JPEG file; b"" if the file leaves the segment out.

        Raises:
            ValueError: the segment is not a JPEG, or has no frame header.
            UserError: the file cannot be read.
        """
        index = row * self.columns + column
        offset, count = int(self._page.offsets[index]), int(self._page.counts[index])
        if not count:
            return b""
        beginning = join_tables(self.tables, self._file.read(offset, min(count, _BEGINNING)))
        try:
            frame_size(beginning)
        except ValueError:  # a long comment or colour profile may come first
            beginning = join_tables(self.tables, self._file.read(offset, count))
            frame_size(beginning)
        return beginning

    def standalone(self, column: int, row: int) -> bytes:
        """Reads a segment as a complete JPEG file, joined with the page's tables. Thread-safe.

        Returns:
            A JPEG file; b"" if the file leaves the segment out.

        Raises:
            UserError: the file cannot be read, or the segment is not a JPEG of the size of a tile or strip.
        """
        segment = self.segment(column, row)
        if not segment:
            return b""
        try:
            standalone = join_tables(self.tables, segment)
            width, height, _ = frame_size(standalone)
            if self._jfif is not None and is_jfif(segment) != self._jfif:
                raise ValueError("its colours are stored in another way than those of the first segment")
        except ValueError as error:
            raise self._damaged(column, row, error) from error
        heights = {self.segment_height}
        if not self._page.tiled:
            heights.add(min(self.segment_height, self.height - row * self.segment_height))
        if width != self.segment_width or height not in heights:
            expected = f"{self.segment_width}×{min(heights)}"
            raise self._damaged(column, row, f"the JPEG claims {width}×{height} pixels, expected {expected}")
        return standalone

    def decode(self, column: int, row: int) -> np.ndarray | None:
        """Decodes a segment. Thread-safe.

        Returns:
            uint8 [h, w, 3], RGB; None if the file leaves the segment out.

        Raises:
            UserError: the file cannot be read, or the segment is damaged.
        """
        standalone = self.standalone(column, row)
        if not standalone:
            return None
        try:
            return decode_segment(standalone, self.photometric)
        except ValueError as error:
            raise self._damaged(column, row, error) from error

    def _first_subsampling(self) -> tuple[int, int]:
        index = int(np.flatnonzero(self._page.counts)[0])
        row, column = divmod(index, self.columns)
        try:
            return chroma_subsampling(join_tables(self.tables, self.segment(column, row)))
        except ValueError as error:
            raise self._damaged(column, row, error) from error

    def _damaged(self, column: int, row: int, why: object) -> UserError:
        return UserError(f"{self._file.path}: segment {column},{row} is damaged ({why})")


def first_is_jfif(file: FileBytes, page: Page) -> bool:
    """Whether the first segment of a page that is in the file is a JPEG with a JFIF header."""
    there = np.flatnonzero(page.counts)
    if page.compression != JPEG or not there.size:
        return False
    beginning = file.read(int(page.offsets[there[0]]), min(int(page.counts[there[0]]), 16))
    return is_jfif(beginning)


class PlacedGrid(JpegGrid):
    """The JPEG segments of a page that is a part of level 0; see `JpegGrid`.

    Args:
        file: the file.
        page: the page.
        x: left edge of the page in pixels of level 0.
        y: its upper edge.
    """

    replaceable = True

    def __init__(self, file: FileBytes, page: Page, x: int, y: int):
        super().__init__(file, page, by_tag=True)
        self.x, self.y = x, y


def is_colour_jpeg(page: Page) -> bool:
    """Whether a page is 8-bit colour in JPEG."""
    return (
        page.compression == JPEG
        and page.photometric in (RGB, YCBCR)
        and page.is_8_bit
        and page.samples == 3
        and page.contiguous
    )


def has_segments(page: Page) -> bool:
    """Whether the segments of a page are JPEGs as `JpegGrid` needs them."""
    return (
        is_colour_jpeg(page)
        and len(page.offsets) == page.columns * page.rows
        and (page.tables is None or are_tables(page.tables))
    )


def grid_of(file: FileBytes, page: Page, by_tag: bool = False) -> JpegGrid | None:
    """The page's JPEG segments, or None if the page is not 8-bit colour in JPEG; see `JpegGrid` for `by_tag`."""
    return JpegGrid(file, page, by_tag) if has_segments(page) else None
