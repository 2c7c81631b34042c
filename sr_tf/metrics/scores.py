"""Scores of one restored image against its original."""

import numpy as np

from sr_tf.metrics.psnr import psnr
from sr_tf.metrics.ssim import ssim

PROTOCOL = "PSNR and SSIM on 8-bit RGB, no border cut, range 255, SSIM window Gaussian 11/1.5; per image, then averaged"


def score_image(hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
    """PSNR (dB) and SSIM.

    Args:
        hr: uint8 [H, W, 3].
        sr: uint8 [H, W, 3].

    Returns:
        `psnr` and `ssim`.
    """
    return {"psnr": float(psnr(hr[None], sr[None])[0]), "ssim": float(ssim(hr[None], sr[None])[0])}


def mean_scores(scores: list[dict[str, float]]) -> dict[str, float]:
    """Mean over images of each score."""
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
