"""Local Fourier ring correlation of an image with its original: up to which frequency the detail is the original's.

FRC(r) = Re Σ F₁ F₂* / √(Σ |F₁|² Σ |F₂|²), summed over the frequencies of a ring of radius r (Saxton and Baumeister
1982; on patches that scan an image: arXiv 2603.04673). It is 1 where two images have the same detail and about 0 where
one has none, or another.

Two noisy images of one thing are compared at 1/7. Here one image is the reference, and a reference correlates with one
of the two by √(2 · 1/7 / (1 + 1/7)) = 0.5 where these correlate by 1/7 (Rosenthal and Henderson 2003). So 0.5 is the
threshold.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

PATCH = 128
"""Side of a patch in pixels. The ring of radius r has the frequency r / `PATCH` in cycles per pixel."""
STEP = PATCH // 2
"""Distance of two patches: a Hann window and its neighbours see all pixels alike."""
THRESHOLD = 0.5
BLANK = 3.0
"""Least standard deviation of a patch with detail, in 8-bit levels: blank glass has the camera's noise only."""
VISIBLE = 1.0
"""Least standard deviation of invented detail that is flagged, in 8-bit levels."""

_RINGS = PATCH // 2
_LUMA = np.array([0.299, 0.587, 0.114])
_ROUNDING = float((_LUMA**2).sum() / 12)
"""Variance of luma by rounding each channel to 8 bits."""
_ABOVE_ROUNDING = 4.0
"""Rings of less than this many times the power of rounding hold nothing that could be kept."""

PROTOCOL = (
    f"Fourier ring correlation of luma (BT.601) on patches of {PATCH}×{PATCH} pixels, {STEP} apart, mean removed, Hann "
    "window; rings of one bin, three pooled; a patch keeps detail up to the first frequency with a correlation below "
    f"{THRESHOLD:g}, at most to the last one at which the original has {_ABOVE_ROUNDING:g} times rounding's power; "
    f"patches with a standard deviation below {BLANK:g} levels are blank and left out; lost: standard deviation of the "
    f"original's detail in rings below {THRESHOLD:g}; invented: that of the other image's detail there, as far as the "
    f"original does not explain it (1 − FRC²); flagged: invented is at least {VISIBLE:g} level of 255, and the other "
    "image has more energy in these rings than the original"
)


@dataclass(frozen=True)
class Rings:
    """Sums over the rings 1 to `PATCH` / 2 of patches, float64 [patches, rings] each.

    Attributes:
        cross: Re Σ F₁ F₂*.
        first: Σ |F₁|².
        second: Σ |F₂|².
    """

    cross: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def correlation(self) -> np.ndarray:
        """FRC of each ring, −1 to 1; 0 where one of the two has no power."""
        power = np.sqrt(self.first * self.second)
        return np.divide(self.cross, power, out=np.zeros_like(self.cross), where=power > 0)

    def pooled(self) -> "Rings":
        """The same with each ring summed with its neighbours, so that few frequencies decide less."""
        return Rings(*(_with_neighbours(sums) for sums in (self.cross, self.first, self.second)))


@dataclass(frozen=True)
class Detail:
    """What is kept of the detail of several patches; blank ones are only counted.

    Attributes:
        places: int [patches, 2], x and y of each patch's upper left corner in pixels of full size.
        kept: float [patches], the frequency up to which detail is kept, in cycles per pixel, 0 to 0.5.
        limits: float [patches], the highest frequency at which the original has detail.
        lost: float [patches], see `PROTOCOL`, 8-bit levels.
        invented: float [patches], likewise.
        flagged: bool [patches].
        blank: number of blank patches.
        sums: the three sums of `Rings` over all patches, float64 [3, rings].
    """

    places: np.ndarray
    kept: np.ndarray
    limits: np.ndarray
    lost: np.ndarray
    invented: np.ndarray
    flagged: np.ndarray
    blank: int
    sums: np.ndarray

    def curve(self) -> np.ndarray:
        """FRC of all patches together at the frequencies `frequencies()`, float [rings]."""
        return Rings(*self.sums).correlation()


def frequencies() -> np.ndarray:
    """The frequency of each ring in cycles per pixel, float [rings]."""
    return np.arange(1, _RINGS + 1) / PATCH


def rings(first: np.ndarray, second: np.ndarray) -> Rings:
    """The sums over rings of pairs of patches.

    Args:
        first: float [patches, `PATCH`, `PATCH`].
        second: the same shape.
    """
    window, order, starts, weights, _ = _layout()
    one, other = (
        np.fft.rfft2((images - images.mean((1, 2), keepdims=True)) * window).reshape(len(images), -1)[:, order]
        for images in (first, second)
    )

    def summed(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values * weights, starts, axis=1)[:, 1 : _RINGS + 1]

    return Rings(summed((one * other.conj()).real), summed(np.abs(one) ** 2), summed(np.abs(other) ** 2))


def detail(original: np.ndarray, other: np.ndarray, x: int = 0, y: int = 0) -> Detail:
    """Compares two images patch by patch.

    Args:
        original: uint8 [H, W, 3]. Of images narrower than `PATCH` there is no patch.
        other: the same shape.
        x: of the images' upper left corner, in pixels of full size.
        y: likewise.
    """
    corners = [(row, column) for row in _starts(original.shape[0]) for column in _starts(original.shape[1])]
    if not corners:
        return merged([])
    pairs = (np.stack([image[r : r + PATCH, c : c + PATCH] @ _LUMA for r, c in corners]) for image in (original, other))
    sums = rings(*pairs)
    chosen = np.sqrt(_variance(sums.first)) >= BLANK
    places = np.array(corners, int)[:, ::-1] + (x, y)
    return _judged(Rings(*(one[chosen] for one in (sums.cross, sums.first, sums.second))), places[chosen], ~chosen)


def merged(parts: Iterable[Detail]) -> Detail:
    """All patches of several parts together."""
    parts = [_NONE, *parts]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("places", "kept", "limits", "lost", "invented", "flagged")
    }
    return Detail(**joined, blank=sum(part.blank for part in parts), sums=np.sum([part.sums for part in parts], axis=0))


def _judged(sums: Rings, places: np.ndarray, blank: np.ndarray) -> Detail:
    correlation = sums.pooled().correlation()
    floor = _ROUNDING * _layout()[-1]
    solid = sums.first >= _ABOVE_ROUNDING * floor
    last = np.where(solid.any(axis=1), _RINGS - np.argmax(solid[:, ::-1], axis=1), 0)
    inside = np.arange(1, _RINGS + 1) <= last[:, None]
    low = correlation < THRESHOLD
    lost = np.where(low & inside, sums.first, 0)
    unexplained = np.where(low, np.maximum(sums.second * (1 - correlation**2) - floor, 0), 0)
    more = np.where(low, sums.second, 0).sum(1) > np.where(low, sums.first, 0).sum(1)
    invented = np.sqrt(_variance(unexplained))
    return Detail(
        places=places,
        kept=np.minimum(_first_below(correlation), last / PATCH),
        limits=last / PATCH,
        lost=np.sqrt(_variance(lost)),
        invented=invented,
        flagged=more & (invented >= VISIBLE),
        blank=int(blank.sum()),
        sums=np.stack([one.sum(0) for one in (sums.cross, sums.first, sums.second)]),
    )


def _first_below(correlation: np.ndarray) -> np.ndarray:
    """The frequency at which each curve first falls below the threshold, between two rings; 0.5 if it never does."""
    curves = np.column_stack([np.ones(len(correlation)), correlation])
    below = curves < THRESHOLD
    at = np.where(below.any(1), np.argmax(below, 1), 0)
    rows = np.arange(len(curves))
    above, under = curves[rows, np.maximum(at - 1, 0)], curves[rows, at]
    share = np.divide(above - THRESHOLD, above - under, out=np.zeros_like(above), where=above > under)
    return np.where(at > 0, (at - 1 + share) / PATCH, _RINGS / PATCH)


def _variance(power: np.ndarray) -> np.ndarray:
    """The variance that the power in rings stands for, in squared 8-bit levels (Parseval)."""
    window = _layout()[0]
    return power.sum(1) / (PATCH**2 * (window**2).sum())


def _with_neighbours(sums: np.ndarray) -> np.ndarray:
    padded = np.pad(sums, ((0, 0), (1, 1)))
    return padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]


def _starts(length: int) -> list[int]:
    """Where patches begin along one side; the last one ends where the side does."""
    if length < PATCH:
        return []
    regular = list(range(0, length - PATCH + 1, STEP))
    return regular if regular[-1] == length - PATCH else [*regular, length - PATCH]


@functools.cache
def _layout() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(window, frequencies in the order of rings, where each ring begins, how often each counts, rounding's power)."""
    taper = np.hanning(PATCH + 1)[:-1]
    window = np.outer(taper, taper)
    vertical, horizontal = np.fft.fftfreq(PATCH, 1 / PATCH), np.arange(PATCH // 2 + 1)
    radius = np.rint(np.hypot(vertical[:, None], horizontal)).astype(int).ravel()
    order = np.argsort(radius, kind="stable")
    # Columns between the first and the last stand for their mirror images too.
    twice = np.broadcast_to(np.where((horizontal > 0) & (horizontal < PATCH // 2), 2.0, 1.0), (PATCH, len(horizontal)))
    starts = np.searchsorted(radius[order], np.arange(radius.max() + 1))
    weights = twice.ravel()[order]
    counts = np.add.reduceat(weights, starts)[1 : _RINGS + 1]
    return window, order, starts, weights, counts * (window**2).sum()


_NONE = Detail(np.zeros((0, 2), int), *(np.zeros(0) for _ in range(4)), np.zeros(0, bool), 0, np.zeros((3, _RINGS)))
