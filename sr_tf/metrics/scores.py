"""The scores that tables show: name, unit, protocol, better side, and what each needs.

Importing this module loads no network library; a score imports what it needs when it is loaded.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sr_tf.assets.store import is_cached, locate
from sr_tf.metrics.colour import colour_shift
from sr_tf.metrics.fast import fast_psnr, fast_ssim
from sr_tf.metrics.spectrum import LEAST_SIDE as LATTICE_LEAST_SIDE
from sr_tf.metrics.spectrum import lattice_excess
from sr_tf.metrics.ssim_formula import WINDOW
from sr_tf.metrics.ssimulacra2 import LEAST_SIDE as SSIMULACRA2_LEAST_SIDE
from sr_tf.metrics.ssimulacra2 import load_ssimulacra2

Measure = Callable[[np.ndarray, np.ndarray], float]
"""A function of HR and SR, uint8 [H, W, 3] each, that returns the score."""


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
        key: its name in flags and files.
        heading: the heading of its column, without the unit.
        unit: the unit, for instance "dB"; empty for a score without a unit.
        better: 1 if higher is better, −1 if lower is better, 0 if nearer to zero is better.
        decimals: digits after the decimal point.
        protocol: everything needed to repeat the measurement; `{scale}` stands for the scale.
        load: a function of scale and degradation that returns the measure.
        perceptual: whether the score must pass the ladder test before its numbers are shown.
        assets: the names in `sr_tf.assets` of the files that it needs.
        other_assets: the names of files that do instead; empty: none.
        least_side: the smallest image side that it can measure, in pixels.
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
    other_assets: tuple[str, ...] = ()
    least_side: int = 1

    @property
    def title(self) -> str:
        """Heading and unit, as `PSNR (dB)`."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading

    @property
    def label(self) -> str:
        """Heading, unit, and an arrow to the better side, as `PSNR (dB) ↑`."""
        return f"{self.title} {({1: '↑', -1: '↓', 0: '→0'})[self.better]}"

    @property
    def missing_assets(self) -> list[str]:
        """The names of the files that it needs and that are not in the asset cache."""
        if self.other_assets and all(is_cached(asset) for asset in self.other_assets):
            return []
        return [asset for asset in self.assets if not is_cached(asset)]

    def text(self, value: float) -> str:
        """A value as a table shows it."""
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        rounded = round(value, self.decimals) + 0.0  # no −0.00
        return f"{rounded:{'+' if self.better == 0 else ''}.{self.decimals}f}"


def _single(metric, **options) -> Measure:
    """The measure of one pair of images, from a metric of batches."""
    return lambda hr, sr: float(metric(hr[None], sr[None], **options)[0])


def _psnr_y(scale: int, degradation: str) -> Measure:
    from sr_tf.metrics.psnr import psnr

    return _single(psnr, channel="y", border=scale)


def _ssim_y(scale: int, degradation: str) -> Measure:
    from sr_tf.metrics.ssim import ssim

    return _single(ssim, channel="y", border=scale)


def _lr_psnr(scale: int, degradation: str) -> Measure:
    from sr_tf.metrics.lr_consistency import lr_psnr

    return lambda hr, sr: lr_psnr(hr, sr, scale, degradation)


def _comparing_features(metric) -> Measure:
    """The measure of a metric with `features` and `distance`, which keeps the features of the last HR.

    Callers compare one HR with many SRs in a row.
    """
    last: list = [None, None]

    def measure(hr: np.ndarray, sr: np.ndarray) -> float:
        if not np.array_equal(last[0], hr):
            last[:] = hr.copy(), metric.features(hr[None])
        return float(metric.distance(last[1], sr[None])[0])

    return measure


def _enl0(scale: int, degradation: str) -> Measure:
    from sr_tf.metrics.feature_distance import ENL0

    return _comparing_features(ENL0(locate("efficientnet_lite0")))


def _lpips(kind: str) -> Callable[[int, str], Measure]:
    def load(scale: int, degradation: str) -> Measure:
        from sr_tf.metrics.lpips import LPIPS

        return _comparing_features(LPIPS(kind))

    return load


def _shift(channel: int) -> Callable[[int, str], Measure]:
    return lambda scale, degradation: lambda hr, sr: float(colour_shift(hr, sr)[channel])


_WINDOW = "SSIM window Gaussian, 11×11 pixels, σ 1.5"
_RGB = f"PSNR and SSIM: 8-bit RGB, no border cut, range 255, {_WINDOW}"
_Y = (
    "PSNR Y and SSIM Y: luma of BT.601 (16 to 235, as MATLAB's rgb2ycbcr, but not rounded), {scale} pixels cut off at "
    f"each side, range 255, {_WINDOW}"
)
_LPIPS = "LPIPS v0.1: 8-bit RGB, no border cut"
_SHIFT = "shift R, G and B: mean of SR − HR in 8-bit levels"
_WIDEST_BORDER = 8

SCORES = {
    score.key: score
    for score in (
        Score("psnr", "PSNR", "dB", 1, 2, _RGB, lambda scale, degradation: fast_psnr),
        Score("ssim", "SSIM", "", 1, 4, _RGB, lambda scale, degradation: fast_ssim, least_side=WINDOW),
        Score(
            "lpips_alex", "LPIPS AlexNet", "", -1, 3, _LPIPS, _lpips("alex"), perceptual=True,
            assets=("lpips_imagenet",), other_assets=("lpips_heads", "alexnet_imagenet"), least_side=31,
        ),
        Score(
            "lpips_vgg", "LPIPS VGG", "", -1, 3, _LPIPS, _lpips("vgg"), perceptual=True,
            assets=("lpips_imagenet",), other_assets=("lpips_heads", "vgg16_imagenet"), least_side=16,
        ),
        Score(
            "psnr_y", "PSNR Y", "dB", 1, 2, _Y, _psnr_y,
            least_side=1 + 2 * _WIDEST_BORDER,
        ),
        Score(
            "ssim_y", "SSIM Y", "", 1, 4, _Y, _ssim_y,
            least_side=WINDOW + 2 * _WIDEST_BORDER,
        ),
        Score(
            "lr_psnr", "LR PSNR", "dB", 1, 2,
            "LR PSNR: PSNR between the reduced SR and the LR, 8-bit RGB, no border cut",
            _lr_psnr,
        ),
        Score(
            "enl0", "ENL0", "", -1, 3,
            "ENL0 distance: squared difference of unit-normalised features of EfficientNet-Lite0 trained on ImageNet, "
            "mean over positions, sum over the stem and blocks 0, 2, 4 and 10, uncalibrated, 8-bit RGB, no border cut",
            _enl0, perceptual=True, assets=("efficientnet_lite0",), least_side=16,
        ),
        Score(
            "ssimulacra2", "SSIMULACRA2", "", 1, 2,
            "SSIMULACRA2: Python package ssimulacra2 0.3, 8-bit sRGB, no border cut",
            lambda scale, degradation: load_ssimulacra2(), perceptual=True, least_side=SSIMULACRA2_LEAST_SIDE,
        ),
        Score("shift_r", "shift R", "", 0, 2, _SHIFT, _shift(0)),
        Score("shift_g", "shift G", "", 0, 2, _SHIFT, _shift(1)),
        Score("shift_b", "shift B", "", 0, 2, _SHIFT, _shift(2)),
        Score(
            "lattice", "lattice", "dB", -1, 1,
            "lattice: how much more a pattern that repeats every {scale} pixels stands out in the spectrum of SR than "
            "in that of HR",
            lambda scale, degradation: lambda hr, sr: lattice_excess(hr, sr, scale), least_side=LATTICE_LEAST_SIDE,
        ),
    )
}  # fmt: skip


def score_protocol(keys: Iterable[str], scale: int) -> str:
    """Everything needed to repeat these scores except the data, in one line.

    Args:
        keys: keys of `SCORES`.
        scale: reduction in each direction.
    """
    meanings = dict.fromkeys(SCORES[key].protocol.format(scale=scale) for key in keys)
    return "; ".join([*meanings, "computed per image, then averaged"])


def score_image(hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
    """Measures PSNR and SSIM of one image.

    Args:
        hr: uint8 [H, W, 3], at least 11×11 pixels.
        sr: the same shape.

    Returns:
        `psnr` in dB, and `ssim`.
    """
    return {"psnr": fast_psnr(hr, sr), "ssim": fast_ssim(hr, sr)}


def mean_scores(scores: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each score over images.

    Args:
        scores: the scores of each image, the same keys in each; at least one image.
    """
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
