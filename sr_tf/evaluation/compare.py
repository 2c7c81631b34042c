"""Scores of several generators and of the interpolation baselines on the same scenes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from sr_tf.degradation import baselines, crop_to, reduce
from sr_tf.errors import UserError
from sr_tf.metrics.scores import mean_scores, score_image
from sr_tf.upscale import upscale


@dataclass(frozen=True)
class Comparison:
    """What was measured.

    Attributes:
        scores: for each method (baselines first), for each scene name, `psnr` in dB and `ssim`.
        baselines: names of the methods that are interpolations.
        scale: reduction in each direction.
        degradation: name of the reduction.
        data: where the scenes came from.
    """

    scores: dict[str, dict[str, dict[str, float]]]
    baselines: tuple[str, ...]
    scale: int
    degradation: str
    data: str

    def means(self) -> dict[str, dict[str, float]]:
        """Mean over scenes of each score, for each method."""
        return {method: mean_scores(list(scenes.values())) for method, scenes in self.scores.items()}


def restorations(hr: np.ndarray, generators: dict, degradation: str) -> dict[str, np.ndarray]:
    """LR and every restoration of one scene.

    Args:
        hr: uint8 [H, W, 3].
        generators: `EDSR` by the name they have in the table, all of one scale.
        degradation: a name in `sr_tf.degradation.DEGRADATIONS`.

    Returns:
        `LR`, then the baselines, then each generator's SR: uint8, [H, W, 3] but for LR.
    """
    scale = common_scale(generators)
    lr = reduce(hr, scale, degradation)
    images = {"LR": lr, **baselines(lr, scale, degradation, hr.shape[:2])}
    for name, generator in generators.items():
        images[name] = crop_to(upscale(generator, lr), hr.shape[:2])
    return images


def compare(scenes: Iterable[tuple[str, np.ndarray]], generators: dict, degradation: str, data: str) -> Comparison:
    """Scores every method on every scene.

    Args:
        scenes: (name, HR uint8 [H, W, 3]), each at least 11×11 pixels.
        generators: as in `restorations`.
        degradation: as in `restorations`.
        data: for the protocol line.

    Raises:
        UserError: no scenes, a scene too small to score, or generators of different scales.
    """
    scale = common_scale(generators)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for name, hr in tqdm(scenes, unit="scene", disable=None):
        if min(hr.shape[:2]) < 11:
            raise UserError(f"{name}: {hr.shape[1]}×{hr.shape[0]} pixels, expected at least 11×11 to measure SSIM")
        images = restorations(hr, generators, degradation)
        del images["LR"]
        for method, image in images.items():
            scores.setdefault(method, {})[name] = score_image(hr, image)
    if not scores:
        raise UserError(f"{data}: holds no scenes, expected at least one")
    interpolations = tuple(method for method in scores if method not in generators)
    return Comparison(scores, interpolations, scale, degradation, data)


def common_scale(generators: dict) -> int:
    """The scale of all generators; 4, the study's, where there are none.

    Raises:
        UserError: they differ.
    """
    scales = {generator.scale for generator in generators.values()}
    if len(scales) > 1:
        found = ", ".join(f"{name} ×{generator.scale}" for name, generator in generators.items())
        raise UserError(f"--models: found {found}; expected generators of one scale in one table")
    return scales.pop() if scales else 4
