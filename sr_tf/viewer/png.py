"""Tiles as PNG files. OpenCV, where it is installed, takes a third of Pillow's time; PNG is lossless with both."""

import io

import numpy as np
from PIL import Image

from sr_tf.images.libraries import HAS_OPENCV, cv2
from sr_tf.images.reading import encode_png


def encode_tile(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 [h, w, 3], RGB."""
    if HAS_OPENCV:
        return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    return encode_png(pixels)


def decode_tile(file: bytes) -> np.ndarray:
    """uint8 [h, w, 3], RGB, of a tile's PNG file."""
    if HAS_OPENCV:
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return np.asarray(Image.open(io.BytesIO(file), formats=("PNG",)))
