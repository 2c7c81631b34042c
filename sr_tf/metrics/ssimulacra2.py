"""SSIMULACRA2, a metric that developers of image codecs use for tuning (Sneyers, Cloudinary 2022)."""

import io

import numpy as np
from PIL import Image

from sr_tf.errors import missing_extra

LEAST_SIDE = 225
"""Smallest image side in pixels: halved five times, rounded up, it leaves the 8 pixels that the sixth scale needs."""


def load_ssimulacra2():
    """Loads the metric from the package `ssimulacra2` 0.3.

    Protocol: 8-bit sRGB, no border cut. 100: identical; 90: visually lossless; 70: high quality; 50: medium; 30: low;
    below 0: extremely low.

    Returns:
        A function of HR and SR, uint8 [H, W, 3] with sides of at least `LEAST_SIDE` pixels, that returns a float of at
        most 100.

    Raises:
        UserError: the package is not installed.
    """
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError as error:
        raise missing_extra("evaluate", error) from error

    def ssimulacra2(hr: np.ndarray, sr: np.ndarray) -> float:
        return float(compute_ssimulacra2(_as_file(hr), _as_file(sr)))

    return ssimulacra2


def _as_file(image: np.ndarray) -> io.BytesIO:
    """The image as an uncompressed file in memory, because the package takes files only."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="BMP")
    return file
