"""How the report reads and writes scores."""

import math

import numpy as np

from sr_tf.evaluation.compare import Comparison
from sr_tf.metrics.scores import SCORES, Score

SHIFTS = ("shift_r", "shift_g", "shift_b")
LATTICE = "lattice"
MEANINGS = {
    "psnr": "Error pixel by pixel; 3 dB more are half the squared error.",
    "ssim": "Likeness of brightness, contrast and structure, place by place; 1 is equal.",
    "psnr_y": "PSNR of the brightness alone, the border left out.",
    "ssim_y": "SSIM of the brightness alone, the border left out.",
    "lr_psnr": "Whether the result, reduced again, gives the stored image; nothing is said of what the reduction lost.",
    "enl0": "Difference in the features of a network trained on photographs; 0 is equal. Its scale is not calibrated.",
    "ssimulacra2": "Likeness, fitted to people's judgement of compressed photographs; 100 is equal.",
    "lpips_alex": "Difference in the features of AlexNet, fitted to people's judgement of photographs; 0 is equal.",
    "lpips_vgg": "Difference in the features of VGG-16, fitted to people's judgement of photographs; 0 is equal.",
}
UNIT_GAP = "\N{NO-BREAK SPACE}"


def measured(comparison: Comparison) -> list[Score]:
    """The scores that every method has on every scene, in the tables' order."""
    records = [scores for scenes in comparison.scores.values() for scores in scenes.values()]
    return [score for key, score in SCORES.items() if all(key in record for record in records)]


def of_quality(comparison: Comparison) -> list[Score]:
    """Those that tables and plots show; colour shift and lattice, which only warn, are left out."""
    return [score for score in measured(comparison) if score.key not in (*SHIFTS, LATTICE)]


def ranking(comparison: Comparison) -> list[Score]:
    """Those that methods are ranked by: not LR PSNR, of which repeated pixels have infinitely much."""
    return [score for score in of_quality(comparison) if score.key != "lr_psnr"]


def perceptual(comparison: Comparison) -> list[Score]:
    """Those of the look, the leading one first."""
    return [score for score in measured(comparison) if score.perceptual]


def values(comparison: Comparison, method: str, key: str) -> np.ndarray:
    """A score of one method on every scene, float64 [scenes], in the scenes' order."""
    return np.array([scores[key] for scores in comparison.scores[method].values()], np.float64)


def goodness(score: Score, value: float) -> float:
    """A number that is larger for the better value."""
    return score.better * value if score.better else -abs(value)


def has_ratio(score: Score) -> bool:
    """Whether twice the value is twice as bad: distances from the original."""
    return score.perceptual and score.better < 0


def direction(score: Score) -> str:
    """Which way is better, in words."""
    return {1: "higher is better", -1: "lower is better", 0: "nearer zero is better"}[score.better]


def text(score: Score, value: float) -> str:
    """A value as the page shows it."""
    return "–" if math.isnan(value) else score.text(value).replace("-", "−")


def difference_text(score: Score, value: float) -> str:
    """A difference as the page shows it, with its sign."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "+∞" if value > 0 else "−∞"
    return f"{value:+.{score.decimals}f}".replace("-", "−")


def with_unit(score: Score, value: str) -> str:
    """A written value, its unit behind it."""
    return f"{value}{UNIT_GAP}{score.unit}" if score.unit else value
