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
    """What was measured.

    Attributes:
        scores: for each method (baselines first), for each scene name, for each key of `sr_tf.metrics.scores.SCORES`
            that was measured.
        baselines: names of the methods that are interpolations.
        scale: reduction in each direction.
        degradation: name of the reduction.
        data: where the scenes came from.
        sizes: (height, width) of each scene in pixels.
        unmeasured: why scores that were asked for are not in `scores`, by key.
        ladders: how each perceptual score did in the ladder test; one that failed is not in `scores`.
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
        """Mean over scenes of each score, for each method."""
        return {method: mean_scores(list(scenes.values())) for method, scenes in self.scores.items()}


def restorations(hr: np.ndarray, generators: dict, degradation: str) -> dict[str, np.ndarray]:
    """LR and every restoration of one scene.

    Args:
        hr: uint8 [H, W, 3].
        generators: `EDSR` by the name they have in the table, all of one scale.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.

    Returns:
        `LR`, then the baselines, then each generator's SR: uint8, [H, W, 3] but for LR.
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
        scenes: (name, HR uint8 [H, W, 3]).
        generators: as in `restorations`.
        degradation: as in `restorations`.
        data: for the protocol line.
        measures: what to measure, loaded for the generators' scale and this degradation; by default PSNR and SSIM.

    Raises:
        UserError: no scenes, a scene too small to score, or generators of different scales.
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
        raise UserError(f"{data}: holds no scenes, expected at least one")
    interpolations = tuple(method for method in scores if method not in generators)
    return Comparison(scores, interpolations, scale, degradation, data, sizes, measures.unmeasured, measures.ladders)


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
