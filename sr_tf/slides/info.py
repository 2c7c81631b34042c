"""What is known of a slide beside its pixels."""

from dataclasses import dataclass

import numpy as np

from sr_tf.slides.jpeg_grid import JpegGrid


@dataclass(frozen=True)
class SlideInfo:
    """What a slide's file says; nothing in it is guessed.

    Attributes:
        format: OpenSlide's vendor ("aperio", "generic-tiff", "hamamatsu" …), or "ome-tiff", "tiff" or "image".
        width: of level 0, pixels.
        height: of level 0, pixels.
        mpp: µm per pixel, x and y; None where the file does not say.
        objective_power: nominal magnification; None where the file does not say.
        icc: colour profile exactly as in the file.
        properties: the vendor's properties as they stand in the file, by OpenSlide's names.
    """

    format: str
    width: int
    height: int
    mpp: tuple[float, float] | None
    objective_power: float | None
    icc: bytes | None
    properties: dict[str, str]


@dataclass(frozen=True)
class Associated:
    """An image that belongs to a slide: label, macro, thumbnail.

    Attributes:
        pixels: uint8 [h, w, 3], RGB.
        grid: its JPEG strips or tiles, where it is such a page of a TIFF file.
    """

    pixels: np.ndarray
    grid: JpegGrid | None
