"""Bicubic enlargement without rounding in between, so that every machine computes the same pixels.

The kernel is Keys' with a = −0.75, that of OpenCV's INTER_CUBIC. At the places of twice and four times as many pixels
its weights are multiples of 1/2048, and the sums of both directions multiples of 2⁻²²: float64 holds them exactly, in
whatever order they are added. In float32, as OpenCV enlarges uint8 and float32 images, they depend on the processor.
"""

import cv2
import numpy as np


def enlarge_cubic(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges an image by bicubic interpolation.

    Args:
        image: uint8 [h, w, 3]. Pixels outside repeat its edge.
        factor: 2 or 4.

    Returns:
        uint8 [factor · h, factor · w, 3]; halves are rounded up.
    """
    exact = cv2.resize(image.astype(np.float64), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    exact += 0.5
    return np.clip(exact, 0, 255, out=exact).astype(np.uint8)


def enlarge_cubic_in_floats(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges as `enlarge_cubic` does, by OpenCV's INTER_CUBIC: for archives of version 1, which were measured so."""
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
