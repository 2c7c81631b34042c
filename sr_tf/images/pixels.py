"""Pixels on their way into a network and out of it."""

import numpy as np

UNCODED = 100
"""The quality that a network is told of an image that no codec touched: that of the finest coded image."""


def to_uint8(image) -> np.ndarray:
    """Rounds an image with values 0–255 to integers, clips it and returns it as uint8."""
    return np.clip(np.rint(np.asarray(image, np.float32)), 0, 255).astype(np.uint8)


def with_quality(image: np.ndarray, quality: float) -> np.ndarray:
    """Adds the codec's quality as a fourth channel, for networks that are told it.

    Args:
        image: uint8 [H, W, 3], decoded.
        quality: 0 to 100; rounded to a whole number.

    Returns:
        uint8 [H, W, 4].
    """
    return np.concatenate([image, np.full((*image.shape[:2], 1), round(quality), np.uint8)], axis=-1)
