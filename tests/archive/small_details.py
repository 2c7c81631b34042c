"""Gate tiles of which one small detail is lost, drawn from the project's own scenes."""

from dataclasses import dataclass

import cv2
import numpy as np

from sr_tf.data.smear_cells import RedStyle, platelet, red_cell
from sr_tf.images.codecs import CODECS

SIDE = 256
LEVEL = 75
"""AVIF's quality; at diagnostic, blocks of blood smears need about this."""
_GLASS = np.float32([226, 221, 229])
_RED, _VIOLET = np.float32([0.14, 0.52, 0.3]), np.float32([0.45, 0.68, 0.2])
_STEPS = 512
"""Angles at which a rim is blurred."""
_STYLE = RedStyle(rim=0.15, halo=0.08, edge=1.0, pallor=0.5, drying=0)


@dataclass(frozen=True)
class Loss:
    """A tile of the original, coded with and without one detail.

    Attributes:
        original: uint8 [256, 256, 3], with the detail.
        kept: the original after coding.
        lost: the original without the detail after coding.
        place: (row, column) of the detail's middle in pixels.
    """

    original: np.ndarray
    kept: np.ndarray
    lost: np.ndarray
    place: tuple[int, int]


def missing_letter() -> Loss:
    """The scale bar's "50.00 um" in grey on glass; the "5" is lost."""
    with_it, without = _density(), _density()
    for density, text, x in ((with_it, "50.00 um", 90), (without, "0.00 um", 100)):
        ink = np.zeros((SIDE, SIDE), np.uint8)
        cv2.putText(ink, text, (x, 150), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1, cv2.LINE_AA)
        density += 0.5 * np.float32(ink / 255)[..., None]
    return _loss(with_it, without, (145, 95))


def missing_platelet() -> Loss:
    """A platelet of 12 pixels between red cells."""
    without, place = _density(), (112, 150)
    _add(without, red_cell(np.random.default_rng(3), 38, "normal", _STYLE), (60, 70), _RED)
    _add(without, red_cell(np.random.default_rng(4), 38, "normal", _STYLE), (190, 90), _RED)
    with_it = without.copy()
    _add(with_it, platelet(np.random.default_rng(5), 6), place, _VIOLET)
    return _loss(with_it, without, place)


def smoothed_rim() -> Loss:
    """A crenated red cell whose spikes are lost: its rim is blurred along the rim."""
    with_it, without, place = _density(), _density(), (128, 128)
    cell = red_cell(np.random.default_rng(0), 36, "crenated", _STYLE)
    y, x = np.mgrid[: len(cell), : len(cell)].astype(np.float32) - (len(cell) - 1) / 2
    radius, angle = cv2.cartToPolar(x, y)
    around = np.linspace(0, 6 * np.pi, 3 * _STEPS, endpoint=False, dtype=np.float32)[:, None]  # three times round
    along = np.arange(len(cell) // 2, dtype=np.float32)[None]
    middle = (len(cell) - 1) / 2
    polar = cv2.remap(cell, middle + along * np.cos(around), middle + along * np.sin(around), cv2.INTER_LINEAR)
    polar = cv2.GaussianBlur(polar, (1, 97), sigmaX=1, sigmaY=16)
    smooth = cv2.remap(polar, radius, (angle / (2 * np.pi) + 1) * _STEPS, cv2.INTER_LINEAR)
    for density, patch in ((with_it, cell), (without, smooth)):
        _add(density, patch, place, _RED)
    return _loss(with_it, without, place)


LOSSES = {"letter": missing_letter, "platelet": missing_platelet, "rim": smoothed_rim}


def _density() -> np.ndarray:
    """Optical density of empty glass, float32 [256, 256, 3]."""
    return np.zeros((SIDE, SIDE, 3), np.float32)


def _add(density: np.ndarray, patch: np.ndarray, place: tuple[int, int], stain: np.ndarray) -> None:
    top, left = (centre - len(patch) // 2 for centre in place)
    density[top : top + len(patch), left : left + len(patch)] += patch[..., None] * stain


def _loss(with_it: np.ndarray, without: np.ndarray, place: tuple[int, int]) -> Loss:
    grain = np.random.default_rng(0).normal(0, 1.5, with_it.shape)
    original, other = (_camera(density, grain) for density in (with_it, without))
    codec = CODECS["avif"]
    kept, lost = (codec.decode(codec.encode(image, LEVEL)) for image in (original, other))
    return Loss(original, kept, lost, place)


def _camera(density: np.ndarray, grain: np.ndarray) -> np.ndarray:
    light = cv2.GaussianBlur(_GLASS * np.exp(-density), (0, 0), 0.7) + grain
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
