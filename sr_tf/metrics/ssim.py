"""Structural similarity (Wang et al. 2004, IEEE TIP 13(4))."""

import numpy as np
from keras import ops

from sr_tf.metrics.channels import compared
from sr_tf.metrics.ssim_formula import SIGMA, WINDOW, ssim_map


def ssim(hr, sr, channel: str = "rgb", border: int = 0):
    """SSIM of each image.

    Protocol: mean over channels; Gaussian window of 11×11 pixels, σ 1.5; only places where the whole window lies inside
    the image; K1 0.01, K2 0.03, range 255; population covariance. It agrees with scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)`.

    Args:
        hr: RGB [N, H, W, 3], values in [0, 255], at least 11×11 pixels inside the border.
        sr: the same shape.
        channel: "rgb", or "y" (see `sr_tf.metrics.channels.luma`).
        border: pixels that are cut off at each side before the window is applied.

    Returns:
        float32 [N], at most 1.

    Raises:
        ValueError: the channel is unknown, or the border too wide.
    """
    hr, sr = compared(hr, channel, border), compared(sr, channel, border)
    return ops.mean(ssim_map(hr, sr, _blur), axis=(1, 2, 3))


def _blur(image):
    """The Gaussian mean at each place where the whole window lies inside the image, by two 1-D convolutions."""
    channels = image.shape[-1]
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    weights = np.tile((weights / weights.sum()).astype("float32")[:, None], (1, channels))
    rows = ops.depthwise_conv(image, weights.reshape(WINDOW, 1, channels, 1), padding="valid")
    return ops.depthwise_conv(rows, weights.reshape(1, WINDOW, channels, 1), padding="valid")
