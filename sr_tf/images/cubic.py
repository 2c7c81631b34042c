"""Bicubic enlargement without rounding in between, so that every machine computes the same pixels.

The kernel is Keys' with a = −0.75, that of OpenCV's INTER_CUBIC. At the places of twice and four times as many pixels
its weights are multiples of 1/2048, and the sums of both directions multiples of 2⁻²² below 2³¹ of them: float64 and
int32 hold them exactly, in whatever order they are added. In float32, as OpenCV enlarges uint8 and float32 images, they
depend on the processor.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from sr_tf.images.libraries import HAS_OPENCV, cv2

_REACH, _TAPS = 2, 4
_PHASES = {
    2: ((-2, (-72, 536, 1800, -216)), (-1, (-216, 1800, 536, -72))),
    4: (
        *((-2, (-135, 873, 1535, -225)), (-2, (-21, 235, 1981, -147))),
        *((-1, (-147, 1981, 235, -21)), (-1, (-225, 1535, 873, -135))),
    ),
}
"""Of each new pixel of an old one, the place of the first of four pixels and their weights × 2048."""
_HALF, _BITS = 1 << 21, 22


def enlarge_cubic(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges an image by bicubic interpolation.

    Args:
        image: uint8 [h, w, 3]. Pixels outside repeat its edge.
        factor: 2 or 4.

    Returns:
        uint8 [factor · h, factor · w, 3]; halves are rounded up.
    """
    if not HAS_OPENCV:
        return enlarge_in_whole_numbers(image, factor)
    exact = cv2.resize(image.astype(np.float64), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    exact += 0.5
    return np.clip(exact, 0, 255, out=exact).astype(np.uint8)


def enlarge_in_whole_numbers(image: np.ndarray, factor: int) -> np.ndarray:
    """The same without OpenCV, in five times the time."""
    height, width, channels = image.shape
    padded = np.pad(image, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), "edge").astype(np.int32)
    wide = np.empty((len(padded), width, factor, channels), np.int32)
    for phase, (first, weights) in enumerate(_PHASES[factor]):
        columns = (padded[:, _REACH + first + tap :][:, :width] for tap in range(_TAPS))
        wide[:, :, phase] = _weighted(columns, weights)
    wide = wide.reshape(len(padded), factor * width, channels)
    result = np.empty((height, factor, factor * width, channels), np.uint8)
    for phase, (first, weights) in enumerate(_PHASES[factor]):
        sums = _weighted((wide[_REACH + first + tap :][:height] for tap in range(_TAPS)), weights)
        sums += _HALF
        sums >>= _BITS
        result[:, phase] = np.clip(sums, 0, 255, out=sums)
    return result.reshape(factor * height, factor * width, channels)


def enlarge_cubic_in_floats(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges as `enlarge_cubic` does, by OpenCV's INTER_CUBIC: for archives of version 1, which were measured so."""
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _weighted(parts: Iterable[np.ndarray], weights: Sequence[int]) -> np.ndarray:
    """The sum of int32 images, each times its weight."""
    total = None
    for part, weight in zip(parts, weights, strict=True):
        product = part * np.int32(weight)
        total = product if total is None else np.add(total, product, out=total)
    return total
