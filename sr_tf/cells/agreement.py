"""How far two findings of cells agree: pairs, counts (Bland and Altman 1986), types (Cohen 1960)."""

import math
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_LEAST_GROUPS = 10
"""Fewer groups than this are no sample to draw from."""
_LEVEL = 0.95


def match(first: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """Pairs points of two sets, the nearest first; each point belongs to one pair at most.

    Args:
        first: float [N, 2], x and y.
        second: float [M, 2], likewise.
        radius: the largest distance within a pair.

    Returns:
        int [K, 2], indices into `first` and `second`, by `first`. Of equal distances, the earlier point of `first`
        comes first.
    """
    distances = np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1))
    near = np.argwhere(distances <= radius)
    order = np.argsort(distances[tuple(near.T)], kind="stable")
    taken_first, taken_second, pairs = set(), set(), []
    for one, other in near[order]:
        if one not in taken_first and other not in taken_second:
            taken_first.add(one)
            taken_second.add(other)
            pairs.append((one, other))
    return np.array(sorted(pairs), int).reshape(-1, 2)


@dataclass(frozen=True)
class CountAgreement:
    """Counts of the same places by two findings.

    Attributes:
        places: number of places, for instance blocks or fields.
        first: cells of the first finding in all places.
        second: of the second.
        bias: mean over places of second − first.
        low: lower limit of agreement, bias − 1.96 standard deviations; nan for fewer than two places.
        high: upper limit, likewise.
    """

    places: int
    first: int
    second: int
    bias: float
    low: float
    high: float

    @property
    def bias_percent(self) -> float:
        """The difference of all cells in percent of the first finding's; nan if it has none."""
        return 100 * (self.second - self.first) / self.first if self.first else math.nan


def count_agreement(first: np.ndarray, second: np.ndarray) -> CountAgreement:
    """Compares counts (Bland and Altman 1986, Lancet 327:307).

    Args:
        first: int [places].
        second: int [places].
    """
    differences = np.asarray(second, float) - first
    bias = float(differences.mean()) if len(differences) else math.nan
    spread = 1.96 * float(differences.std(ddof=1)) if len(differences) > 1 else math.nan
    return CountAgreement(len(differences), int(np.sum(first)), int(np.sum(second)), bias, bias - spread, bias + spread)


def confusion(first: np.ndarray, second: np.ndarray, types: int) -> np.ndarray:
    """How often each type of the first finding met each of the second, int [types, types]."""
    table = np.zeros((types, types), int)
    np.add.at(table, (first, second), 1)
    return table


def kappa(table: np.ndarray) -> float:
    """Cohen's κ of a confusion table, without weights: 1 for equal types, 0 for chance.

    Returns:
        nan if there is no pair, or if chance alone agrees fully because both findings know one type only.
    """
    total = table.sum()
    if not total:
        return math.nan
    observed, expected = np.trace(table) / total, table.sum(0) @ table.sum(1) / total**2
    return float((observed - expected) / (1 - expected)) if expected < 1 else math.nan


@dataclass(frozen=True)
class TypeAgreement:
    """Agreement of types in pairs.

    Attributes:
        pairs: number of pairs.
        same: pairs of one type.
        kappa: Cohen's κ; nan where it is not defined.
        low: lower end of its 95 % interval; nan likewise.
        high: upper end.
        drawn: what the bootstrap drew: "places" or "pairs".
    """

    pairs: int
    same: int
    kappa: float
    low: float
    high: float
    drawn: str


def type_agreement(tables: np.ndarray, seed: int = 0) -> TypeAgreement:
    """Cohen's κ with a bootstrap interval (percentiles of 2,000 resamples).

    Cells of one place are alike, so places are drawn; single pairs where fewer than ten places hold any.

    Args:
        tables: the confusion table of each place, int [places, types, types].
        seed: of the resamples.
    """
    whole = tables.sum(0)
    filled = tables[tables.sum((1, 2)) > 0]
    rng = np.random.default_rng(seed)
    if len(filled) >= _LEAST_GROUPS:
        drawn = "places"
        shares = rng.multinomial(len(filled), np.full(len(filled), 1 / len(filled)), _RESAMPLES)
        resampled = np.tensordot(shares, filled, 1)
    else:
        drawn = "pairs"
        shares = whole.ravel() / max(whole.sum(), 1)
        resampled = rng.multinomial(whole.sum(), shares, _RESAMPLES).reshape(-1, *whole.shape) if whole.sum() else []
    values = np.array([kappa(table) for table in resampled])
    values = values[np.isfinite(values)]
    tail = 100 * (1 - _LEVEL) / 2
    low, high = np.percentile(values, (tail, 100 - tail)) if len(values) else (math.nan, math.nan)
    return TypeAgreement(int(whole.sum()), int(np.trace(whole)), kappa(whole), float(low), float(high), drawn)
