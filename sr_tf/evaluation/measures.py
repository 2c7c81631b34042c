"""The scores of an evaluation: selected by name, loaded, and checked by the ladder test."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from sr_tf.errors import UserError
from sr_tf.metrics.ladder import Ladder, ladder_test
from sr_tf.metrics.scores import SCORES, Measure

ALWAYS = ("psnr", "ssim")
"""The scores that every evaluation measures."""
DEFAULT = (*ALWAYS, "lpips_alex", "lr_psnr", "enl0", "ssimulacra2")
"""The scores that are measured if none is named."""
OF_REPORT = tuple(key for key in SCORES if key != "lpips_vgg")
"""The scores of a report if none is named: all but LPIPS by VGG-16, which takes seconds for each image."""
LADDER_SCENES = 3
"""The number of scenes in the ladder test."""

Scenes = Callable[[], Iterator[tuple[str, np.ndarray]]]
"""A function whose every call returns a new iterator of (name, HR uint8 [H, W, 3])."""


@dataclass(frozen=True)
class Measures:
    """The scores of one evaluation.

    Attributes:
        functions: the measure of each score by its key, in the table's order.
        unmeasured: for each requested score that cannot be measured, the reason, by key.
        ladders: the results of the perceptual scores in the ladder test; scores that failed are not in `functions`.
    """

    functions: dict[str, Measure]
    unmeasured: dict[str, str] = field(default_factory=dict)
    ladders: tuple[Ladder, ...] = ()


def load_measures(names: Sequence[str], scale: int, degradation: str, default: Sequence[str] = DEFAULT) -> Measures:
    """Loads scores.

    Args:
        names: keys of `SCORES`, or `all`; empty for `default`. PSNR and SSIM are always added. The files of a named
            score must be present; other scores are left out if their files were not fetched.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.
        default: keys of `SCORES`.

    Raises:
        UserError: a name is unknown, a file of a named score is missing, or a file is damaged.
    """
    unknown = sorted(set(names) - set(SCORES) - {"all"})
    if unknown:
        raise UserError(f"--metrics={','.join(unknown)}: unknown, expected all or some of {', '.join(SCORES)}")
    wanted = {*ALWAYS, *(SCORES if "all" in names else names or default)}
    functions, unmeasured = {}, {}
    for key, score in SCORES.items():
        if key not in wanted:
            continue
        missing = score.missing_assets
        if missing and key not in names:
            unmeasured[key] = f"{' and '.join(missing)} not fetched"
        else:
            functions[key] = score.load(scale, degradation)
    return Measures(functions, unmeasured)


def run_ladder_test(measures: Measures, scenes: Scenes, restore: Callable[[np.ndarray], np.ndarray]) -> Measures:
    """Runs the ladder test on the perceptual scores and drops those that fail.

    The test uses `LADDER_SCENES` scenes, evenly spread over all.

    Args:
        measures: the loaded scores.
        scenes: the scenes of the evaluation.
        restore: a generator trained by MSE: a function from LR to SR, uint8, 4 times larger in each direction.

    Returns:
        The scores without those that failed, with the results of the test; `measures` itself if none is perceptual.

    Raises:
        UserError: there are no scenes, or a scene is too small for a score.
    """
    perceptual = {SCORES[key]: function for key, function in measures.functions.items() if SCORES[key].perceptual}
    if not perceptual:
        return measures
    count = 0
    for name, hr in scenes():
        require_size(name, hr, measures)
        count += 1
    if not count:
        raise UserError("the ladder test: found no scenes, expected at least one")
    places = set(np.linspace(0, count - 1, LADDER_SCENES).round())
    chosen = [hr for place, (_, hr) in enumerate(scenes()) if place in places]
    with tqdm(total=len(chosen), desc="ladder test", unit="scene", disable=None) as bar:
        ladders = ladder_test(perceptual, chosen, restore, bar.update)
    failed = {ladder.score.key for ladder in ladders if not ladder.passed}
    kept = {key: function for key, function in measures.functions.items() if key not in failed}
    return replace(measures, functions=kept, ladders=tuple(ladders))


def require_size(name: str, hr: np.ndarray, measures: Measures) -> None:
    """Checks that a scene is large enough for every score.

    Args:
        name: the scene's name, for the error.
        hr: uint8 [H, W, 3].
        measures: the scores.

    Raises:
        UserError: the scene is too small for one of the scores.
    """
    score = max((SCORES[key] for key in measures.functions), key=lambda score: score.least_side)
    height, width = hr.shape[:2]
    if min(height, width) < score.least_side:
        least = f"{score.least_side}×{score.least_side}"
        raise UserError(f"{name}: found {width}×{height} pixels, expected at least {least} to measure {score.heading}")
