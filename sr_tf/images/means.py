"""Reduction by means of pixels, as OpenCV's INTER_AREA computes it for whole factors; on every machine the same."""

import numpy as np

_LARGEST = 256


def reduce_by_means(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduces an image a whole number of times in each direction.

    Args:
        image: uint8 [factor · h, factor · w, C].
        factor: a power of two from 2 to 256.

    Returns:
        uint8 [h, w, C], the mean of each square of pixels. Halves are rounded up if the factor is 2, and to the even
        number otherwise.
    """
    columns = image[::factor].astype(np.uint32 if factor > 16 else np.uint16)
    for row in range(1, factor):
        columns += image[row::factor]
    sums = columns[:, ::factor].astype(np.uint16 if factor == 2 else np.uint32)
    for column in range(1, factor):
        sums += columns[:, column::factor]
    if factor == 2:
        return ((sums + 2) >> 2).astype(np.uint8)
    return np.rint(sums / np.float64(factor * factor)).astype(np.uint8)


def pad_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Repeats the last row and column until both sides are multiples of `multiple`.

    Args:
        image: [H, W] or [H, W, C].
        multiple: in pixels.

    Returns:
        [H', W', C], H' and W' being the next multiples; the image itself if its sides are multiples already.
    """
    bottom, right = -image.shape[0] % multiple, -image.shape[1] % multiple
    if not bottom and not right:
        return image
    return np.pad(image, ((0, bottom), (0, right), *[(0, 0)] * (image.ndim - 2)), "edge")


def reduce_to(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Reduces an image to any size: each new pixel is the mean of the area under it, parts of pixels included.

    Args:
        image: uint8 [H, W, C].
        width: of the result, at most W.
        height: of the result, at most H.

    Returns:
        uint8 [height, width, C]; as `reduce_by_means` gives it where that is possible.
    """
    factor = image.shape[1] // width
    if 1 < factor <= _LARGEST and not factor & (factor - 1) and image.shape[:2] == (factor * height, factor * width):
        return reduce_by_means(image, factor)
    return np.rint(_means(_means(image, height, 0), width, 1)).astype(np.uint8)


def _means(image: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Means of `count` equal parts along an axis, float64."""
    length = image.shape[axis]
    margins = [(int(one == axis), 0) for one in range(image.ndim)]
    sums = np.pad(np.cumsum(image, axis, np.float64), margins)
    ends = np.linspace(0, length, count + 1)
    whole = np.minimum(ends.astype(int), length - 1)
    parts = (ends - whole).reshape([-1 if one == axis else 1 for one in range(image.ndim)])
    upto = sums.take(whole, axis) + parts * image.take(whole, axis)
    return np.diff(upto, axis=axis) * (count / length)
