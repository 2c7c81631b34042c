"""The ladder test: good metrics pass it, and bad metrics break the rules that they should break."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from sr_tf.assets.store import is_cached
from sr_tf.data.smear import render_smear
from sr_tf.generators.load import load_generator
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import baselines, reduce
from sr_tf.images.reading import find_images, read_rgb
from sr_tf.metrics.colour import colour_shift
from sr_tf.metrics.ladder import BICUBIC, GENERATOR, NEAREST, as_markdown, distortions, ladder_test
from sr_tf.metrics.scores import SCORES, Score

CHULA_TEST = Path(__file__).parents[2] / ".." / "shared" / "data" / "chula_rbc12" / "test"
LADDERS = [f"{ladder}: worse with each step" for ladder in ("blur", "noise", "JPEG")]
NEAREST_RULE, GENERATOR_RULE = f"{NEAREST} worse than {BICUBIC}", f"{BICUBIC} worse than {GENERATOR}"


@pytest.fixture(scope="module")
def scenes():
    return [render_smear(seed, 192, 201) for seed in (7, 8)]


@pytest.fixture(scope="module")
def restore():
    return partial(upscale, load_generator("small"))


def metric(measure, better=-1, key="own"):
    return {Score(key, key, "", better, 3, "", lambda scale, degradation: measure): measure}


def only(metrics, scenes, restore):
    (ladder,) = ladder_test(metrics, scenes, restore)
    return ladder


def bicubic(lr):
    return baselines(lr, 4)["bicubic"]


@pytest.mark.parametrize("key", ["psnr", "ssim"])
def test_sensible_metrics_pass(scenes, restore, key):
    ladder = only({SCORES[key]: SCORES[key].load(4, "study")}, scenes, restore)
    assert list(ladder.rules) == [*LADDERS, NEAREST_RULE, GENERATOR_RULE]
    assert set(ladder.rules.values()) == {True}
    assert ladder.passed
    assert ladder.scenes == 2


@pytest.mark.slow
@pytest.mark.skipif(not is_cached("lpips_imagenet"), reason="`sr-tf assets fetch lpips_imagenet` gets the weights")
def test_lpips_passes(scenes, restore):
    ladder = only({SCORES["lpips_alex"]: SCORES["lpips_alex"].load(4, "study")}, scenes, restore)
    assert ladder.failures == ()


def test_mean_colour_difference_fails(scenes, restore):
    ladder = only(metric(lambda hr, sr: np.abs(colour_shift(hr, sr)).max()), scenes, restore)
    assert not ladder.passed
    assert set(ladder.failures) & set(LADDERS)


def test_a_metric_that_likes_sharp_edges_fails_at_nearest_neighbour(scenes, restore):
    def softness(hr, sr):
        """How much flatter the steepest slopes of the image are than those of the original."""
        slopes = [
            np.percentile(np.abs(np.diff(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float))), 99.5)
            for image in (hr, sr)
        ]
        return slopes[0] - slopes[1]

    assert NEAREST_RULE in only(metric(softness), scenes, restore).failures


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_a_constant_metric_breaks_every_rule(scenes, restore, value):
    ladder = only(metric(lambda hr, sr: value), scenes, restore)
    assert ladder.failures == (*LADDERS, NEAREST_RULE, GENERATOR_RULE)


def test_the_wrong_direction_breaks_every_rule(scenes, restore):
    psnr = SCORES["psnr"].load(4, "study")
    assert len(only(metric(psnr, better=-1), scenes, restore).failures) == 5


@pytest.mark.parametrize(("name", "worst"), [("blur", "σ 4"), ("noise", "σ 20"), ("JPEG", "q 10")])
def test_one_inverted_rung_is_seen(scenes, restore, name, worst):
    # This metric takes the last rung of one ladder for the undistorted image and measures all other images correctly.
    forgiven = [distortions(hr, restore)[name][worst] for hr in scenes]

    def measure(hr, sr):
        return (
            0.0 if any(np.array_equal(sr, image) for image in forgiven) else float(np.abs(sr - hr.astype(float)).mean())
        )

    assert only(metric(measure), scenes, restore).failures == (f"{name}: worse with each step",)


def test_means_over_scenes_decide(scenes, restore):
    values = iter(range(10_000))
    ladder = only(metric(lambda hr, sr: float(next(values))), scenes, restore)
    rungs = sum(len(rungs) for rungs in distortions(scenes[0], restore).values())
    assert ladder.values["blur"]["none"] == pytest.approx(rungs / 2)
    assert next(values) == 2 * rungs


def test_a_generator_that_is_no_better_than_bicubic_proves_nothing(scenes):
    ladder = only({SCORES["psnr"]: SCORES["psnr"].load(4, "study")}, scenes, lambda lr: bicubic(lr) // 2)
    assert ladder.rules[GENERATOR_RULE] is None
    assert ladder.passed


def test_metrics_tested_together_score_as_alone(scenes, restore):
    functions = {SCORES[key]: SCORES[key].load(4, "study") for key in ("psnr", "ssim")}
    seen = []
    together = ladder_test(functions, scenes, restore, lambda: seen.append(1))
    alone = [only({score: function}, scenes, restore) for score, function in functions.items()]
    assert together == alone
    assert len(seen) == 2


def test_distortions_are_images_of_the_scenes_size_and_repeat(scenes, restore):
    first, again = distortions(scenes[0], restore), distortions(scenes[0], restore)
    for name, rungs in first.items():
        for rung, image in rungs.items():
            assert (image.dtype, image.shape) == (np.uint8, scenes[0].shape)
            assert np.array_equal(image, again[name][rung])
    noise = first["noise"]["σ 5"].astype(float) - scenes[0]
    assert 4 < noise.std() < 5.1
    assert np.array_equal(
        first["enlargement"][NEAREST], np.kron(reduce(scenes[0], 4), np.ones((4, 4, 1), np.uint8))[:192, :201]
    )


def test_the_table_shows_values_and_what_broke(scenes, restore):
    psnr = SCORES["psnr"].load(4, "study")
    good, bad = ladder_test({SCORES["psnr"]: psnr} | metric(lambda hr, sr: 0.5, key="blind"), scenes, restore)
    lines = as_markdown([good, bad]).splitlines()
    assert lines[0] == "|  | PSNR (dB) ↑ | blind ↓ |"
    assert len({line.count("|") for line in lines}) == 1
    assert f"| blur: σ 2 | {good.values['blur']['σ 2']:.2f} | 0.500 |" in lines
    assert f"| {NEAREST_RULE} | holds | **broken** |" in lines
    assert lines[-1] == "| ladder test | passed | **failed** |"


def test_no_scenes_are_refused(restore):
    with pytest.raises(ValueError, match="at least one scene"):
        ladder_test(metric(lambda hr, sr: 0.0), [], restore)


@pytest.mark.slow
@pytest.mark.skipif(not CHULA_TEST.is_dir(), reason="the real fields are not here")
@pytest.mark.parametrize("key", ["enl0", "ssimulacra2"])
def test_the_perceptual_scores_pass_on_real_fields(restore, key):
    if not all(map(is_cached, SCORES[key].assets)):
        pytest.skip(f"the files of {key} were not fetched")
    fields = [read_rgb(path) for path in find_images(CHULA_TEST)[::20]]
    ladder = only({SCORES[key]: SCORES[key].load(4, "study")}, fields, restore)
    assert set(ladder.rules.values()) == {True}
