"""SSIM and the largest coherent error of each small cell of an image: what a mean over the whole image hides.

Protocol: 8-bit RGB, no border cut. The image's edge is mirrored (… c b a | a b c …) where a window reaches over it. A
cell at the right or lower edge is as large as it is.
"""

import numpy as np

from sr_tf.images.libraries import cv2
from sr_tf.metrics.ssim_formula import SIGMA, WINDOW, ssim_map

ERROR_WINDOW = 5
"""Side of the square in pixels over which the signed error is averaged."""


def whole_ssim_map(hr: np.ndarray, sr: np.ndarray) -> np.ndarray:
    """SSIM at every pixel (Wang et al. 2004), with the window and constants of `sr_tf.metrics.ssim.ssim`.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.

    Returns:
        float32 [H, W, 3].
    """
    return ssim_map(np.float32(hr), np.float32(sr), _blur)


def ssim_of_map(values: np.ndarray) -> float:
    """The SSIM of `sr_tf.metrics.fast.fast_ssim` from the map of an image of at least 11×11 pixels."""
    margin = WINDOW // 2
    return float(np.mean(values[margin:-margin, margin:-margin], dtype=np.float64))


def local_ssim(values: np.ndarray, cell: int) -> np.ndarray:
    """The mean SSIM over the pixels and channels of each cell.

    Args:
        values: the map of `whole_ssim_map`.
        cell: side of a cell in pixels.

    Returns:
        float64 [ceil(H / cell), ceil(W / cell)], at most 1.
    """
    height, width = values.shape[:2]
    rows, columns = np.arange(0, height, cell), np.arange(0, width, cell)
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0, dtype=np.float64), columns, axis=1).sum(axis=2)
    heights, widths = np.minimum(cell, height - rows), np.minimum(cell, width - columns)
    # In float32, the map of even images may be a few 10⁻⁵ above 1.
    return np.minimum(sums / np.outer(heights, values.shape[2] * widths), 1.0)


def local_error(hr: np.ndarray, sr: np.ndarray, cell: int) -> np.ndarray:
    """The largest error of each cell that neighbouring pixels share: of a lost detail, not of noise.

    The signed difference SR − HR is averaged over 5×5 pixels around each pixel, for each channel by itself. A cell has
    the largest absolute value of its pixels and channels.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.
        cell: side of a cell in pixels.

    Returns:
        float64 [ceil(H / cell), ceil(W / cell)], 0 to 255 in 8-bit levels.
    """
    difference = cv2.subtract(sr, hr, dtype=cv2.CV_16S)
    size = ERROR_WINDOW, ERROR_WINDOW
    sums = cv2.boxFilter(difference, cv2.CV_16S, size, normalize=False, borderType=cv2.BORDER_REFLECT)
    rows, columns = np.arange(0, hr.shape[0], cell), np.arange(0, hr.shape[1], cell)
    # The sums are at most 25 × 255, which int16 holds.
    largest = np.maximum.reduceat(np.maximum.reduceat(np.abs(sums), rows, axis=0), columns, axis=1)
    return largest.max(axis=2) / ERROR_WINDOW**2


def _blur(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT)
