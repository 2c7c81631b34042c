"""From a network's floats to what a file holds."""

import numpy as np


def to_uint8(image) -> np.ndarray:
    """Rounds and clips a float image in [0, 255] to uint8."""
    return np.clip(np.rint(np.asarray(image, np.float32)), 0, 255).astype(np.uint8)
