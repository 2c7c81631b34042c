"""The JPEG 2000 tiles of an Aperio or DICOM slide, as they are stored in the file."""

from contextlib import suppress

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.jpeg2000 import check_codestream
from sr_tf.slides.tiff_page import RGB, YCBCR, Page

YCBCR_CODE, RGB_CODE = 33003, 33005
_PHOTOMETRICS = {YCBCR_CODE: YCBCR, RGB_CODE: RGB}
"""How Aperio's values of the TIFF tag Compression say the colours are stored. The page's own tag is often wrong."""
_ENDS = 64
"""Bytes at either end of a codestream that say what it is; zeros may follow it."""


class Jpeg2000Grid:
    """The JPEG 2000 tiles of a page, row by row.

    Attributes:
        path: the file.
        page: the page.
        photometric: how the colours are stored: 2 (RGB) or 6 (YCbCr), as TIFF numbers them.
    """

    def __init__(self, file: FileBytes, page: Page):
        self.path, self.page = file.path, page
        self.photometric = _PHOTOMETRICS[page.compression]
        self._file = file

    def tile(self, row: int, column: int) -> bytes:
        """Reads a tile exactly as it is stored. Thread-safe.

        Returns:
            A JPEG 2000 codestream; b"" if the file leaves the tile out.

        Raises:
            UserError: the file cannot be read, or the tile is not a codestream that can be kept.
        """
        offset, count = self._place(row, column)
        if not count:
            return b""
        codestream = self._file.read(offset, count)
        try:
            self._check(codestream)
        except ValueError as error:
            raise UserError(f"{self.path}: tile {column},{row} cannot be kept ({error})") from error
        return codestream

    def check(self, row: int, column: int) -> None:
        """Checks a tile as `tile` does, but reads all of it only if its ends do not say enough. Thread-safe.

        Raises:
            UserError: see `tile`.
        """
        offset, count = self._place(row, column)
        if count > 2 * _ENDS:
            with suppress(ValueError):
                self._check(self._file.read(offset, _ENDS) + self._file.read(offset + count - _ENDS, _ENDS))
                return
        self.tile(row, column)

    def _place(self, row: int, column: int) -> tuple[int, int]:
        index = row * self.page.columns + column
        return int(self.page.offsets[index]), int(self.page.counts[index])

    def _check(self, codestream: bytes) -> None:
        check_codestream(codestream, self.page.segment_width, self.page.segment_height)


def jpeg2000_grid_of(file: FileBytes, page: Page) -> Jpeg2000Grid | None:
    """The page's tiles, or None if they are not in one of Aperio's forms of JPEG 2000."""
    fits = page.compression in _PHOTOMETRICS and page.is_8_bit and page.samples == 3 and page.contiguous and page.tiled
    return Jpeg2000Grid(file, page) if fits else None
