"""Which scores an evaluation takes: chosen by name, loaded, and put to the ladder test."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from sr_tf.assets.store import is_cached
from sr_tf.errors import UserError
from sr_tf.metrics.ladder import Ladder, ladder_test
from sr_tf.metrics.scores import SCORES, Measure

ALWAYS = ("psnr", "ssim")
DEFAULT = (*ALWAYS, "lr_psnr", *(score.key for score in SCORES.values() if score.perceptual))
LADDER_SCENES = 3

Scenes = Callable[[], Iterator[tuple[str, np.ndarray]]]
"""Yields (name, HR uint8 [H, W, 3]) anew each time."""


@dataclass(frozen=True)
class Measures:
    """The scores of one evaluation.

    Attributes:
        functions: those that are measured, in the table's order, by key.
        unmeasured: why the others that were asked for are not, by key.
        ladders: how the perceptual ones climbed; one that failed is not in `functions`.
    """

    functions: dict[str, Measure]
    unmeasured: dict[str, str] = field(default_factory=dict)
    ladders: tuple[Ladder, ...] = ()


def load_measures(names: Sequence[str], scale: int, degradation: str) -> Measures:
    """Loads scores.

    Args:
        names: keys of `SCORES`; `all`; or none for `DEFAULT`. PSNR and SSIM are always among them. A score that is
            named has to be there; of the others, those whose files were not fetched are left out.
        scale: reduction in each direction.
        degradation: a name in `sr_tf.images.degradation.DEGRADATIONS`.

    Raises:
        UserError: unknown name, a file of a named score is missing, or a file is damaged.
    """
    unknown = sorted(set(names) - set(SCORES) - {"all"})
    if unknown:
        raise UserError(f"--metrics={','.join(unknown)}: unknown, expected all or some of {', '.join(SCORES)}")
    wanted = {*ALWAYS, *(SCORES if "all" in names else names or DEFAULT)}
    functions, unmeasured = {}, {}
    for key, score in SCORES.items():
        if key not in wanted:
            continue
        absent = [asset for asset in score.assets if not is_cached(asset)]
        if absent and key not in names:
            unmeasured[key] = f"{' and '.join(absent)} not fetched"
        else:
            functions[key] = score.load(scale, degradation)
    return Measures(functions, unmeasured)


def run_ladder_test(measures: Measures, scenes: Scenes, restore: Callable[[np.ndarray], np.ndarray]) -> Measures:
    """Lets the perceptual scores climb on some of the scenes, evenly spread; drops those that fail.

    Args:
        measures: as loaded.
        scenes: those of the evaluation.
        restore: a generator trained by MSE, from LR to SR, uint8, 4 times in each direction.

    Raises:
        UserError: no scenes, or one that is too small for a score.
    """
    climbers = {SCORES[key]: function for key, function in measures.functions.items() if SCORES[key].perceptual}
    if not climbers:
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
        ladders = ladder_test(climbers, chosen, restore, bar.update)
    failed = {ladder.score.key for ladder in ladders if not ladder.passed}
    kept = {key: function for key, function in measures.functions.items() if key not in failed}
    return replace(measures, functions=kept, ladders=tuple(ladders))


def require_size(name: str, hr: np.ndarray, measures: Measures) -> None:
    """Refuses a scene that is too small for one of the scores.

    Raises:
        UserError: it is.
    """
    score = max((SCORES[key] for key in measures.functions), key=lambda score: score.least_side)
    height, width = hr.shape[:2]
    if min(height, width) < score.least_side:
        least = f"{score.least_side}×{score.least_side}"
        raise UserError(f"{name}: {width}×{height} pixels, expected at least {least} to measure {score.heading}")
