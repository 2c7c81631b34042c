"""What rate–distortion curves say: qualities at equal rates, Bjøntegaard deltas, crossings."""

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
REDUCED = "LR (best scale and restoration)"
JPEG_XL = CODECS["jpegxl"].title
_AVIF_PARTS = tuple(CODECS[name].title for name in ("avif-slow", "avif420-slow"))


@dataclass(frozen=True)
class RateDistortion:
    """What was measured.

    Attributes:
        points: of each method for each scene, see `sr_tf.evaluation.rate_distortion`.
        methods: in the order of `points`.
        sizes: (height, width) of each scene in pixels.
        data: where the scenes came from.
        scores: keys of `sr_tf.metrics.scores.SCORES` that were measured.
        band: of rates in bit/pixel, for the mean gain.
        weights: bytes of each generator's weights, which no file carries, by the generator's name.
        unmeasured: why scores that were asked for are not in `scores`, by key.
        ladders: how each perceptual score did in the ladder test; one that failed is not in `scores`.
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
        """The curves of one score: of each method those of all scenes; AVIF's envelope stands first.

        Where images were reduced at several scales, the envelope of all reduced methods stands last: an archive, which
        measures, takes for each block whichever is cheapest.

        Qualities are the score, with its sign turned where less is better.
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
        if REDUCED in self.reduced():
            reduced = [measured[name] for name in self.reduced() if name != REDUCED]
            measured[REDUCED] = [envelope(curves) for curves in zip(*reduced, strict=True)]
        return {**best, **measured}

    def reduced(self) -> list[str]:
        """Names of the curves of reduced images."""
        names = [method.name for method in self.methods if method.scale > 1]
        scales = {method.scale for method in self.methods if method.scale > 1}
        return [*names, REDUCED] if len(scales) > 1 else names


@dataclass(frozen=True)
class Mean:
    """A mean over images.

    Attributes:
        value: NaN where there are none.
        count: the images in it.
    """

    value: float
    count: int


@dataclass(frozen=True)
class Delta:
    """One method beside a reference.

    Attributes:
        crossing: bit/pixel above which the mean curve is no longer better; None where it is so all the way, or never.
        crossings: the same for each image that has one.
        rate: Bjøntegaard's delta in percent of the bytes, over the qualities that both reach.
        quality: Bjøntegaard's delta in the score's unit, over the rates that both have.
        rate_below: `rate` over the qualities up to what the reference has at `crossing`.
        quality_below: `quality` over the rates up to `crossing`.
        gain: mean difference within the band, as far as every image has it by both.
        band: that part of the band in bit/pixel; None where there is none.
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
    """Every other method beside the reference.

    Args:
        curves: as from `RateDistortion.curves`.
        reference: one of them.
        band: rates in bit/pixel.
    """
    return {method: _delta(curves[reference], test, band) for method, test in curves.items() if method != reference}


def _delta(reference: list[RateCurve], test: list[RateCurve], band: tuple[float, float]) -> Delta:
    pairs = list(zip(reference, test, strict=True))
    place = crossing(reference, test)
    own = [crossing([first], [second]) for first, second in pairs]
    rate_below = quality_below = None
    if place is not None:
        # One bound for all images: images without a crossing of their own count like the others.
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
    """Those that can be measured; an image without a common range has none."""
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
    """Mean of percentages as factors, so that a against b is the inverse of b against a."""
    values = _values(measures)
    if not values:
        return Mean(math.nan, 0)
    return Mean(100 * math.expm1(float(np.mean(np.log1p(np.array(values) / 100)))), len(values))
