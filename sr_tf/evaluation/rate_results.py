"""Results of rate–distortion: curves, Bjøntegaard deltas and crossings of all methods."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sr_tf.evaluation.bjontegaard import bd_quality, bd_rate
from sr_tf.evaluation.rate_curves import RateCurve, common_range, crossing, envelope
from sr_tf.evaluation.rate_distortion import Point
from sr_tf.evaluation.rate_methods import Method
from sr_tf.images.codecs import CODECS
from sr_tf.metrics.ladder import Ladder
from sr_tf.metrics.scores import SCORES

AVIF = "AVIF (better of 4:4:4 and 4:2:0)"
BEST = "best scale and restoration"
JPEG_XL = CODECS["jpegxl"].title
REFERENCES = (AVIF, CODECS["avif10-slow"].title, JPEG_XL)
"""The methods that all others are compared with."""
_AVIF_PARTS = tuple(CODECS[name].title for name in ("avif-slow", "avif420-slow"))


@dataclass(frozen=True)
class RateDistortion:
    """The measured points of all methods on all scenes.

    Attributes:
        points: the points by method name and scene name, see `sr_tf.evaluation.rate_distortion`.
        methods: the methods, in the order of `points`.
        sizes: (height, width) of each scene in pixels, by scene name.
        data: the name of the folder of the scenes.
        scores: the keys of `sr_tf.metrics.scores.SCORES` that were measured.
        band: the lowest and highest rate for the mean gain, in bit/pixel.
        weights: the bytes of each generator's weights by the generator's name; they are not part of the files.
        unmeasured: for each requested score that could not be measured, the reason, by key.
        ladders: the result of each perceptual score in the ladder test; scores that failed are not in `scores`.
    """

    points: dict[str, dict[str, list[Point]]]
    methods: tuple[Method, ...]
    sizes: dict[str, tuple[int, int]]
    data: str
    scores: tuple[str, ...]
    band: tuple[float, float]
    weights: dict[str, int] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    ladders: tuple[Ladder, ...] = ()

    def curves(self, key: str) -> dict[str, list[RateCurve]]:
        """The curves of one score: for each method, the curve of each scene.

        The envelope of both kinds of AVIF comes first. If images were stored at several scales and restored, the
        envelope of these methods comes last, because an archive measures each block and stores the smallest
        representation.

        Args:
            key: one of `scores`.

        Returns:
            The curves by method name. Qualities are the score, negated if lower is better.
        """
        better = SCORES[key].better
        measured = {
            method: [
                RateCurve.through([p["bpp"] for p in points], [better * p[key] for p in points])
                for points in scenes.values()
            ]
            for method, scenes in self.points.items()
        }
        parts = [measured[name] for name in _AVIF_PARTS if name in measured]
        best = {AVIF: [envelope(curves) for curves in zip(*parts, strict=True)]} if parts else {}
        if BEST in self.restored():
            restored = [measured[name] for name in self.restored() if name != BEST]
            measured[BEST] = [envelope(curves) for curves in zip(*restored, strict=True)]
        return {**best, **measured}

    def restored(self) -> list[str]:
        """The names of the methods, in `curves`, that restore the decoded image, as archives do."""
        names = [method.name for method in self.methods if method.restores]
        scales = {method.scale for method in self.methods if method.restores}
        return [*names, BEST] if len(scales) > 1 else names


@dataclass(frozen=True)
class Mean:
    """A mean over images.

    Attributes:
        value: the mean; NaN without images.
        count: the number of images.
    """

    value: float
    count: int


@dataclass(frozen=True)
class Delta:
    """One method compared with a reference.

    Attributes:
        crossing: the rate in bit/pixel above which the mean curve is no longer better; None if the mean curves do not
            cross.
        crossings: the crossing of each single image that has one.
        rate: the Bjøntegaard delta of the bytes in percent, over the qualities that both reach.
        quality: the Bjøntegaard delta of the score in its unit, over the rates that both cover.
        rate_below: `rate`, up to the quality of the reference at `crossing`; None without a crossing.
        quality_below: `quality`, up to the rate `crossing`; None without a crossing.
        gain: the mean difference of the score within `band`; None without a band.
        band: the part of the given band, in bit/pixel, that all curves cover; None if there is none.
    """

    crossing: float | None
    crossings: tuple[float, ...]
    rate: Mean
    quality: Mean
    rate_below: Mean | None
    quality_below: Mean | None
    gain: float | None
    band: tuple[float, float] | None


def deltas(curves: dict[str, list[RateCurve]], reference: str, band: tuple[float, float]) -> dict[str, Delta]:
    """Compares every other method with the reference.

    Args:
        curves: the curves by method name, as `RateDistortion.curves` returns them.
        reference: the name of the reference method.
        band: the lowest and highest rate for the mean gain, in bit/pixel.

    Returns:
        The comparisons by method name.
    """
    return {method: _delta(curves[reference], test, band) for method, test in curves.items() if method != reference}


def _delta(reference: list[RateCurve], test: list[RateCurve], band: tuple[float, float]) -> Delta:
    pairs = list(zip(reference, test, strict=True))
    place = crossing(reference, test)
    own = [crossing([first], [second]) for first, second in pairs]
    rate_below = quality_below = None
    if place is not None:
        # The crossing of the mean curves bounds all images, so images without a crossing of their own count too.
        rate_below = _mean_rate([lambda a=a, b=b: bd_rate(a, b, float(a.at(place))) for a, b in pairs])
        quality_below = _mean([lambda a=a, b=b: bd_quality(a, b, ceiling=place) for a, b in pairs])
    gain, part = _gain(pairs, band, common_range(reference, test))
    return Delta(
        crossing=place,
        crossings=tuple(rate for rate in own if rate is not None),
        rate=_mean_rate([lambda a=a, b=b: bd_rate(a, b) for a, b in pairs]),
        quality=_mean([lambda a=a, b=b: bd_quality(a, b) for a, b in pairs]),
        rate_below=rate_below,
        quality_below=quality_below,
        gain=gain,
        band=part,
    )


def _gain(
    pairs: list[tuple[RateCurve, RateCurve]], band: tuple[float, float], span: tuple[float, float] | None
) -> tuple[float | None, tuple[float, float] | None]:
    if span is None:
        return None, None
    part = (max(band[0], span[0]), min(band[1], span[1]))
    if part[0] >= part[1]:
        return None, None
    return float(np.mean([bd_quality(a, b, *part) for a, b in pairs])), part


def _values(measures: Sequence[Callable[[], float]]) -> list[float]:
    """The values of the images whose curves have a range in common."""
    values = []
    for measure in measures:
        try:
            values.append(measure())
        except ValueError:
            continue
    return values


def _mean(measures: Sequence[Callable[[], float]]) -> Mean:
    values = _values(measures)
    return Mean(float(np.mean(values)) if values else math.nan, len(values))


def _mean_rate(measures: Sequence[Callable[[], float]]) -> Mean:
    """The geometric mean of percentages as factors: comparing b with a gives the inverse of comparing a with b."""
    values = _values(measures)
    if not values:
        return Mean(math.nan, 0)
    return Mean(100 * math.expm1(float(np.mean(np.log1p(np.array(values) / 100)))), len(values))
