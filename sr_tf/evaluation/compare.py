"""Scores of several generators and of the interpolation baselines on the same scenes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from sr_tf.errors import UserError
from sr_tf.evaluation.measures import ALWAYS, Measures, load_measures, require_size
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import baselines, crop_to, reduce
from sr_tf.metrics.ladder import Ladder
from sr_tf.metrics.scores import mean_scores


@dataclass(frozen=True)
class Comparison:
    """The scores of all methods on all scenes.

    Attributes:
        scores: the scores by method (baselines first), scene name and key of `sr_tf.metrics.scores.SCORES`.
        baselines: the names of the methods that are interpolations.
        scale: reduction in each direction.
        degradation: the name of the reduction.
        data: the name of the data set or folder of the scenes.
        sizes: (height, width) of each scene in pixels, by scene name.
        unmeasured: for each requested score that could not be measured, the reason, by key.
        ladders: the result of each perceptual score in the ladder test; scores that failed are not in `scores`.
    """

    scores: dict[str, dict[str, dict[str, float]]]
    baselines: tuple[str, ...]
    scale: int
    degradation: str
    data: str
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    ladders: tuple[Ladder, ...] = ()

    def means(self) -> dict[str, dict[str, float]]:
        """The mean of each score over scenes, by method and key."""
        return {method: mean_scores(list(scenes.values())) for method, scenes in self.scores.items()}


def restorations(hr: np.ndarray, generators: dict, degradation: str) -> dict[str, np.ndarray]:
    """Reduces one scene and restores it by every method.

    Args:
        hr: uint8 [H, W, 3].
        generators: the `EDSR` generators by their names in the table, all of one scale.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.

    Returns:
        Images by name, uint8: `LR` [h, w, 3]; then the baselines and each generator's SR, [H, W, 3].
    """
    scale = common_scale(generators)
    lr = reduce(hr, scale, degradation)
    images = {"LR": lr, **baselines(lr, scale, degradation, hr.shape[:2])}
    for name, generator in generators.items():
        images[name] = crop_to(upscale(generator, lr), hr.shape[:2])
    return images


def compare(
    scenes: Iterable[tuple[str, np.ndarray]],
    generators: dict,
    degradation: str,
    data: str,
    measures: Measures | None = None,
) -> Comparison:
    """Scores every method on every scene.

    Args:
        scenes: (name, HR uint8 [H, W, 3]) of each scene.
        generators: the generators by name, as in `restorations`.
        degradation: the name of the reduction, as in `restorations`.
        data: the name of the data set or folder, for the protocol line.
        measures: the scores to compute, loaded for the generators' scale and this degradation; default PSNR and SSIM.

    Raises:
        UserError: there are no scenes, a scene is too small to score, or the generators differ in scale.
    """
    scale = common_scale(generators)
    measures = measures or load_measures(ALWAYS, scale, degradation)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    sizes = {}
    for name, hr in tqdm(scenes, unit="scene", disable=None):
        require_size(name, hr, measures)
        images = restorations(hr, generators, degradation)
        del images["LR"]
        for method, image in images.items():
            scores.setdefault(method, {})[name] = {
                key: measure(hr, image) for key, measure in measures.functions.items()
            }
        sizes[name] = hr.shape[:2]
    if not scores:
        raise UserError(f"{data}: found no scenes, expected at least one")
    interpolations = tuple(method for method in scores if method not in generators)
    return Comparison(scores, interpolations, scale, degradation, data, sizes, measures.unmeasured, measures.ladders)


def common_scale(generators: dict) -> int:
    """The scale of all generators; 4, the study's scale, if there are no generators.

    Raises:
        UserError: the generators differ in scale.
    """
    scales = {generator.scale for generator in generators.values()}
    if len(scales) > 1:
        found = ", ".join(f"{name} ×{generator.scale}" for name, generator in generators.items())
        raise UserError(f"--models: found {found}; expected generators of one scale")
    return scales.pop() if scales else 4
