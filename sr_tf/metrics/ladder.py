"""The ladder test: a perceptual metric must rank known distortions before any of its numbers is shown.

The test distorts known images in steps of rising strength. A metric that ranks these steps wrongly cannot be trusted to
rank restorations. ST-LPIPS, for example, fails: it rates repeated pixels better than bicubic interpolation.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

from sr_tf.images.degradation import enlarge, reduce
from sr_tf.images.libraries import cv2
from sr_tf.messages import markdown_table
from sr_tf.metrics.fast import fast_psnr
from sr_tf.metrics.scores import Measure, Score

SCALE = 4
"""Reduction in each direction of the enlarged images."""
NEAREST, BICUBIC, GENERATOR = "nearest neighbour", "bicubic", "MSE generator"
_VERDICTS = {True: "holds", False: "**broken**", None: "not applied"}


@dataclass(frozen=True)
class Ladder:
    """The result of one metric in the ladder test.

    Attributes:
        score: the metric.
        scenes: number of scenes.
        values: for each ladder, the mean over scenes at each rung, from the weakest distortion to the strongest. Each
            ladder except the enlargements starts with the undistorted image.
        rules: for each rule, whether it holds; None if the rule was not applied.
    """

    score: Score
    scenes: int
    values: dict[str, dict[str, float]]
    rules: dict[str, bool | None]

    @property
    def failures(self) -> tuple[str, ...]:
        """The rules that do not hold."""
        return tuple(rule for rule, held in self.rules.items() if held is False)

    @property
    def passed(self) -> bool:
        """Whether no rule is broken."""
        return not self.failures


def ladder_test(
    metrics: Mapping[Score, Measure],
    scenes: Iterable[np.ndarray],
    restore: Callable[[np.ndarray], np.ndarray],
    progress: Callable[[], object] = lambda: None,
) -> list[Ladder]:
    """Runs the ladder test.

    The rules apply to means over scenes. Each rung of blur, noise and JPEG must be worse than the one before it, and
    the first worse than the undistorted image. Enlargement by nearest neighbour must be worse than bicubic, and bicubic
    worse than a generator trained by MSE. The last rule applies only if the generator has the higher PSNR: on images
    unlike its training images the generator may really be worse.

    Args:
        metrics: the measure of each metric.
        scenes: HR images, uint8 [H, W, 3], of any size.
        restore: the generator: a function from LR to SR, uint8, 4 times larger in each direction.
        progress: called after each scene.

    Returns:
        One result for each metric, in the same order.

    Raises:
        ValueError: there are no scenes.
    """
    measured: dict[str, list[dict[str, dict[str, float]]]] = {score.key: [] for score in metrics}
    gains = []
    for hr in scenes:
        ladders = distortions(hr, restore)
        for score, measure in metrics.items():
            measured[score.key].append(
                {
                    ladder: {rung: measure(hr, image) for rung, image in rungs.items()}
                    for ladder, rungs in ladders.items()
                }
            )
        enlarged = ladders["enlargement"]
        gains.append(fast_psnr(hr, enlarged[GENERATOR]) - fast_psnr(hr, enlarged[BICUBIC]))
        progress()
    if not gains:
        raise ValueError("the ladder test: found no scenes, expected at least one scene")
    return [_judged(score, measured[score.key], float(np.mean(gains)) > 0) for score in metrics]


def distortions(hr: np.ndarray, restore: Callable[[np.ndarray], np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """All distorted versions of one image.

    Args:
        hr: uint8 [H, W, 3].
        restore: the generator, as in `ladder_test`.

    Returns:
        For each ladder, an image uint8 [H, W, 3] for each rung, from the weakest distortion to the strongest. `blur`:
        Gaussian, σ in pixels. `noise`: one field of Gaussian noise at four strengths, σ in 8-bit levels. `JPEG`: by
        quality, 4:2:0. `enlargement`: the `study` LR enlarged 4 times in each direction.
    """
    lr = reduce(hr, SCALE)
    field = np.random.default_rng(0).standard_normal(hr.shape)
    undistorted = {"none": hr}
    return {
        "blur": undistorted | {f"σ {sigma}": cv2.GaussianBlur(hr, (0, 0), sigma) for sigma in (0.5, 1, 2, 4)},
        "noise": undistorted
        | {f"σ {sigma}": np.clip(np.rint(hr + sigma * field), 0, 255).astype(np.uint8) for sigma in (2, 5, 10, 20)},
        "JPEG": undistorted | {f"q {quality}": _through_jpeg(hr, quality) for quality in (90, 70, 50, 30, 10)},
        "enlargement": {
            GENERATOR: restore(lr)[: hr.shape[0], : hr.shape[1]],
            BICUBIC: enlarge(lr, SCALE, cv2.INTER_CUBIC, hr.shape[:2]),
            NEAREST: enlarge(lr, SCALE, cv2.INTER_NEAREST, hr.shape[:2]),
        },
    }


def as_markdown(ladders: Sequence[Ladder]) -> str:
    """A Markdown table of all means and verdicts, with a column for each metric."""
    scores = [ladder.score for ladder in ladders]
    rows = [["", *(score.label for score in scores)]]
    for name, means in rung_means(ladders).items():
        rows.append([name, *(score.text(mean) for score, mean in zip(scores, means, strict=True))])
    for rule in ladders[0].rules:
        rows.append([rule, *(_VERDICTS[ladder.rules[rule]] for ladder in ladders)])
    rows.append(["ladder test", *("passed" if ladder.passed else "**failed**" for ladder in ladders)])
    return markdown_table(rows) + "\n"


def rung_means(ladders: Sequence[Ladder]) -> dict[str, list[float]]:
    """The means at each rung, one for each metric: `undistorted` first, then the others, named as `blur: σ 0.5`."""
    means = {"undistorted": [ladder.values["blur"]["none"] for ladder in ladders]}
    for name, values in ladders[0].values.items():
        for rung in values:
            if rung != "none":
                means[f"{name}: {rung}"] = [ladder.values[name][rung] for ladder in ladders]
    return means


def _judged(score: Score, scenes: list[dict[str, dict[str, float]]], generator_is_better: bool) -> Ladder:
    values = {
        ladder: {rung: float(np.mean([scene[ladder][rung] for scene in scenes])) for rung in rungs}
        for ladder, rungs in scenes[0].items()
    }

    def falls(*numbers: float) -> bool:
        return all(score.better * better > score.better * worse for better, worse in pairwise(numbers))

    enlarged = values["enlargement"]
    rules = {f"{ladder}: worse with each step": falls(*values[ladder].values()) for ladder in ("blur", "noise", "JPEG")}
    rules[f"{NEAREST} worse than {BICUBIC}"] = falls(enlarged[BICUBIC], enlarged[NEAREST])
    rules[f"{BICUBIC} worse than {GENERATOR}"] = (
        falls(enlarged[GENERATOR], enlarged[BICUBIC]) if generator_is_better else None
    )
    return Ladder(score, len(scenes), values, rules)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=quality)
    return np.array(Image.open(file))
