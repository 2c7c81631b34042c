"""Plain images in the place of slides: PNG, JPEG, BMP and TIFF that is not tiled."""

from pathlib import Path

import numpy as np
from PIL import Image

from sr_tf.errors import UserError
from sr_tf.images.reading import read_rgb
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.tiff_pages import Tiff


class PlainReader:
    """An image held in memory.

    Attributes:
        info: what the file says. No mpp: a picture's dots per inch are those of a printed page.
        grid: None; there are no tiles.

    Args:
        path: of the image.
        tiff: the file's pages, where it is a TIFF.

    Raises:
        UserError: see `sr_tf.images.reading.read_rgb`; or the image is large and not tiled.
    """

    grid = None

    def __init__(self, path: Path, tiff: Tiff | None):
        if tiff and tiff.pages[0].width * tiff.pages[0].height > Image.MAX_IMAGE_PIXELS:
            found = f"is an untiled TIFF of {tiff.pages[0].width}×{tiff.pages[0].height} pixels"
            raise UserError(f"{path}: {found}, expected tiles in one of more than {Image.MAX_IMAGE_PIXELS:,}")
        self._pixels = read_rgb(path)
        height, width, _ = self._pixels.shape
        icc = tiff.pages[0].icc if tiff else _icc(path)
        self.info = SlideInfo("image", width, height, None, None, icc, tiff.properties if tiff else {})

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Copies a rectangle that lies inside the image: uint8 [height, width, 3]."""
        return self._pixels[y : y + height, x : x + width].copy()

    def associated(self) -> dict[str, Associated]:
        """There are none."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def _icc(path: Path) -> bytes | None:
    with Image.open(path) as image:
        return image.info.get("icc_profile") or None
