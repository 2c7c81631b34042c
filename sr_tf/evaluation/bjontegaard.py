"""Bjøntegaard deltas: by how much one rate–distortion curve lies beside another, in bytes and in quality.

G. Bjøntegaard, *Calculation of average PSNR differences between RD-curves*, ITU-T SG16 Q.6, VCEG-M33, Austin, April
2001. There a cubic polynomial is laid through four points. Here each curve is interpolated by PCHIP (Fritsch and
Butland 1984), as in the templates by which JVET reports on HEVC and VVC: it goes through every point, takes any number
of them, and rises where they rise, while a polynomial swings between them and can turn back. The integrals are exact,
piece by piece.
"""

import math

import numpy as np
from scipy.interpolate import PchipInterpolator

from sr_tf.evaluation.rate_curves import RateCurve


def bd_rate(reference: RateCurve, test: RateCurve, ceiling: float = math.inf) -> float:
    """How many more bytes the test takes for the same quality, on average over the qualities that both reach.

    Args:
        reference: of one image.
        test: of the same image.
        ceiling: a quality, beyond which nothing is compared.

    Returns:
        Percent: −20 where the test needs a fifth less. The mean is taken of the rates' logarithm.

    Raises:
        ValueError: no quality, or a single one, is reached by both.
    """
    low, high = _overlap(reference.qualities, test.qualities, ceiling, "quality")
    integrals = [
        PchipInterpolator(curve.qualities, np.log(curve.rates)).integrate(low, high) for curve in (reference, test)
    ]
    return 100 * math.expm1((integrals[1] - integrals[0]) / (high - low))


def bd_quality(reference: RateCurve, test: RateCurve, floor: float = 0.0, ceiling: float = math.inf) -> float:
    """How much better the test is at the same rate, on average over the logarithm of the rates that both have.

    Args:
        reference: of one image.
        test: of the same image.
        floor: a rate in bit/pixel, below which nothing is compared.
        ceiling: a rate, above which nothing is compared.

    Returns:
        In the quality's unit, dB for PSNR: positive where the test is better.

    Raises:
        ValueError: no rate, or a single one, is common to both.
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
