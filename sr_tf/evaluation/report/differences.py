"""Differences between a method and a baseline over the same scenes."""

from dataclasses import dataclass

import numpy as np

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import has_ratio, values
from sr_tf.metrics.scores import Score

_RESAMPLES, _SEED = 2000, 0


@dataclass(frozen=True)
class Difference:
    """One method compared with one baseline in one score.

    Attributes:
        mean: the mean of method − baseline over scenes; NaN if both are infinite on a scene.
        ratio: the mean of the method divided by the mean of the baseline; NaN if the score is not a distance.
        better: the number of scenes on which the method is better.
        worse_on: the names of the scenes on which the method is worse, the worst first.
        scenes: the number of scenes.
        loses: whether the mean of the method is worse.
    """

    mean: float
    ratio: float
    better: int
    worse_on: tuple[str, ...]
    scenes: int
    loses: bool


def difference(comparison: Comparison, score: Score, method: str, baseline: str) -> Difference:
    """Compares a method with a baseline on the same scenes.

    Args:
        comparison: the scores of both.
        score: a score for which higher or lower is better.
        method: the name of the method.
        baseline: the name of the baseline.
    """
    of_method, of_baseline, differences = _paired(comparison, score, method, baseline)
    gains = np.where(of_method == of_baseline, 0.0, score.better * differences)
    names = list(comparison.scores[method])
    mean = float(differences.mean())
    base = float(of_baseline.mean())
    ratio = float(of_method.mean()) / base if has_ratio(score) and base > 0 else float("nan")
    worse_on = tuple(names[i] for i in np.argsort(gains, kind="stable") if gains[i] < 0)
    return Difference(mean, ratio, int((gains > 0).sum()), worse_on, len(names), bool(score.better * mean < 0))


def interval(comparison: Comparison, score: Score, method: str, baseline: str) -> tuple[float, float]:
    """The 95 % interval of the mean difference, by percentile bootstrap over scenes.

    Reference: Efron 1979, Ann. Statist. 7(1).

    Args:
        comparison: the scores of both.
        score: a score for which higher or lower is better.
        method: the name of the method.
        baseline: the name of the baseline.

    Returns:
        (low, high); NaN for fewer than two scenes or infinite differences.
    """
    *_, differences = _paired(comparison, score, method, baseline)
    if len(differences) < 2 or not np.isfinite(differences).all():
        return float("nan"), float("nan")
    chosen = np.random.default_rng(_SEED).integers(0, len(differences), (_RESAMPLES, len(differences)))
    low, high = np.percentile(differences[chosen].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)


def _paired(
    comparison: Comparison, score: Score, method: str, baseline: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scores of the method, of the baseline, and their differences; NaN where both are infinite."""
    of_method, of_baseline = values(comparison, method, score.key), values(comparison, baseline, score.key)
    with np.errstate(invalid="ignore"):
        return of_method, of_baseline, of_method - of_baseline
