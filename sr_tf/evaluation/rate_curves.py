"""Curves of quality over rate, each of one image, compared and averaged at equal rates.

Rates are in bits per original pixel. Higher quality is always better: scores for which lower is better are negated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

_GRID = 400
"""Number of rates at which curves are compared; they lie much closer together than the measured points."""

_NOTHING = 1e-3
"""A lead smaller than this part of the reference's quality range is rounding, as between an envelope and its parts."""


@dataclass(frozen=True)
class RateCurve:
    """The quality of one image by one method at each rate.

    Attributes:
        rates: bit/pixel, float64 [N], strictly rising.
        qualities: float64 [N], strictly rising.
    """

    rates: np.ndarray
    qualities: np.ndarray

    @classmethod
    def through(cls, rates: Sequence[float], qualities: Sequence[float]) -> "RateCurve":
        """The curve through measured points.

        A point is left out if another point has at most its rate and at least its quality, because nobody would store
        that file. Points of infinite quality (equal pixels) are left out because they cannot be interpolated.

        Args:
            rates: bit/pixel of each point, in any order.
            qualities: the quality of each point.
        """
        kept: list[tuple[float, float]] = []
        for rate, quality in sorted(zip(rates, qualities, strict=True), key=lambda point: (point[0], -point[1])):
            if np.isfinite(quality) and (not kept or quality > kept[-1][1]):
                kept.append((rate, quality))
        points = np.array(kept, np.float64).reshape(-1, 2)
        return cls(points[:, 0], points[:, 1])

    def at(self, rates: np.ndarray) -> np.ndarray:
        """Interpolates the quality by PCHIP over the logarithm of the rate.

        Args:
            rates: bit/pixel, float [N].

        Returns:
            Qualities, float [N]; NaN outside the curve and for a curve of fewer than 2 points.
        """
        if self._interpolation is None:
            return np.full(np.shape(rates), np.nan)
        return self._interpolation(np.log(rates))

    @cached_property
    def _interpolation(self) -> PchipInterpolator | None:
        if len(self.rates) < 2:
            return None
        return PchipInterpolator(np.log(self.rates), self.qualities, extrapolate=False)


def envelope(curves: Sequence[RateCurve]) -> RateCurve:
    """The best quality of several methods at each rate that at least one of them covers.

    Args:
        curves: the curves of one image, one for each method.
    """
    curves = [curve for curve in curves if len(curve.rates) > 1]
    if not curves:
        return RateCurve.through((), ())
    low, high = min(curve.rates[0] for curve in curves), max(curve.rates[-1] for curve in curves)
    rates = np.unique(np.concatenate([np.geomspace(low, high, _GRID), *(curve.rates for curve in curves)]))
    best = np.fmax.reduce([curve.at(rates) for curve in curves])
    return RateCurve.through(rates[~np.isnan(best)], best[~np.isnan(best)])


def mean_at(curves: Sequence[RateCurve], rates: np.ndarray) -> np.ndarray:
    """The mean quality over images at equal rates.

    Each image's own curve is interpolated. Averaging rates at one codec level instead would give more weight to images
    that are hard to code.

    Args:
        curves: the curve of each image.
        rates: bit/pixel, float [N].

    Returns:
        Qualities, float [N]; NaN where one of the images has no value.
    """
    return np.mean([curve.at(rates) for curve in curves], axis=0)


def common_range(*methods: Sequence[RateCurve]) -> tuple[float, float] | None:
    """The rates that every curve covers.

    Args:
        methods: for each method, the curve of each image.

    Returns:
        (lowest, highest) in bit/pixel; None if the curves have no rates in common.
    """
    curves = [curve for curves in methods for curve in curves]
    if any(len(curve.rates) < 2 for curve in curves):
        return None
    low, high = max(curve.rates[0] for curve in curves), min(curve.rates[-1] for curve in curves)
    return (float(low), float(high)) if low < high else None


def crossing(reference: Sequence[RateCurve], test: Sequence[RateCurve]) -> float | None:
    """The highest rate at which the mean curve of the test falls below the mean curve of the reference.

    Args:
        reference: the curve of each image by the reference method.
        test: the curve of each image by the tested method, in the same order; at least one.

    Returns:
        bit/pixel; None if the mean curves do not cross, or the curves have no rates in common.
    """
    span = common_range(reference, test)
    if span is None:
        return None
    rates = np.geomspace(*span, 4 * _GRID)[1:-1]  # rounding may move the ends outside the range
    ahead = mean_at(test, rates) - mean_at(reference, rates)
    if ahead.max() < _NOTHING * np.ptp(mean_at(reference, rates)):
        return None
    falls = np.flatnonzero((ahead[:-1] > 0) & (ahead[1:] <= 0))
    if not len(falls):
        return None
    before, after = falls[-1], falls[-1] + 1
    share = ahead[before] / (ahead[before] - ahead[after])
    return float(rates[before] ** (1 - share) * rates[after] ** share)
