"""Bjøntegaard deltas: the average difference between two rate–distortion curves, in bytes and in quality.

G. Bjøntegaard, *Calculation of average PSNR differences between RD-curves*, ITU-T SG16 Q.6, VCEG-M33, Austin, April
2001. The original method fits a cubic polynomial to four points. This module interpolates each curve by PCHIP (Fritsch
and Butland 1984), as JVET's reporting templates for HEVC and VVC do. PCHIP passes through every point, takes any number
of points and is monotone between them; a polynomial can oscillate. The integrals are exact.
"""

import math

import numpy as np
from scipy.interpolate import PchipInterpolator

from sr_tf.evaluation.rate_curves import RateCurve


def bd_rate(reference: RateCurve, test: RateCurve, ceiling: float = math.inf) -> float:
    """The difference in bytes at the same quality, averaged over the qualities that both curves reach.

    Args:
        reference: the curve of one image.
        test: another curve of the same image.
        ceiling: the highest quality that is compared.

    Returns:
        Percent: −20 if the test needs a fifth fewer bytes. The average is over the logarithm of the rates.

    Raises:
        ValueError: the curves have no range of qualities in common, or one has fewer than 2 points.
    """
    low, high = _overlap(reference.qualities, test.qualities, ceiling, "quality")
    integrals = [
        PchipInterpolator(curve.qualities, np.log(curve.rates)).integrate(low, high) for curve in (reference, test)
    ]
    return 100 * math.expm1((integrals[1] - integrals[0]) / (high - low))


def bd_quality(reference: RateCurve, test: RateCurve, floor: float = 0.0, ceiling: float = math.inf) -> float:
    """The difference in quality at the same rate, averaged over the logarithm of the rates that both curves cover.

    Args:
        reference: the curve of one image.
        test: another curve of the same image.
        floor: the lowest rate that is compared, in bit/pixel.
        ceiling: the highest rate that is compared, in bit/pixel.

    Returns:
        The difference in the unit of the quality, dB for PSNR; positive if the test is better.

    Raises:
        ValueError: the curves have no range of rates in common, or one has fewer than 2 points.
    """
    bounds = (math.log(floor) if floor > 0 else -math.inf, math.log(ceiling))
    logarithms = [np.log(curve.rates) for curve in (reference, test)]
    low, high = _overlap(*logarithms, bounds[1], "rate", bounds[0])
    integrals = [
        PchipInterpolator(x, curve.qualities).integrate(low, high)
        for x, curve in zip(logarithms, (reference, test), strict=True)
    ]
    return float((integrals[1] - integrals[0]) / (high - low))


def _overlap(
    first: np.ndarray, second: np.ndarray, ceiling: float, what: str, floor: float = -math.inf
) -> tuple[float, float]:
    if min(len(first), len(second)) < 2:
        raise ValueError(f"found a curve of {min(len(first), len(second))} points, expected at least 2")
    low, high = max(first[0], second[0], floor), min(first[-1], second[-1], ceiling)
    if low >= high:
        raise ValueError(f"no {what} is common to both curves within the bounds")
    return float(low), float(high)
