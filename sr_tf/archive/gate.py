"""The quality gate: the thresholds that every tile of a restored slide must pass, and how scores are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sr_tf.archive import cells
from sr_tf.archive.cells import CELL_SCORES, LOCAL_ERROR, LOCAL_SSIM
from sr_tf.archive.grid import CELL, GATE_TILE
from sr_tf.cells.names import SAME_COUNT, SAME_TYPES
from sr_tf.metrics.local import ERROR_WINDOW

PROTOCOL = (
    f"every tile of {GATE_TILE}×{GATE_TILE} pixels from the upper left corner on, those at the right and lower edge as "
    "large as they are; 8-bit RGB, no border cut, range 255; SSIM window Gaussian 11/1.5, 1 where a tile is narrower; "
    "shift: largest |mean of SR − HR| of a channel"
)
CELL_PROTOCOL = (
    f"; cells of {CELL}×{CELL} pixels: mean SSIM, largest |mean of SR − HR over {ERROR_WINDOW}×{ERROR_WINDOW}| of a "
    "channel; the tile's edge is mirrored"
)
_LPIPS_PROTOCOL = (
    "; LPIPS v0.1, AlexNet; narrower tiles are extended to 31 pixels by repeating their last row and column"
)

_OTHER_SCORE = 0.3
"""What is assumed to be lacking, in dB, where neither PSNR nor SSIM fails but another score."""

_LOCAL_ERROR_DB = 30
"""What ten times the local error counts for, in dB; of the mean error this is 20. With 30 instead of 20, predictions
took 0 to 5 % fewer bytes on nine drawn fields, 0.5 and 1.6 % more on two slides; see docs/results/archives.md."""

STUDY = "study"
"""The quality that has no thresholds: the published scheme, whose errors are measured and kept."""


RED_CELLS_IN_WORDS = {
    None: "",
    SAME_COUNT: "; the same red cells found, none lost or added",
    SAME_TYPES: "; the same red cells found, none lost, added or of another type",
}


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
        min_local_ssim: lowest mean SSIM of a detail cell; None: no threshold. See `sr_tf.metrics.local`.
        max_local_error: largest error of a detail cell in 8-bit levels; None: no threshold.
        red_cells: what must agree between the red cells of the original and those of the restored slide, a name in
            `sr_tf.cells.names.AGREEMENTS`; None: nothing. It is no threshold of tiles, see `sr_tf.archive.cell_gate`.
    """

    name: str
    min_psnr: float
    min_ssim: float
    max_enl0: float | None = None
    max_shift: float = 1.5
    min_local_ssim: float | None = None
    max_local_error: float | None = None
    red_cells: str | None = None

    @property
    def lossless(self) -> bool:
        """Whether only the original's pixels pass."""
        return np.isinf(self.min_psnr)

    @property
    def study(self) -> bool:
        """Whether every block is reduced 4 times and restored by a generator, whatever its scores are."""
        return self.name == STUDY

    @property
    def judges_cells(self) -> bool:
        """Whether cells have a threshold; then their scores are measured and kept."""
        return self.min_local_ssim is not None or self.max_local_error is not None

    @property
    def reduction(self) -> str:
        """How blocks are reduced, a name in `sr_tf.images.degradation.DEGRADATIONS`."""
        return "study" if self.study else "antialiased"

    @property
    def protocol(self) -> str:
        """How tiles are measured, in words."""
        return PROTOCOL + CELL_PROTOCOL * self.judges_cells + _LPIPS_PROTOCOL * self.study

    def passes(self, scores: dict[str, np.ndarray]) -> bool:
        """Whether all tiles pass; `scores` are those of `Measure`."""
        return bool(np.all(self.passed(scores)))

    def passed(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Which tiles pass: bool [rows, columns]."""
        limits = self._limits()
        return np.logical_and.reduce([_reaches(name, of_tiles(name, scores[name]), limits[name]) for name in limits])

    def passed_as_stored(self, scores: dict[str, np.ndarray], version: int | None = None) -> np.ndarray:
        """Which tiles pass if scores and thresholds are rounded alike, as archives of a version store them: see `pack`.

        A score that passed when it was measured still passes: rounding keeps the order. Without rounding the threshold,
        34.007 dB, stored as 34.00, would fail a threshold of 34.005 dB.
        """
        limits, version = self._limits(), version or NEWEST
        return np.logical_and.reduce(
            [
                _reaches(name, _steps(name, values, version), _steps(name, np.array(limits[name]), version))
                for name, values in ((name, of_tiles(name, scores[name])) for name in limits)
            ]
        )

    def _limits(self) -> dict[str, float]:
        """The thresholds by the names of the scores."""
        optional = {"enl0": self.max_enl0, LOCAL_SSIM: self.min_local_ssim, LOCAL_ERROR: self.max_local_error}
        return {
            **{"psnr": self.min_psnr, "ssim": self.min_ssim, "shift": self.max_shift},
            **{name: limit for name, limit in optional.items() if limit is not None},
        }

    def margin(self, scores: dict[str, np.ndarray]) -> float:
        """How far the worst tile is from failing, judged by PSNR and cells, in dB; below 0 if a tile fails."""
        decibels = min(float(np.min(scores["psnr"])) - self.min_psnr, self._distance_of_cells(scores))
        if self.passes(scores):
            return max(decibels, 0.0)
        return min(decibels, -1e-3)

    def distance(self, scores: dict[str, np.ndarray]) -> float:
        """How far the worst tile is from failing, judged by PSNR, SSIM and cells: better for predictions than `margin`.

        Returns:
            dB by which the error could grow: the smallest one of PSNR, of 1 − SSIM, which grows about as the squared
            error does, and of cells; below 0 if a tile fails.
        """
        structure = _decibels(self.min_ssim, scores["ssim"])
        decibels = min(float(np.min(scores["psnr"])) - self.min_psnr, structure, self._distance_of_cells(scores))
        if self.passes(scores):
            return max(decibels, 0.0)
        return decibels if decibels < 0 else -_OTHER_SCORE

    def _distance_of_cells(self, scores: dict[str, np.ndarray]) -> float:
        """Decibels by which the error of the worst cell could grow; infinite if cells have no threshold."""
        found = np.inf
        if self.min_local_ssim is not None:
            found = _decibels(self.min_local_ssim, scores[LOCAL_SSIM])
        if self.max_local_error is not None:
            largest = max(float(np.max(scores[LOCAL_ERROR])), 1e-9)
            found = min(found, _LOCAL_ERROR_DB * float(np.log10(self.max_local_error / largest)))
        return found

    def narrowed(self) -> "Gate":
        """A slightly stricter gate, for choosing a block before its neighbours are chosen."""
        if self.lossless or self.study:
            return self
        enl0 = None if self.max_enl0 is None else 0.99 * self.max_enl0
        local_ssim = None if self.min_local_ssim is None else min(self.min_local_ssim + 2e-3, 1.0)
        local_error = None if self.max_local_error is None else 0.99 * self.max_local_error
        return replace(
            self,
            min_psnr=self.min_psnr + 0.03,
            min_ssim=self.min_ssim + 5e-4,
            max_enl0=enl0,
            min_local_ssim=local_ssim,
            max_local_error=local_error,
        )

    def loosened(self, slack: Mapping[str, float]) -> "Gate":
        """A gate that allows more.

        Args:
            slack: by how much, for fields by their names. Thresholds that are not set remain so.
        """
        limits = {name: getattr(self, name) for name in slack}
        return replace(
            self,
            **{
                name: limit + (slack[name] if name.startswith("max") else -slack[name])
                for name, limit in limits.items()
                if limit is not None
            },
        )

    def describe(self) -> str:
        """The thresholds in one line for people."""
        if self.lossless:
            return f"{self.name}: every pixel as in the original"
        if self.study:
            return f"{self.name}: 4× reduced and restored by a generator; no threshold, every tile's errors are kept"
        enl0 = "" if self.max_enl0 is None else f", ENL0 ≤ {self.max_enl0:g}"
        shift = "" if np.isinf(self.max_shift) else f", mean colour within {self.max_shift:g} of 255"
        tile = f"{self.name}: every tile PSNR ≥ {self.min_psnr:g} dB, SSIM ≥ {self.min_ssim:g}{enl0}{shift}"
        return f"{tile}{self._describe_cells()}{RED_CELLS_IN_WORDS[self.red_cells]}"

    def _describe_cells(self) -> str:
        limits = [
            *([] if self.min_local_ssim is None else [f"local SSIM ≥ {self.min_local_ssim:g}"]),
            *([] if self.max_local_error is None else [f"local error ≤ {self.max_local_error:g} of 255"]),
        ]
        return f"; every detail cell of {CELL}×{CELL} pixels {', '.join(limits)}" if limits else ""


QUALITIES = {
    gate.name: gate
    for gate in (
        Gate("visual", 34.0, 0.90),
        Gate("diagnostic", 38.0, 0.95, min_local_ssim=0.8, max_local_error=20.0),
        Gate("lossless", np.inf, 1.0),
        Gate(STUDY, 0.0, -1.0, max_shift=255.0),
    )
}

# The resolution at which an archive stores a score, by the format's version. 65535 stands for equal pixels.
UNITS_BY_VERSION = {
    1: {"psnr": 0.01, "ssim": 1e-4, "shift": 0.01, "enl0": 1e-4},
    2: {"psnr": 0.1, "ssim": 1e-3, "shift": 0.02, "enl0": 0.01, "lpips": 1e-4},
}
UNITS_BY_VERSION[3] = UNITS_BY_VERSION[4] = UNITS_BY_VERSION[2]
NEWEST = max(UNITS_BY_VERSION)
SCORE_UNITS = UNITS_BY_VERSION[NEWEST]
ALWAYS_MEASURED = ("psnr", "ssim", "shift")
LESS_IS_BETTER = ("shift", "enl0", "lpips", LOCAL_ERROR)
EQUAL = 65535


class _Named(Protocol):
    """What decides which scores are measured: a `Gate`, or its fields in an archive's header."""

    name: str
    max_enl0: float | None


def score_names(gate: _Named) -> tuple[str, ...]:
    """The names of the scores that are measured for a gate, in the order in which archives store them."""
    optional = {"enl0": gate.max_enl0 is not None, "lpips": gate.name == STUDY}
    return tuple(name for name in SCORE_UNITS if optional.get(name, True))


def measured_names(gate: Gate) -> tuple[str, ...]:
    """The names of all scores that are measured for a gate: those of tiles, then those of cells."""
    return score_names(gate) + CELL_SCORES * gate.judges_cells


def of_tiles(name: str, values: np.ndarray) -> np.ndarray:
    """A score by gate tile: of scores of cells, each tile's worst."""
    return cells.worst_of_tiles(name, values) if name in CELL_SCORES else values


def worst(name: str, values: np.ndarray) -> float:
    """The worst value of a score."""
    return float(values.max() if name in LESS_IS_BETTER else values.min())


def pack(name: str, values: np.ndarray, version: int = NEWEST) -> np.ndarray:
    """Scores as archives of a version store them: uint16 in units of `UNITS_BY_VERSION`, rounded to worse scores."""
    return _steps(name, values, version).astype(np.uint16)


def _steps(name: str, values: np.ndarray, version: int) -> np.ndarray:
    """What `pack` stores, as float64, so that NaN remains NaN; of scores of cells, the step that stands for them."""
    if name in CELL_SCORES:
        return cells.rounded(name, values)
    steps = np.asarray(values, np.float64) / UNITS_BY_VERSION[version][name]
    steps = np.ceil(steps - 1e-6) if name in LESS_IS_BETTER else np.floor(steps + 1e-6)
    return np.where(np.isinf(values), EQUAL, np.clip(steps, 0, EQUAL - 1))


def _decibels(limit: float, ssim: np.ndarray) -> float:
    """Decibels by which 1 − SSIM could grow at the worst place until a limit is reached."""
    allowed, found = max(1 - limit, 1e-9), max(1 - float(np.min(ssim)), 1e-9)
    return float(10 * np.log10(allowed / found))


def _reaches(name: str, values: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Whether scores are at least as good as a threshold."""
    return values <= limit if name in LESS_IS_BETTER else values >= limit


def unpack(name: str, values: np.ndarray, version: int = NEWEST) -> np.ndarray:
    """The inverse of `pack`, float64."""
    # Divided by a whole number, so that 7000 steps of 1e-4 are the float of 0.7, and not 0.7000000000000001.
    return np.where(values == EQUAL, np.inf, values / round(1 / UNITS_BY_VERSION[version][name]))
