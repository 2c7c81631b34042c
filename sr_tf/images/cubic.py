"""Bicubic enlargement in whole numbers, so that every machine computes the same pixels.

The kernel is Keys' with a = −0.75, that of OpenCV's INTER_CUBIC, with weights in units of 1/2048. OpenCV computes in
float32, in an order that depends on the processor, so single pixels differ by 1 between machines. Here sums are exact.
"""

import cv2
import numpy as np

SHIFT = 22
"""Sums along both directions are in units of 2⁻²²; a sum of 255 times all absolute weights stays below 2³¹."""

# For each phase of the new pixels, the first of four LR pixels as an offset, and the weights.
_PHASES = {
    2: ((-2, (-72, 536, 1800, -216)), (-1, (-216, 1800, 536, -72))),
    4: (
        (-2, (-135, 873, 1535, -225)),
        (-2, (-21, 235, 1981, -147)),
        (-1, (-147, 1981, 235, -21)),
        (-1, (-225, 1535, 873, -135)),
    ),
}


def enlarge_cubic(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges an image by bicubic interpolation.

    Args:
        image: uint8 [h, w, 3]. Pixels outside repeat its edge.
        factor: 2 or 4.

    Returns:
        uint8 [factor · h, factor · w, 3].
    """
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.int32)
    rows = _enlarged(padded, factor, axis=1)
    sums = _enlarged(rows, factor, axis=0)
    sums += 1 << (SHIFT - 1)  # so that the shift rounds to the nearest, halves up
    sums >>= SHIFT
    return np.clip(sums, 0, 255, out=sums).astype(np.uint8)


def enlarge_cubic_in_floats(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges as `enlarge_cubic` does, by OpenCV's INTER_CUBIC: for archives of version 1, which were measured so."""
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _enlarged(values: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Enlarges along one axis, on which `values` has two more entries on each side."""
    values = np.moveaxis(values, axis, 0)
    length = len(values) - 4
    result = np.empty((length, factor, *values.shape[1:]), np.int32)
    for phase, (first, weights) in enumerate(_PHASES[factor]):
        taps = (values[2 + first + tap : 2 + first + tap + length] for tap in range(4))
        np.multiply(next(taps), weights[0], out=result[:, phase])
        for tap, weight in zip(taps, weights[1:], strict=True):
            result[:, phase] += tap * np.int32(weight)
    return np.moveaxis(result.reshape(length * factor, *values.shape[1:]), 0, axis)
