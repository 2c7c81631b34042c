"""How a method differs from a baseline, scene by scene."""

from dataclasses import dataclass

import numpy as np

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import has_ratio, values
from sr_tf.metrics.scores import Score

_RESAMPLES, _SEED = 2000, 0


@dataclass(frozen=True)
class Difference:
    """One method against one baseline in one score.

    Attributes:
        mean: of method − baseline over scenes; NaN where both are infinite on some scene.
        ratio: mean of the method over mean of the baseline; NaN where the score is no distance.
        better: number of scenes on which the method is better.
        worse_on: names of the scenes on which it is worse, the worst first.
        scenes: number of scenes.
        loses: whether the method is worse in the mean.
    """

    mean: float
    ratio: float
    better: int
    worse_on: tuple[str, ...]
    scenes: int
    loses: bool


def difference(comparison: Comparison, score: Score, method: str, baseline: str) -> Difference:
    """Compares two methods on the same scenes.

    Args:
        comparison: holds both.
        score: one whose better side is up or down.
        method: name of the one that is judged.
        baseline: name of the one that it is judged against.
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
    """The 95 % interval of the mean difference: percentile bootstrap over scenes (Efron 1979, Ann. Statist. 7(1)).

    Args:
        comparison: as in `difference`.
        score: as in `difference`.
        method: as in `difference`.
        baseline: as in `difference`.

    Returns:
        (low, high); NaN for fewer than two scenes or infinite numbers.
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
    """Scores of both, and method − baseline: NaN where both are infinite."""
    of_method, of_baseline = values(comparison, method, score.key), values(comparison, baseline, score.key)
    with np.errstate(invalid="ignore"):
        return of_method, of_baseline, of_method - of_baseline
