"""Scores in the report: which are shown, their explanations, and how values are written."""

import math

import numpy as np

from sr_tf.evaluation.compare import Comparison
from sr_tf.metrics.scores import SCORES, Score

SHIFTS = ("shift_r", "shift_g", "shift_b")
LATTICE = "lattice"
MEANINGS = {
    "psnr": "Pixel error: 3 dB more means half the squared error.",
    "ssim": "Similarity of local brightness, contrast and structure; 1 means equal.",
    "psnr_y": "PSNR of the luma only, without the border.",
    "ssim_y": "SSIM of the luma only, without the border.",
    "lr_psnr": "Whether the result, reduced again, gives the stored image; what the reduction lost is not measured.",
    "enl0": "Distance between features of a network trained on photographs, uncalibrated; 0 means equal.",
    "ssimulacra2": "Similarity, fitted to human ratings of compressed photographs; 100 means equal.",
    "lpips_alex": "Distance between features of AlexNet, fitted to human ratings of photographs; 0 means equal.",
    "lpips_vgg": "Distance between features of VGG-16, fitted to human ratings of photographs; 0 means equal.",
}
UNIT_GAP = "\N{NO-BREAK SPACE}"


def measured(comparison: Comparison) -> list[Score]:
    """The scores that were measured for every method on every scene, in the tables' order."""
    records = [scores for scenes in comparison.scores.values() for scores in scenes.values()]
    return [score for key, score in SCORES.items() if all(key in record for record in records)]


def of_quality(comparison: Comparison) -> list[Score]:
    """The measured scores of quality, for tables and plots: all except colour shift and lattice, which are warnings."""
    return [score for score in measured(comparison) if score.key not in (*SHIFTS, LATTICE)]


def ranking(comparison: Comparison) -> list[Score]:
    """The scores that methods are compared by: not LR PSNR, which is infinite for repeated pixels."""
    return [score for score in of_quality(comparison) if score.key != "lr_psnr"]


def perceptual(comparison: Comparison) -> list[Score]:
    """The measured perceptual scores, the main one first."""
    return [score for score in measured(comparison) if score.perceptual]


def values(comparison: Comparison, method: str, key: str) -> np.ndarray:
    """One score of one method on every scene, float64 [scenes], in the order of the scenes."""
    return np.array([scores[key] for scores in comparison.scores[method].values()], np.float64)


def goodness(score: Score, value: float) -> float:
    """The value turned into a number for which larger is better."""
    return score.better * value if score.better else -abs(value)


def has_ratio(score: Score) -> bool:
    """Whether the ratio of two values is meaningful: true for perceptual distances from the original."""
    return score.perceptual and score.better < 0


def direction(score: Score) -> str:
    """Which direction is better, in words."""
    return {1: "higher is better", -1: "lower is better", 0: "nearer zero is better"}[score.better]


def text(score: Score, value: float) -> str:
    """A value as the page shows it, with a true minus sign; `–` for NaN."""
    return "–" if math.isnan(value) else score.text(value).replace("-", "−")


def difference_text(score: Score, value: float) -> str:
    """A difference as the page shows it, with its sign; `–` for NaN."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    return f"{value:+.{score.decimals}f}".replace("-", "−")


def with_unit(score: Score, value: str) -> str:
    """A written value with its unit, separated by a no-break space."""
    return f"{value}{UNIT_GAP}{score.unit}" if score.unit else value
