"""Converting a network's output to 8-bit pixels."""

import numpy as np


def to_uint8(image) -> np.ndarray:
    """Rounds an image with values 0–255 to integers, clips it and returns it as uint8."""
    return np.clip(np.rint(np.asarray(image, np.float32)), 0, 255).astype(np.uint8)
