"""Fast PSNR and SSIM of one pair of 8-bit images on a CPU.

They agree with `sr_tf.metrics.psnr.psnr` and `sr_tf.metrics.ssim.ssim` (RGB, no border cut) but use OpenCV's filters.
Archiving needs the speed: it measures every tile a dozen times to find the smallest representation that passes.
"""

import numpy as np

from sr_tf.images.libraries import cv2
from sr_tf.metrics.ssim_formula import SIGMA, WINDOW, ssim_map


def fast_psnr(hr: np.ndarray, sr: np.ndarray) -> float:
    """PSNR in dB; the protocol is that of `sr_tf.metrics.psnr.psnr`.

    Args:
        hr: uint8 [H, W, 3].
        sr: the same shape.

    Returns:
        dB; infinite if the images are equal.
    """
    error = cv2.norm(hr, sr, cv2.NORM_L2SQR) / hr.size
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def fast_ssim(hr: np.ndarray, sr: np.ndarray) -> float:
    """SSIM (Wang et al. 2004); the protocol is that of `sr_tf.metrics.ssim.ssim`.

    Args:
        hr: uint8 [H, W, 3], at least 11×11 pixels.
        sr: the same shape.

    Returns:
        SSIM, at most 1.
    """
    return float(np.mean(ssim_map(np.float32(hr), np.float32(sr), _blur), dtype=np.float64))


def _blur(image: np.ndarray) -> np.ndarray:
    """The Gaussian mean at each place where the whole window lies inside the image."""
    margin = WINDOW // 2
    return cv2.GaussianBlur(image, (WINDOW, WINDOW), SIGMA)[margin:-margin, margin:-margin]
