"""What a slide's file contains besides the pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_tf.errors import UserError
from sr_tf.slides.jpeg_grid import JpegGrid

ASSOCIATED = ("label", "macro", "thumbnail", "overview", "map")
"""The kinds of associated images, by OpenSlide's names. Bio-Formats calls them "label image", "macro image"."""


@dataclass(frozen=True)
class SlideInfo:
    """Size and metadata of a slide, as the file states them; nothing is guessed.

    Attributes:
        format: OpenSlide's vendor ("aperio", "generic-tiff", "hamamatsu" …), or "ome-tiff", "tiff" or "image".
        width: width of level 0 in pixels.
        height: height of level 0 in pixels.
        mpp: µm per pixel, x and y; None if the file does not state it.
        objective_power: nominal magnification; None if the file does not state it.
        icc: colour profile exactly as in the file, or None.
        properties: the vendor's properties exactly as in the file, by OpenSlide's names.
    """

    format: str
    width: int
    height: int
    mpp: tuple[float, float] | None
    objective_power: float | None
    icc: bytes | None
    properties: dict[str, str]

    def require_inside(self, path: Path, x: int, y: int, width: int, height: int) -> None:
        """Checks that a rectangle of at least one pixel lies inside level 0.

        Args:
            path: the file, for the error message.
            x: left edge in pixels.
            y: upper edge in pixels.
            width: width in pixels.
            height: height in pixels.

        Raises:
            UserError: it does not.
        """
        if not (0 <= x < x + width <= self.width and 0 <= y < y + height <= self.height):
            region = f"region {x},{y},{width},{height}"
            raise UserError(f"{path}: {region} is not inside the slide of {self.width}×{self.height} pixels")


@dataclass(frozen=True)
class Associated:
    """An image that belongs to a slide: label, macro or thumbnail.

    Attributes:
        pixels: uint8 [h, w, 3], RGB.
        grid: its JPEG strips or tiles if it is a JPEG page of a TIFF file, else None.
    """

    pixels: np.ndarray
    grid: JpegGrid | None
