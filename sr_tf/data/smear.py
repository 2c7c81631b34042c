"""Procedural peripheral-blood smears: any number of scenes for tests and for training without patients' images.

Stains absorb light. The densities of overlapping cells are added and converted to colour by the Beer–Lambert law,
I = I₀ · exp(−OD). Illumination, focus, chromatic shift and sensor noise are then applied in the order in which they
arise in a microscope.
"""

import math
from dataclasses import dataclass

import numpy as np

from sr_tf.data.smear_cells import (
    BLUE,
    LEUCOCYTES,
    RED,
    RED_KINDS,
    VIOLET,
    RedStyle,
    leucocyte,
    noise,
    platelet,
    red_cell,
    speck,
)
from sr_tf.images.libraries import cv2


@dataclass(frozen=True)
class _Look:
    """Preparation, stain and optics of one scene.

    Attributes:
        radius: mean radius of red cells in pixels.
        size_spread: relative standard deviation of cell sizes.
        coverage: fraction of the field that red cells cover, 0–1.
        crowding: probability that a cell may overlap its neighbours.
        kinds: probability of each of `RED_KINDS`.
        style: the common properties of the red cells.
        light: RGB of the empty field, 0–255.
        stains: optical density per channel for each stain, [stain, channel].
        blur: radius of the defocus disc and sigma of the diffraction blur, in pixels.
        shift: displacement of the red and the blue image from the green one in pixels, [2, 2].
        grain: standard deviation of the sensor noise in levels of 0–255.
    """

    radius: float
    size_spread: float
    coverage: float
    crowding: float
    kinds: np.ndarray
    style: RedStyle
    light: np.ndarray
    stains: np.ndarray
    blur: tuple[float, float]
    shift: np.ndarray
    grain: float


def render_smear(seed: int, height: int = 700, width: int = 700) -> np.ndarray:
    """Draws one field of a Wright–Giemsa-stained blood smear at 1000×.

    Args:
        seed: at least 0. The same seed and size give the same pixels in every process.
        height: height in pixels, at least 1.
        width: width in pixels, at least 1.

    Returns:
        uint8 RGB [height, width, 3].

    Raises:
        ValueError: the seed is negative or a side is below 1.
    """
    return render_smear_cells(seed, height, width)[0]


def render_smear_cells(seed: int, height: int = 700, width: int = 700) -> tuple[np.ndarray, np.ndarray]:
    """Draws the field of `render_smear` and tells where its red cells are.

    Returns:
        (the field, the red cells: float [N, 3], x and y of the centre and the radius in pixels; a centre may lie
        outside the field).

    Raises:
        ValueError: see `render_smear`.
    """
    if height < 1 or width < 1:
        raise ValueError(f"size {height} × {width}: expected at least 1 × 1 pixel")
    rng = np.random.default_rng(seed)
    look = _draw_look(rng)
    stain, cells = _draw_stain(rng, look, height, width)
    return _photograph(rng, look, stain), cells


def _draw_look(rng: np.random.Generator) -> _Look:
    # Concentrations below 1 make one or two abnormal shapes frequent in a smear, as in diseases. Fragments are rare.
    abnormal = rng.dirichlet([0.1 if kind == "fragment" else 0.5 for kind in RED_KINDS[1:]]) * rng.beta(1.2, 4)
    tan = rng.beta(1, 2.5)  # 0: pink-violet cells of a fresh stain; 1: tan cells of an old or acid stain
    haemoglobin = (1 - tan) * np.array([0.34, 1.0, 0.50]) + tan * np.array([0.22, 0.95, 0.92])
    azure = np.array([0.68, 1.0, 0.27]) * rng.normal(1, [0.12, 0.04, 0.15])
    basophil = np.array([0.75, 0.5, 0.15]) * rng.normal(1, 0.08, 3)
    strength = rng.uniform(0.28, 0.8)
    tint = rng.normal(0, [0.05, 0.02, 0.05])
    light = rng.uniform(165, 238) * np.exp(tint - tint.mean())
    return _Look(
        radius=rng.uniform(29, 50),
        size_spread=rng.uniform(0.04, 0.13),
        coverage=rng.uniform(0.25, 0.65),
        crowding=rng.beta(1, 4),
        kinds=np.concatenate([[1 - abnormal.sum()], abnormal]),
        style=RedStyle(
            rim=rng.uniform(0.05, 0.4),
            halo=rng.uniform(0.02, 0.2),
            edge=rng.uniform(0.7, 1.8),
            pallor=rng.uniform(0.25, 0.85),
            drying=rng.beta(0.4, 2.5),
        ),
        light=np.minimum(light, 248),
        stains=np.stack([haemoglobin * strength, azure * rng.uniform(0.85, 1.25), basophil * rng.uniform(0.5, 0.9)]),
        blur=(rng.uniform(0.2, 1.3), rng.uniform(0.4, 0.6)),
        shift=rng.normal(0, 0.35, (2, 2)),
        grain=rng.uniform(0.9, 2.0),
    )


def _draw_stain(rng: np.random.Generator, look: _Look, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Density of each stain, float32 [3, height, width], and the red cells as `render_smear_cells` returns them."""
    stain = np.zeros((3, height, width), np.float32)
    placed: list[tuple[float, float, float]] = []
    scale = height * width / 700**2

    for _ in range(rng.poisson(0.9 * scale)):
        kind = LEUCOCYTES[rng.choice(list(LEUCOCYTES), p=[0.55, 0.28, 0.1, 0.07])]
        radius = look.radius * rng.uniform(*kind.size)
        place = _free_place(rng, placed, radius, 1.0, height, width)
        if place:
            _add(stain, leucocyte(rng, radius, kind), place)

    cells = []
    area = (height + 2 * look.radius) * (width + 2 * look.radius)
    for _ in range(round(look.coverage * area / (np.pi * look.radius**2))):
        radius = look.radius * math.exp(look.size_spread * rng.normal())
        reach = rng.uniform(0.55, 0.95) if rng.random() < look.crowding else 1.03
        place = _free_place(rng, placed, radius, reach, height, width)
        if place:
            kind = rng.choice(RED_KINDS, p=look.kinds)
            _add(stain[RED], red_cell(rng, radius, kind, look.style), place)
            cells.append((place[1], place[0], radius))
    # Haemoglobin is slightly uneven, and the pores of the dried film are visible in it.
    stain[RED] *= 1 + 0.022 * noise(rng, (height, width), 0.9) + 0.03 * noise(rng, (height, width), 5)

    for _ in range(rng.poisson(9 * scale)):
        radius = look.radius * rng.uniform(0.18, 0.42)
        place = _free_place(rng, placed, radius, 0.9, height, width)
        if place:
            _add(stain[VIOLET], platelet(rng, radius), place)
    _add_dirt(rng, stain, scale)
    return stain, np.array(cells).reshape(-1, 3)


def _free_place(rng, placed: list, radius: float, reach: float, height: int, width: int) -> tuple[float, float] | None:
    """Finds a centre at least `reach` times the sum of radii from all others; None if there is none."""
    others = np.array(placed).reshape(-1, 3)
    for _ in range(30):
        y, x = rng.uniform(-radius, height + radius), rng.uniform(-radius, width + radius)
        if np.all(np.hypot(others[:, 0] - y, others[:, 1] - x) >= reach * (others[:, 2] + radius)):
            placed.append((y, x, radius))
            return y, x
    return None


def _add(field: np.ndarray, patch: np.ndarray, place: tuple[float, float]) -> None:
    """Adds a patch with its centre at `place` to the last two axes of a field. Parts outside are cut off."""
    (height, width), side = field.shape[-2:], patch.shape[-1]
    top, left = (round(centre) - side // 2 for centre in place)
    y, x = slice(max(top, 0), min(top + side, height)), slice(max(left, 0), min(left + side, width))
    if y.start < y.stop and x.start < x.stop:
        field[..., y, x] += patch[..., y.start - top : y.stop - top, x.start - left : x.stop - left]


def _add_dirt(rng: np.random.Generator, stain: np.ndarray, scale: float) -> None:
    """Adds stain precipitate, and a thin film of stained plasma over the whole field."""
    height, width = stain.shape[1:]
    for _ in range(rng.poisson(rng.gamma(1, 8) * scale)):
        place = rng.uniform(0, height), rng.uniform(0, width)
        _add(stain[VIOLET], speck(rng), place)
    film = 0.012 * noise(rng, (height, width), 14) + 0.008 * noise(rng, (height, width), 2)
    stain[BLUE] += 0.03 + film


def _photograph(rng: np.random.Generator, look: _Look, stain: np.ndarray) -> np.ndarray:
    """Converts stain densities to the camera's picture, uint8 RGB [H, W, 3]."""
    height, width = stain.shape[1:]
    density = cv2.transform(cv2.merge(list(stain)), look.stains.T.astype(np.float32))
    image = cv2.exp(-density) * look.light.astype(np.float32)
    image *= _illumination(rng, height, width)[..., None]
    image = cv2.filter2D(image, -1, _point_spread(*look.blur), borderType=cv2.BORDER_REFLECT)
    for channel, (dy, dx) in zip((0, 2), look.shift, strict=True):
        move = np.array([[1, 0, dx], [0, 1, dy]])
        image[..., channel] = cv2.warpAffine(
            image[..., channel], move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    grain = rng.standard_normal(image.shape, dtype=np.float32)
    # Demosaicing spreads a pixel's noise to its neighbours.
    grain = cv2.GaussianBlur(grain, (3, 3), 0.5)
    image += 1.5 * look.grain * np.sqrt(image / 200) * grain
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _illumination(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The light of a slightly decentred lamp, float32 [height, width]: 1 at its centre, less towards the corners."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] - np.float32(rng.normal(0, 0.3))
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] - np.float32(rng.normal(0, 0.3))
    return 1 - np.float32(rng.uniform(0, 0.09)) * (x * x + y * y)


def _point_spread(defocus: float, sigma: float) -> np.ndarray:
    """A disc of radius `defocus` convolved with a Gaussian. Its sum is 1."""
    y, x = np.mgrid[-4:5, -4:5]
    disc = np.clip(defocus + 0.5 - np.hypot(y, x), 0, 1)
    kernel = cv2.GaussianBlur(disc, (9, 9), sigma)
    return kernel / kernel.sum()
