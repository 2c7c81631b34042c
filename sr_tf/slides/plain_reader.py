"""Reading plain images in place of slides: PNG, JPEG, BMP and TIFF without tiles."""

from pathlib import Path

import numpy as np
from PIL import Image

from sr_tf.errors import UserError
from sr_tf.images.reading import read_rgb
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.page_rules import whole_objection
from sr_tf.slides.tiff_header import Tiff, check_untiled_size


class PlainReader:
    """An image held in memory.

    Attributes:
        info: size and metadata. PNG, JPEG and BMP have no mpp: their resolution describes the printed page.
        grid: None, because the image has no tiles.
        jpeg2000: likewise.

    Args:
        path: the image file.
        tiff: its header if it is a TIFF, else None.

    Raises:
        UserError: the image is large and has no tiles, or see `sr_tf.images.reading.read_rgb`.
    """

    grid = jpeg2000 = None

    def __init__(self, path: Path, tiff: Tiff | None):
        if tiff:
            if why := whole_objection(tiff.pages[0]):
                raise UserError(f"{path}: {why}")
            check_untiled_size(path, tiff.pages[0])
        self._pixels = read_rgb(path)
        height, width, _ = self._pixels.shape
        icc = tiff.pages[0].icc if tiff else _icc(path)
        mpp, properties = (tiff.mpp, tiff.properties) if tiff else (None, {})
        self.info = SlideInfo("image", width, height, mpp, None, icc, properties)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Copies a rectangle that lies inside the image: uint8 [height, width, 3]."""
        return self._pixels[y : y + height, x : x + width].copy()

    def associated(self) -> dict[str, Associated]:
        """Returns an empty dictionary: a plain image has no associated images."""
        return {}

    def associated_names(self) -> list[str]:
        """Returns an empty list."""
        return []

    def close(self) -> None:
        """Does nothing: no file is open."""


def _icc(path: Path) -> bytes | None:
    with Image.open(path) as image:
        return image.info.get("icc_profile") or None
