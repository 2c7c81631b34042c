"""The JPEG 2000 tiles of an Aperio or DICOM slide, as they are stored in the file."""

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.jpeg2000 import check_codestream
from sr_tf.slides.tiff_page import RGB, YCBCR, Page

YCBCR_CODE, RGB_CODE = 33003, 33005
_PHOTOMETRICS = {YCBCR_CODE: YCBCR, RGB_CODE: RGB}
"""How Aperio's values of the TIFF tag Compression say the colours are stored. The page's own tag is often wrong."""


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
        index = row * self.page.columns + column
        offset, count = int(self.page.offsets[index]), int(self.page.counts[index])
        if not count:
            return b""
        codestream = self._file.read(offset, count)
        try:
            check_codestream(codestream, self.page.segment_width, self.page.segment_height)
        except ValueError as error:
            raise UserError(f"{self.path}: tile {column},{row} cannot be kept ({error})") from error
        return codestream


def jpeg2000_grid_of(file: FileBytes, page: Page) -> Jpeg2000Grid | None:
    """The page's tiles, or None if they are not in one of Aperio's forms of JPEG 2000."""
    fits = page.compression in _PHOTOMETRICS and page.is_8_bit and page.samples == 3 and page.contiguous and page.tiled
    return Jpeg2000Grid(file, page) if fits else None
