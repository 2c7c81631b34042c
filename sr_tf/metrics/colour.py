"""Colour shift: whether a restoration changes the stain."""

import numpy as np


def colour_shift(hr: np.ndarray, sr: np.ndarray) -> np.ndarray:
    """The mean of SR − HR over the image.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.

    Returns:
        float64 [3], for R, G and B, in 8-bit levels; positive if SR is brighter.
    """
    return sr.mean(axis=(0, 1), dtype=np.float64) - hr.mean(axis=(0, 1), dtype=np.float64)
