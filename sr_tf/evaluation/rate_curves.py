"""Curves of quality over rate: of one image each, compared and averaged at equal rates.

A rate is in bits per original pixel. A quality rises with what it measures: scores of which less is better enter with
their sign turned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import PchipInterpolator

_GRID = 400
"""Rates at which curves are compared between their points: far closer to each other than the points are."""

_NOTHING = 1e-3
"""A lead, as a part of the reference's span of qualities, that is rounding: an envelope against what it is made of."""


@dataclass(frozen=True)
class RateCurve:
    """What one image reaches by one method.

    Attributes:
        rates: bit/pixel, float64 [N], strictly rising.
        qualities: float64 [N], strictly rising.
    """

    rates: np.ndarray
    qualities: np.ndarray

    @classmethod
    def through(cls, rates: Sequence[float], qualities: Sequence[float]) -> "RateCurve":
        """The curve through measured points, in any order.

        A point for which another has no more bytes and at least its quality is left out: nobody would store that file.
        Points of infinite quality (equal pixels) are left out too: no curve leads there.
        """
        kept: list[tuple[float, float]] = []
        for rate, quality in sorted(zip(rates, qualities, strict=True), key=lambda point: (point[0], -point[1])):
            if np.isfinite(quality) and (not kept or quality > kept[-1][1]):
                kept.append((rate, quality))
        points = np.array(kept, np.float64).reshape(-1, 2)
        return cls(points[:, 0], points[:, 1])

    def at(self, rates: np.ndarray) -> np.ndarray:
        """Quality at some rates: monotone cubic interpolation (PCHIP) over the rate's logarithm; NaN outside."""
        if self._interpolation is None:
            return np.full(np.shape(rates), np.nan)
        return self._interpolation(np.log(rates))

    @cached_property
    def _interpolation(self) -> PchipInterpolator | None:
        if len(self.rates) < 2:
            return None
        return PchipInterpolator(np.log(self.rates), self.qualities, extrapolate=False)


def envelope(curves: Sequence[RateCurve]) -> RateCurve:
    """The best of several methods for one image at each rate, where at least one of them has a file."""
    curves = [curve for curve in curves if len(curve.rates) > 1]
    if not curves:
        return RateCurve.through((), ())
    low, high = min(curve.rates[0] for curve in curves), max(curve.rates[-1] for curve in curves)
    rates = np.unique(np.concatenate([np.geomspace(low, high, _GRID), *(curve.rates for curve in curves)]))
    best = np.fmax.reduce([curve.at(rates) for curve in curves])
    return RateCurve.through(rates[~np.isnan(best)], best[~np.isnan(best)])


def mean_at(curves: Sequence[RateCurve], rates: np.ndarray) -> np.ndarray:
    """Mean quality over images at equal rates; NaN where an image has no file of that rate.

    Each image's own curve is interpolated: the mean of the rates at one level would weigh images by how hard they are
    to code.
    """
    return np.mean([curve.at(rates) for curve in curves], axis=0)


def common_range(*methods: Sequence[RateCurve]) -> tuple[float, float] | None:
    """The rates that every image has by every method: (least, most) in bit/pixel; None where there are none."""
    curves = [curve for curves in methods for curve in curves]
    if any(len(curve.rates) < 2 for curve in curves):
        return None
    low, high = max(curve.rates[0] for curve in curves), min(curve.rates[-1] for curve in curves)
    return (float(low), float(high)) if low < high else None


def crossing(reference: Sequence[RateCurve], test: Sequence[RateCurve]) -> float | None:
    """The highest rate at which the mean of the test stops being better than the mean of the reference.

    Args:
        reference: of the same images, in the same order, as the test.
        test: at least one.

    Returns:
        bit/pixel; None where the test is better or worse all the way, or no rate is common to all.
    """
    span = common_range(reference, test)
    if span is None:
        return None
    rates = np.geomspace(*span, 4 * _GRID)[1:-1]  # rounding may put the ends outside
    ahead = mean_at(test, rates) - mean_at(reference, rates)
    if ahead.max() < _NOTHING * np.ptp(mean_at(reference, rates)):
        return None
    falls = np.flatnonzero((ahead[:-1] > 0) & (ahead[1:] <= 0))
    if not len(falls):
        return None
    before, after = falls[-1], falls[-1] + 1
    share = ahead[before] / (ahead[before] - ahead[after])
    return float(rates[before] ** (1 - share) * rates[after] ** share)
