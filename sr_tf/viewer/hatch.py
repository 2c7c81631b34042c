"""A pattern for damaged parts of a slide that cannot be mistaken for tissue."""

import numpy as np

_DARK, _BRIGHT = (44, 12, 40), (232, 62, 180)
_STRIPE = 6
"""Width of a stripe in pixels."""


def hatched(height: int, width: int) -> np.ndarray:
    """Diagonal stripes, uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width]
    bright = (x + y) // _STRIPE % 2 == 0
    return np.where(bright[..., None], np.uint8(_BRIGHT), np.uint8(_DARK))
