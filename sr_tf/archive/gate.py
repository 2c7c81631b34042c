"""The quality gate: the thresholds that every tile of a restored slide must pass, and how tiles are scored."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from sr_tf.archive.grid import GATE_TILE
from sr_tf.images.tiles import tiles
from sr_tf.metrics.fast import fast_psnr, fast_ssim
from sr_tf.metrics.ssim_formula import WINDOW

PROTOCOL = (
    f"every tile of {GATE_TILE}×{GATE_TILE} pixels from the upper left corner on, those at the right and lower edge as "
    "large as they are; 8-bit RGB, no border cut, range 255; SSIM window Gaussian 11/1.5, 1 where a tile is narrower; "
    "shift: largest |mean of SR − HR| of a channel"
)
_LPIPS_PROTOCOL = (
    "; LPIPS v0.1, AlexNet; narrower tiles are extended to 31 pixels by repeating their last row and column"
)

_OTHER_SCORE = 0.3
"""What is assumed to be lacking, in dB, where neither PSNR nor SSIM fails but another score."""

STUDY = "study"
"""The quality that has no thresholds: the published scheme, whose errors are measured and kept."""


@dataclass(frozen=True)
class Gate:
    """Thresholds for every single tile.

    The quality `STUDY` has thresholds that every tile reaches.

    Attributes:
        name: name of the quality, or "custom".
        min_psnr: lowest PSNR in dB; infinite: the restored pixels must equal the original's.
        min_ssim: lowest SSIM, at most 1.
        max_enl0: largest ENL0 distance; None: ENL0 is not measured.
        max_shift: largest |mean of SR − HR| of a channel, in 8-bit levels. A different shift in the next tile is
            visible as an edge on blank glass, where PSNR allows several levels. Below 1, no codec that stores Y, Cb and
            Cr in 8 bits is sure to pass: even a single colour may come back with an error of one level.
    """

    name: str
    min_psnr: float
    min_ssim: float
    max_enl0: float | None = None
    max_shift: float = 1.5

    @property
    def lossless(self) -> bool:
        """Whether only the original's pixels pass."""
        return np.isinf(self.min_psnr)

    @property
    def study(self) -> bool:
        """Whether every block is reduced 4 times and restored by a generator, whatever its scores are."""
        return self.name == STUDY

    @property
    def reduction(self) -> str:
        """How blocks are reduced, a name in `sr_tf.images.degradation.DEGRADATIONS`."""
        return "study" if self.study else "antialiased"

    @property
    def protocol(self) -> str:
        """How tiles are measured, in words."""
        return PROTOCOL + _LPIPS_PROTOCOL * self.study

    def passes(self, scores: dict[str, np.ndarray]) -> bool:
        """Whether all tiles pass; `scores` are those of `Measure`."""
        return bool(np.all(self.passed(scores)))

    def passed(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Which tiles pass: bool [rows, columns]."""
        limits = self._limits()
        return np.logical_and.reduce([_reaches(name, scores[name], limits[name]) for name in limits])

    def passed_as_stored(self, scores: dict[str, np.ndarray], version: int | None = None) -> np.ndarray:
        """Which tiles pass if scores and thresholds are rounded alike, as archives of a version store them: see `pack`.

        A score that passed when it was measured still passes: rounding keeps the order. Without rounding the threshold,
        34.007 dB, stored as 34.00, would fail a threshold of 34.005 dB.
        """
        limits, version = self._limits(), version or NEWEST
        return np.logical_and.reduce(
            [
                _reaches(name, _steps(name, scores[name], version), _steps(name, np.array(limits[name]), version))
                for name in limits
            ]
        )

    def _limits(self) -> dict[str, float]:
        """The thresholds by the names of the scores."""
        limits = {"psnr": self.min_psnr, "ssim": self.min_ssim, "shift": self.max_shift}
        return limits if self.max_enl0 is None else {**limits, "enl0": self.max_enl0}

    def margin(self, scores: dict[str, np.ndarray]) -> float:
        """How far the worst tile is from failing, judged by its PSNR, in dB; below 0 if a tile fails."""
        decibels = float(np.min(scores["psnr"])) - self.min_psnr
        if self.passes(scores):
            return max(decibels, 0.0)
        return min(decibels, -1e-3)

    def distance(self, scores: dict[str, np.ndarray]) -> float:
        """How far the worst tile is from failing, judged by PSNR and SSIM: a better base for predictions than `margin`.

        Returns:
            dB by which the error could grow, the smaller one of PSNR and of 1 − SSIM, which grows about as the squared
            error does; below 0 if a tile fails.
        """
        allowed, found = (np.maximum(1 - np.asarray(ssim), 1e-9) for ssim in (self.min_ssim, scores["ssim"]))
        structure = 10 * np.log10(allowed / found)
        decibels = float(min(np.min(scores["psnr"]) - self.min_psnr, np.min(structure)))
        if self.passes(scores):
            return max(decibels, 0.0)
        return decibels if decibels < 0 else -_OTHER_SCORE

    def narrowed(self) -> "Gate":
        """A slightly stricter gate, for choosing a block before its neighbours are chosen."""
        if self.lossless or self.study:
            return self
        enl0 = None if self.max_enl0 is None else 0.99 * self.max_enl0
        return replace(
            self,
            min_psnr=self.min_psnr + 0.03,
            min_ssim=self.min_ssim + 5e-4,
            max_enl0=enl0,
        )

    def describe(self) -> str:
        """The thresholds in one line for people."""
        if self.lossless:
            return f"{self.name}: every pixel as in the original"
        if self.study:
            return f"{self.name}: 4× reduced and restored by a generator; no threshold, every tile's errors are kept"
        enl0 = "" if self.max_enl0 is None else f", ENL0 ≤ {self.max_enl0:g}"
        shift = "" if np.isinf(self.max_shift) else f", mean colour within {self.max_shift:g} of 255"
        return f"{self.name}: every tile PSNR ≥ {self.min_psnr:g} dB, SSIM ≥ {self.min_ssim:g}{enl0}{shift}"


QUALITIES = {
    gate.name: gate
    for gate in (
        Gate("visual", 34.0, 0.90),
        Gate("diagnostic", 38.0, 0.95),
        Gate("lossless", np.inf, 1.0),
        Gate(STUDY, 0.0, -1.0, max_shift=255.0),
    )
}

# The resolution at which an archive stores a score, by the format's version. 65535 stands for equal pixels.
UNITS_BY_VERSION = {
    1: {"psnr": 0.01, "ssim": 1e-4, "shift": 0.01, "enl0": 1e-4},
    2: {"psnr": 0.1, "ssim": 1e-3, "shift": 0.02, "enl0": 0.01, "lpips": 1e-4},
}
NEWEST = max(UNITS_BY_VERSION)
SCORE_UNITS = UNITS_BY_VERSION[NEWEST]
ALWAYS_MEASURED = ("psnr", "ssim", "shift")
LESS_IS_BETTER = ("shift", "enl0", "lpips")
EQUAL = 65535

_DISTANCES = {"enl0": "enl0", "lpips": "lpips_alex"}
"""The scores that compare features of a network, and their keys in `sr_tf.metrics.scores.SCORES`."""


class Measure:
    """Scores the gate tiles of a block.

    Args:
        names: the scores, see `score_names`. The distances ENL0 and LPIPS need Keras.

    Raises:
        UserError: the weights of a distance are not in the cache.
    """

    def __init__(self, names: Iterable[str] = ALWAYS_MEASURED):
        self._names = tuple(names)
        self._distances = {name: _load_distance(name) for name in self._names if name in _DISTANCES}

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> dict[str, np.ndarray]:
        """Scores each gate tile.

        Args:
            hr: a block of the original, uint8 [h, w, 3]. Its upper left corner lies on the grid of gate tiles.
            sr: the restored block, of the same shape.

        Returns:
            `psnr` (dB, infinite for equal tiles), `ssim`, `shift` (8-bit levels) and, if they are measured, `enl0` and
            `lpips`; each is a float array [rows, columns].
        """
        height, width = hr.shape[:2]
        shape = -(-height // GATE_TILE), -(-width // GATE_TILE)
        scores = {name: np.empty(shape) for name in self._names}
        for top, bottom, left, right in tiles(height, width, GATE_TILE):
            place = top // GATE_TILE, left // GATE_TILE
            pair = hr[top:bottom, left:right], sr[top:bottom, left:right]
            for name, value in self._tile(*pair).items():
                scores[name][place] = value
        return scores

    def _tile(self, hr: np.ndarray, sr: np.ndarray) -> dict[str, float]:
        if np.array_equal(hr, sr):
            scores = {"psnr": np.inf, "ssim": 1.0, "shift": 0.0}
        else:
            wide = min(hr.shape[:2]) >= WINDOW
            shift = np.abs(np.subtract(cv2.mean(sr)[:3], cv2.mean(hr)[:3])).max()
            scores = {"psnr": fast_psnr(hr, sr), "ssim": fast_ssim(hr, sr) if wide else 1.0, "shift": shift}
        for name, (distance, least_side) in self._distances.items():
            large = [_at_least(image, least_side)[None] for image in (hr, sr)]
            scores[name] = float(distance(*large)[0])
        return scores


def _load_distance(name: str) -> tuple[Callable, int]:
    """A distance of features, and the smallest image side that it can measure."""
    from sr_tf.assets.store import locate
    from sr_tf.messages import load_backend
    from sr_tf.metrics.scores import SCORES

    score = SCORES[_DISTANCES[name]]
    for asset in score.missing_assets:
        locate(asset)  # an error, before Keras is imported
    load_backend()
    if name == "enl0":
        from sr_tf.metrics.feature_distance import ENL0

        return ENL0(locate("efficientnet_lite0")), score.least_side
    from sr_tf.metrics.lpips import LPIPS

    return LPIPS("alex"), score.least_side


def _at_least(image: np.ndarray, side: int) -> np.ndarray:
    """Repeats the last row and column of an image until it has `side` rows and columns."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, max(0, side - height)), (0, max(0, side - width)), (0, 0)), mode="edge")


class _Named(Protocol):
    """What decides which scores are measured: a `Gate`, or its fields in an archive's header."""

    name: str
    max_enl0: float | None


def score_names(gate: _Named) -> tuple[str, ...]:
    """The names of the scores that are measured for a gate, in the order in which archives store them."""
    optional = {"enl0": gate.max_enl0 is not None, "lpips": gate.name == STUDY}
    return tuple(name for name in SCORE_UNITS if optional.get(name, True))


def worst(name: str, values: np.ndarray) -> float:
    """The worst value of a score."""
    return float(values.max() if name in LESS_IS_BETTER else values.min())


def pack(name: str, values: np.ndarray, version: int = NEWEST) -> np.ndarray:
    """Scores as archives of a version store them: uint16 in units of `UNITS_BY_VERSION`, rounded to worse scores."""
    return _steps(name, values, version).astype(np.uint16)


def _steps(name: str, values: np.ndarray, version: int) -> np.ndarray:
    """What `pack` stores, as float64, so that NaN remains NaN."""
    steps = np.asarray(values, np.float64) / UNITS_BY_VERSION[version][name]
    steps = np.ceil(steps - 1e-6) if name in LESS_IS_BETTER else np.floor(steps + 1e-6)
    return np.where(np.isinf(values), EQUAL, np.clip(steps, 0, EQUAL - 1))


def _reaches(name: str, values: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Whether scores are at least as good as a threshold."""
    return values <= limit if name in LESS_IS_BETTER else values >= limit


def unpack(name: str, values: np.ndarray, version: int = NEWEST) -> np.ndarray:
    """The inverse of `pack`, float64."""
    # Divided by a whole number, so that 7000 steps of 1e-4 are the float of 0.7, and not 0.7000000000000001.
    return np.where(values == EQUAL, np.inf, values / round(1 / UNITS_BY_VERSION[version][name]))
