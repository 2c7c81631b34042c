"""The second reader of plain images: OpenCV for PNG, JPEG and BMP, tifffile for TIFF without tiles.

The first reader takes Pillow for all of them. The image is held in memory, as in the first reader.
"""

from pathlib import Path

import numpy as np
import tifffile

from sr_tf.images.libraries import cv2
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.silent import silent

_TIFF = (b"II", b"MM")
_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG = 7
_EXACT = (1, 5, 8, 32946, 32773, 50000)
_JPEG_BEGINNING, _BMP = b"\xff\xd8", b"BM"


class ImageSecond:
    """A plain image; see `sr_tf.slides.second.reader.SecondReader`.

    Args:
        path: the file.
    """

    page = None

    def __init__(self, path: Path):
        data = np.fromfile(path, np.uint8)
        beginning = data[:2].tobytes()
        if beginning in _TIFF:
            self._pixels, self.exact = _tiff(path)
            self.name = f"tifffile {tifffile.__version__}"
        else:
            if beginning == _BMP and int.from_bytes(data[28:30].tobytes(), "little") == 16:
                raise NoSecondReader("a BMP of 16 bits per pixel, which decoders scale differently")
            # OpenCV applies the orientation in EXIF.
            found = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
            if found is None:
                raise NoSecondReader("OpenCV does not decode this image")
            self._pixels, self.exact = found, beginning != _JPEG_BEGINNING
            self.name = f"OpenCV {cv2.__version__}"
        self.levels = (self._pixels.shape[1::-1],)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle: uint8 [height, width, 3]."""
        return self._pixels[y : y + height, x : x + width]

    def close(self) -> None:
        """Does nothing: no file is open."""


def _tiff(path: Path) -> tuple[np.ndarray, bool]:
    try:
        with silent(), tifffile.TiffFile(path, _multifile=False) as tiff:
            page = tiff.pages[0]
            samples, bits, photometric = page.asarray(), page.bitspersample, int(page.photometric)
            planar, compression = int(page.planarconfig or 1) == 2, int(page.compression)
            colours, orientation = page.colormap, int(page.tags.valueof("Orientation", 1))
    except Exception as error:  # tifffile can raise any exception
        raise NoSecondReader(f"tifffile does not decode this image ({type(error).__name__})") from error
    known = photometric in (_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE) or (photometric == _YCBCR and compression == _JPEG)
    if not known:
        raise NoSecondReader(f"a TIFF without tiles of photometric interpretation {photometric}")
    samples = np.squeeze(samples)
    if planar and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, 2)
    bits = int(np.max(bits))
    if photometric == _PALETTE and colours is not None:
        samples = np.uint8(np.moveaxis(colours, 0, 1) >> 8)[samples]
    elif bits < 8:
        samples = np.uint8(samples.astype(int) * 255 // (2**bits - 1))
    if samples.dtype != np.uint8 or samples.ndim not in (2, 3):
        raise NoSecondReader(f"tifffile decodes this image to {samples.dtype} {list(samples.shape)}")
    if photometric == _WHITE_IS_ZERO:
        samples = 255 - samples
    samples = samples if samples.ndim == 3 else samples[..., None]
    samples = samples[..., :3] if samples.shape[2] >= 3 else np.repeat(samples[..., :1], 3, axis=2)
    return np.ascontiguousarray(_upright(samples, orientation)), compression in _EXACT


def _upright(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Brings the first row up and the first column to the left, by the table of the TIFF specification."""
    if orientation >= 5:
        stored = stored.transpose(1, 0, 2)
    # Of the stored rows and columns, now transposed: which run backwards.
    rows = orientation in (3, 4, 7, 8)
    columns = orientation in (2, 3, 6, 7)
    return stored[:: -1 if rows else 1, :: -1 if columns else 1]
