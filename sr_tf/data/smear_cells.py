"""Cells of a stained blood smear, each as a small patch of stain density.

A patch contains optical density per unit of stain. Patches of overlapping cells are added, and the whole scene is
converted to colour once. Lengths are pixels at 1000×, where a red cell (7.2 µm) measures 60–110 pixels.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sr_tf.images.libraries import cv2

RED, VIOLET, BLUE = range(3)  # haemoglobin with eosin, azure-stained chromatin and granules, basophilic cytoplasm

RED_KINDS = (
    "normal", "oval", "spherocyte", "hypochromic", "target", "stomatocyte", "teardrop", "crenated", "fragment",
)  # fmt: skip

_ANGLES = np.linspace(0, 2 * np.pi, 512, endpoint=False)


@dataclass(frozen=True)
class RedStyle:
    """The common properties of the red cells of one scene.

    Attributes:
        rim: strength of the dark line just inside the membrane, relative to a cell's density.
        halo: strength of the bright line of refracted light just outside the membrane, relative to a cell's density.
        edge: width of the cell's edge in pixels.
        pallor: depth of the central pallor, 0–1.
        drying: probability that the pallor has the sharp, refractile border of a slowly dried smear.
    """

    rim: float
    halo: float
    edge: float
    pallor: float
    drying: float


@dataclass(frozen=True)
class Leucocyte:
    """One kind of white cell. Lengths are relative to the cell's radius.

    Attributes:
        size: range of the cell's radius, relative to a red cell's.
        lobes: range of the number of nuclear lobes.
        step: angle between neighbouring lobes in radians.
        spread: distance of the lobes from the cell's centre.
        lobe: range of a lobe's radius.
        bridge: radius of the strand between neighbouring lobes.
        cytoplasm: density of each stain in the cytoplasm.
        granules: density of each stain in a granule.
        grain: radius of a granule. The granules together cover the cell about once.
    """

    size: tuple[float, float]
    lobes: tuple[int, int]
    step: float
    spread: float
    lobe: tuple[float, float]
    bridge: float
    cytoplasm: tuple[float, float, float]
    granules: tuple[float, float, float]
    grain: float


LEUCOCYTES = {
    "neutrophil": Leucocyte(
        (1.45, 1.8), (3, 5), 1.2, 0.5, (0.26, 0.34), 0.06, (0.15, 0.09, 0.05), (0.16, 0.14, 0), 0.022
    ),
    "lymphocyte": Leucocyte((1.1, 1.5), (1, 1), 0, 0.08, (0.78, 0.88), 0, (0, 0.08, 0.5), (0, 0.05, 0.1), 0.03),
    "monocyte": Leucocyte(
        (1.7, 2.1), (5, 6), 0.5, 0.36, (0.30, 0.38), 0.3, (0.03, 0.1, 0.22), (0.03, 0.1, 0.04), 0.018
    ),
    "eosinophil": Leucocyte(
        (1.5, 1.8), (2, 3), 1.9, 0.45, (0.30, 0.38), 0.1, (0.12, 0.04, 0.05), (0.7, 0.06, 0), 0.042
    ),
}


def red_cell(rng: np.random.Generator, radius: float, kind: str, style: RedStyle) -> np.ndarray:
    """Draws a red cell: a disc with a thinner middle and a density of about 1 where it is thickest.

    Args:
        rng: the source of all irregularities.
        radius: mean radius in pixels.
        kind: one of `RED_KINDS`.
        style: the common properties of the scene's cells.

    Returns:
        Density of `RED`, float32 [P, P], with the cell in the centre. It is slightly negative in the halo.
    """
    outline, plan = _red_outline(rng, kind)
    distance, reach, angle = _inside(radius * outline)
    # The pallor follows the cell's smooth plan, not the details of its border.
    rho = reach * _around(outline / plan / _wavy(rng, 2, 6, 0.06), angle)
    rho *= 1 + rng.uniform(0, 0.2) * np.cos(angle - rng.uniform(0, 2 * np.pi))
    if kind == "stomatocyte":
        rho *= 1 + 1.1 * np.abs(np.sin(angle - rng.uniform(0, 2 * np.pi)))

    depth, width = style.pallor * rng.uniform(0.75, 1.1), rng.uniform(0.25, 0.5)
    if kind in ("spherocyte", "fragment", "teardrop"):
        depth *= rng.uniform(0, 0.5)
    elif kind == "hypochromic":
        depth, width = max(depth, 0.7), rng.uniform(0.6, 0.72)
    sharp = rng.random() < style.drying
    softness = rng.uniform(0.02, 0.05) if sharp else rng.uniform(0.09, 0.16)
    thickness = 1 - depth * _step((width - rho) / softness) - 0.22 * style.pallor * np.maximum(1 - rho * rho, 0)
    if kind == "target":
        thickness += depth * _step((0.5 * width - rho) / 0.07)
    thickness = np.maximum(thickness, 0.05)
    if sharp:
        # The border of a dried pallor refracts light: a dark line beside a bright one.
        across = (rho - width) / 0.035
        thickness += 0.4 * depth * across * np.exp(-0.5 * across * across)

    rim = style.rim * _line(distance, 1.3, 1.1) - style.halo * _line(distance, -1.8, 1.2)
    return (rng.normal(1, 0.07) * (thickness * _step(distance / style.edge) + rim)).astype(np.float32)


def platelet(rng: np.random.Generator, radius: float) -> np.ndarray:
    """Draws a platelet: pale violet with dark granules concentrated in its middle.

    Returns:
        Density of `VIOLET`, float32 [P, P].
    """
    distance, rho, _ = _inside(radius * _wavy(rng, 2, 9, 0.08))
    count = int(rng.uniform(0.15, 0.35) * radius * radius)
    grains = _grains(rng, len(rho), count, spread=0.4 * radius, sigma=rng.uniform(0.8, 1.1))
    body = rng.uniform(0.25, 0.6) * (1 + 0.2 * noise(rng, rho.shape, 1.0)) + 0.45 * np.minimum(grains, 1.2)
    return (np.maximum(body, 0.05) * _step(distance / 1.0)).astype(np.float32)


def speck(rng: np.random.Generator) -> np.ndarray:
    """Draws a grain of precipitated stain, a refractile bubble, or dust far out of focus.

    Returns:
        Density of `VIOLET`, float32 [P, P]; negative where light is focused.
    """
    kind = rng.choice(["grain", "bubble", "dust"], p=[0.65, 0.2, 0.15])
    radius = {"grain": rng.uniform(0.7, 2.2), "bubble": rng.uniform(2, 5), "dust": rng.uniform(4, 7)}[kind]
    distance, _, _ = _inside(radius * _wavy(rng, 2, 5, 0.15))
    if kind == "bubble":
        density = 0.3 * _line(distance, 0, 0.9) - 0.1 * _line(distance, radius, 1.2)
    else:
        strength = rng.uniform(0.25, 1.0) if kind == "grain" else rng.uniform(0.02, 0.08)
        density = strength * (_step(distance / 0.8) - 0.15 * _line(distance, -2, 1))
    return density.astype(np.float32)


def leucocyte(rng: np.random.Generator, radius: float, kind: Leucocyte) -> np.ndarray:
    """Draws a white cell: granular cytoplasm around a nucleus of clumped chromatin.

    Args:
        rng: the source of all irregularities.
        radius: radius of the cell in pixels.
        kind: the proportions and stains of the cell.

    Returns:
        Density of each stain, float32 [3, P, P].
    """
    distance, rho, _ = _inside(radius * _wavy(rng, 2, 8, 0.035))
    body = _step(distance / 1.0)
    depth = _nucleus(rng, radius, kind, rho.shape)
    nucleus = _step(depth / 0.8)

    clumps = noise(rng, rho.shape, 0.055 * radius)
    strands = noise(rng, rho.shape, 1.2)
    chromatin = 1 + 0.28 * np.tanh(1.5 * clumps) + 0.13 * strands + 0.25 * _line(depth, 1.5, 1.5)

    area = np.pi * radius * radius
    sigma = max(0.7, kind.grain * radius)
    count = int(1.1 * area / (2 * np.pi * sigma * sigma))
    grains = np.minimum(_grains(rng, len(rho), count, spread=None, sigma=sigma), 2.0)
    mottle = 1 + 0.25 * noise(rng, rho.shape, 0.05 * radius)
    cell = [body * (1 - nucleus) * (base * mottle + grain * grains)
            for base, grain in zip(kind.cytoplasm, kind.granules, strict=True)]  # fmt: skip
    cell[VIOLET] = cell[VIOLET] + 0.12 * _line(distance, 1.0, 1.0) + 0.9 * body * nucleus * chromatin
    cell[BLUE] = cell[BLUE] + 0.3 * body * nucleus * chromatin
    return np.maximum(np.stack(cell), 0).astype(np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Smooth Gaussian noise (mean 0, standard deviation 1), float32, with structures of about 2 · `sigma` pixels."""
    # Enlarging a coarse grid takes a fraction of the time of a wide blur at full size.
    factor = max(1, int(sigma / 2))
    coarse = [side // factor + 2 for side in shape]
    field = cv2.GaussianBlur(rng.standard_normal(coarse, dtype=np.float32), (0, 0), sigma / factor)
    if factor > 1:
        size = (coarse[1] * factor, coarse[0] * factor)
        field = cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)
    return field[: shape[0], : shape[1]] * (2 * math.sqrt(math.pi) * sigma / factor)


def _red_outline(rng: np.random.Generator, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Radii of the border, and of the oval it is based on, at `_ANGLES`; their mean is about 1."""
    stretch = rng.uniform(1.2, 1.7) if kind == "oval" else rng.uniform(1.0, 1.22)
    turned = _ANGLES - rng.uniform(0, 2 * np.pi)
    plan = 1 / np.sqrt(np.cos(turned) ** 2 / stretch + np.sin(turned) ** 2 * stretch)
    outline = plan * _wavy(rng, 2, 6, rng.uniform(0.01, 0.03))
    if kind == "teardrop":
        away = np.abs(np.angle(np.exp(1j * (turned - rng.normal(0, 0.3)))))
        outline = 0.9 * outline + rng.uniform(0.3, 0.8) * np.exp(-away / rng.uniform(0.15, 0.3))
    elif kind == "crenated":
        spikes = rng.integers(9, 18)
        uneven = 1 + 0.4 * (_wavy(rng, 1, 5, 1.0) - 1)
        outline += rng.uniform(0.02, 0.06) * np.cos(spikes * turned + 2 * np.sin(turned)) * uneven
    elif kind == "fragment":
        chord = rng.uniform(0.15, 0.7) / np.maximum(np.cos(turned), 1e-3)
        outline = 0.9 * np.minimum(outline, np.maximum(chord, 0.35 - 0.25 * np.cos(turned)))
    return _round_off(outline), plan


def _round_off(outline: np.ndarray) -> np.ndarray:
    """Rounds corners, because surface tension allows no sharp ones."""
    window = np.hanning(19)
    return np.convolve(np.concatenate([outline[-9:], outline, outline[:9]]), window / window.sum(), mode="valid")


def _wavy(rng: np.random.Generator, lowest: int, highest: int, amplitude: float) -> np.ndarray:
    """1 plus several sine waves around the circle. Finer waves are weaker."""
    orders = np.arange(lowest, highest + 1)
    weights = amplitude * rng.normal(size=orders.size) * lowest / orders
    phases = rng.uniform(0, 2 * np.pi, orders.size)
    return 1 + weights @ np.cos(orders[:, None] * _ANGLES + phases[:, None])


def _inside(outline: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel of a square patch: distance to the outline (positive inside), relative radius, angle."""
    half = int(np.ceil(outline.max())) + 8
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    radius, angle = cv2.cartToPolar(x, y)
    # Division by the slant converts the radial distance to the distance perpendicular to the membrane.
    slope = (np.roll(outline, -1) - np.roll(outline, 1)) * _ANGLES.size / (4 * np.pi) / outline
    border = _around(outline, angle)
    return (border - radius) / _around(np.hypot(1, slope), angle), radius / border, angle


def _around(table: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Looks up a value for each angle, float32."""
    index = (angle * np.float32(_ANGLES.size / (2 * np.pi))).astype(np.int32) % _ANGLES.size
    return table.astype(np.float32)[index]


def _nucleus(rng: np.random.Generator, radius: float, kind: Leucocyte, shape: tuple[int, int]) -> np.ndarray:
    """Distance in pixels to the roughened border of a chain of lobes, positive inside."""
    count = rng.integers(kind.lobes[0], kind.lobes[1] + 1)
    angles = rng.uniform(0, 2 * np.pi) + kind.step * (np.arange(count) + rng.uniform(-0.2, 0.2, count))
    far = radius * kind.spread * rng.uniform(0.8, 1.15, count)
    centres = np.stack([far * np.cos(angles), far * np.sin(angles)], axis=1)
    radii = radius * rng.uniform(*kind.lobe, count)
    half = shape[0] // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    depths = [
        size - np.hypot(x - cx, (y - cy) * rng.uniform(0.9, 1.15))
        for (cx, cy), size in zip(centres, radii, strict=True)
    ]
    for (ax, ay), (bx, by) in pairwise(centres):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        depths.append(kind.bridge * radius - np.hypot(x - ax - along * dx, y - ay - along * dy))
    # A smooth maximum rounds the notches between lobes.
    blend = 0.025 * radius
    depth = blend * np.logaddexp.reduce(np.stack(depths) / blend, axis=0)
    return depth + 0.03 * radius * noise(rng, shape, 0.09 * radius)


def _grains(rng: np.random.Generator, size: int, count: int, spread: float | None, sigma: float) -> np.ndarray:
    """`count` soft dots of height about 1 in a square patch, concentrated in the middle by `spread`; None: uniform."""
    if spread is None:
        places = rng.integers(0, size, (count * 4 // 3, 2))
    else:
        places = np.clip(size / 2 + spread * rng.normal(size=(count, 2)), 0, size - 1).astype(int)
    dots = np.zeros((size, size), np.float32)
    np.add.at(dots, tuple(places.T), rng.uniform(0.5, 1.3, len(places)).astype(np.float32))
    return cv2.GaussianBlur(dots, (0, 0), sigma) * (2 * np.pi * sigma * sigma)


def _step(value: np.ndarray) -> np.ndarray:
    """A smooth step from 0 to 1, centred at 0, about ±2 wide."""
    return 0.5 + 0.5 * np.tanh(value)


def _line(distance: np.ndarray, at: float, width: float) -> np.ndarray:
    """A line of height 1 at a given distance inside the outline."""
    return np.exp(-0.5 * ((distance - at) / width) ** 2)
