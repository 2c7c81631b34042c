"""Which part of a scene is worth showing enlarged."""

import numpy as np

from sr_tf.images.libraries import cv2

DETAIL = 96
"""Side of a detail in HR pixels."""
_STEP = 8
"""Details start at multiples of this many HR pixels, so that they lie on the LR grid of every scale."""


def busiest(image: np.ndarray, side: int) -> tuple[int, int]:
    """The square of an image that has the most edges.

    Args:
        image: uint8 [H, W, 3].
        side: side of the square in pixels, at most min(H, W).

    Returns:
        (top, left), multiples of 8.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = cv2.Sobel(grey, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(grey, cv2.CV_32F, 0, 1) ** 2
    return _largest_sum(np.minimum(energy, np.percentile(energy, 99)), side)


def largest_error(hr: np.ndarray, sr: np.ndarray, side: int) -> tuple[int, int]:
    """The square of an image that has the largest squared error.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.
        side: side of the square in pixels, at most min(H, W).

    Returns:
        (top, left), multiples of 8.
    """
    return _largest_sum(np.square(hr.astype(np.float32) - sr.astype(np.float32)).sum(axis=2), side)


def _largest_sum(values: np.ndarray, side: int) -> tuple[int, int]:
    """(top, left) of the square with the largest sum of `values`, float [H, W]."""
    sums = cv2.integral(values)
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    inside = inside[::_STEP, ::_STEP]
    row, column = np.unravel_index(np.argmax(inside), inside.shape)
    return _STEP * int(row), _STEP * int(column)
