"""The scores that tables show: what each is called, how it is measured, which way is better, what it needs."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sr_tf.metrics.colour import colour_shift
from sr_tf.metrics.fast import fast_psnr, fast_ssim
from sr_tf.metrics.lr_consistency import lr_psnr
from sr_tf.metrics.psnr import psnr
from sr_tf.metrics.spectrum import LEAST_SIDE as LATTICE_LEAST_SIDE
from sr_tf.metrics.spectrum import lattice_excess
from sr_tf.metrics.ssim import ssim
from sr_tf.metrics.ssim_formula import WINDOW
from sr_tf.metrics.ssimulacra2 import LEAST_SIDE as SSIMULACRA2_LEAST_SIDE
from sr_tf.metrics.ssimulacra2 import load_ssimulacra2

Measure = Callable[[np.ndarray, np.ndarray], float]
"""From HR and SR, uint8 [H, W, 3] each, to a score."""


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
        key: its name in flags and files.
        heading: of its column, without the unit.
        unit: as "dB"; empty where there is none.
        better: 1 where more is better, −1 where less is, 0 where nearer zero is.
        decimals: digits after the point.
        protocol: what must be known to repeat it; `{scale}` stands for the scale.
        load: from scale and degradation to the measure.
        perceptual: has to pass the ladder test before its numbers are shown.
        assets: names in `sr_tf.assets` of the files that it needs.
        least_side: of the images that it can measure, in pixels.
    """

    key: str
    heading: str
    unit: str
    better: int
    decimals: int
    protocol: str
    load: Callable[[int, str], Measure]
    perceptual: bool = False
    assets: tuple[str, ...] = ()
    least_side: int = 1

    @property
    def title(self) -> str:
        """Heading and unit, as `PSNR (dB)`."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading

    @property
    def label(self) -> str:
        """Heading, unit, and an arrow to the better side, as `PSNR (dB) ↑`."""
        return f"{self.title} {({1: '↑', -1: '↓', 0: '→0'})[self.better]}"

    def text(self, value: float) -> str:
        """A value as a table shows it."""
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        rounded = round(value, self.decimals) + 0.0  # no −0.00
        return f"{rounded:{'+' if self.better == 0 else ''}.{self.decimals}f}"


def _single(metric, **options) -> Measure:
    """The measure of one pair by a metric of batches."""
    return lambda hr, sr: float(metric(hr[None], sr[None], **options)[0])


def _enl0(scale: int, degradation: str) -> Measure:
    from sr_tf.assets.store import locate
    from sr_tf.metrics.feature_distance import ENL0

    metric = ENL0(locate("efficientnet_lite0"))
    seen: list = [None, None]  # an HR and its features: one HR is measured against many SRs, one after another

    def measure(hr: np.ndarray, sr: np.ndarray) -> float:
        if not np.array_equal(seen[0], hr):
            seen[:] = hr.copy(), metric.features(hr[None])
        return float(metric.distance(seen[1], sr[None])[0])

    return measure


def _lpips(kind: str) -> Callable[[int, str], Measure]:
    def load(scale: int, degradation: str) -> Measure:
        from sr_tf.metrics.lpips import LPIPS

        return _single(LPIPS(kind))

    return load


def _shift(channel: int) -> Callable[[int, str], Measure]:
    return lambda scale, degradation: lambda hr, sr: float(colour_shift(hr, sr)[channel])


_RGB = "PSNR and SSIM on 8-bit RGB, no border cut, range 255, SSIM window Gaussian 11/1.5"
_Y = (
    "PSNR Y and SSIM Y on luma (BT.601, 16 to 235, MATLAB's rgb2ycbcr unrounded), {scale} pixels cut at each side, "
    "range 255, SSIM window Gaussian 11/1.5"
)
_LPIPS = "LPIPS v0.1 on 8-bit RGB, no border cut"
_SHIFT = "shift: mean of SR − HR in 8-bit levels"
_WIDEST_BORDER = 8

SCORES = {
    score.key: score
    for score in (
        Score("psnr", "PSNR", "dB", 1, 2, _RGB, lambda scale, degradation: fast_psnr),
        Score("ssim", "SSIM", "", 1, 4, _RGB, lambda scale, degradation: fast_ssim, least_side=WINDOW),
        Score(
            "psnr_y", "PSNR Y", "dB", 1, 2, _Y,
            lambda scale, degradation: _single(psnr, channel="y", border=scale), least_side=1 + 2 * _WIDEST_BORDER,
        ),
        Score(
            "ssim_y", "SSIM Y", "", 1, 4, _Y,
            lambda scale, degradation: _single(ssim, channel="y", border=scale), least_side=WINDOW + 2 * _WIDEST_BORDER,
        ),
        Score(
            "lr_psnr", "LR PSNR", "dB", 1, 2, "LR PSNR: SR's own reduction against LR, 8-bit RGB, no border cut",
            lambda scale, degradation: lambda hr, sr: lr_psnr(hr, sr, scale, degradation),
        ),
        Score(
            "enl0", "ENL0", "", -1, 3,
            "ENL0 distance: squared difference of unit-normalised features of ImageNet's EfficientNet-Lite0 (stem, "
            "blocks 0, 2, 4, 10), spatial mean, summed over taps, uncalibrated; 8-bit RGB, no border cut",
            _enl0, perceptual=True, assets=("efficientnet_lite0",), least_side=16,
        ),
        Score(
            "ssimulacra2", "SSIMULACRA2", "", 1, 2,
            "SSIMULACRA2 by the Python package ssimulacra2 0.3, 8-bit sRGB, no border cut",
            lambda scale, degradation: load_ssimulacra2(), perceptual=True, least_side=SSIMULACRA2_LEAST_SIDE,
        ),
        Score(
            "lpips_alex", "LPIPS AlexNet", "", -1, 3, _LPIPS, _lpips("alex"), perceptual=True,
            assets=("lpips_heads", "alexnet_imagenet"), least_side=31,
        ),
        Score(
            "lpips_vgg", "LPIPS VGG", "", -1, 3, _LPIPS, _lpips("vgg"), perceptual=True,
            assets=("lpips_heads", "vgg16_imagenet"), least_side=16,
        ),
        Score("shift_r", "shift R", "", 0, 2, _SHIFT, _shift(0)),
        Score("shift_g", "shift G", "", 0, 2, _SHIFT, _shift(1)),
        Score("shift_b", "shift B", "", 0, 2, _SHIFT, _shift(2)),
        Score(
            "lattice", "lattice", "dB", -1, 1,
            "lattice: how far patterns of period {scale} pixels stand out of SR's spectrum beyond HR's own",
            lambda scale, degradation: lambda hr, sr: lattice_excess(hr, sr, scale), least_side=LATTICE_LEAST_SIDE,
        ),
    )
}  # fmt: skip


def score_protocol(keys: Iterable[str], scale: int) -> str:
    """What must be known to repeat these scores, in one line; the data are not in it."""
    meanings = dict.fromkeys(SCORES[key].protocol.format(scale=scale) for key in keys)
    return "; ".join([*meanings, "per image, then averaged"])


def score_image(hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
    """PSNR (dB) and SSIM.

    Args:
        hr: uint8 [H, W, 3].
        sr: uint8 [H, W, 3].

    Returns:
        `psnr` and `ssim`.
    """
    return {"psnr": fast_psnr(hr, sr), "ssim": fast_ssim(hr, sr)}


def mean_scores(scores: list[dict[str, float]]) -> dict[str, float]:
    """Mean over images of each score."""
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
