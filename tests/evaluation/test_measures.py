"""Which scores are measured, which are left out and why, and how the table shows it."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sr_tf.assets.registry import ASSETS
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.evaluation import table
from sr_tf.evaluation.compare import compare
from sr_tf.evaluation.measures import LADDER_SCENES, Measures, load_measures, run_ladder_test
from sr_tf.generators.load import load_generator
from sr_tf.generators.upscale import upscale
from sr_tf.metrics.scores import SCORES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nothing_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def generator():
    return load_generator("small")


@pytest.fixture(scope="module")
def scenes():
    return [(f"smear-{seed}", render_smear(seed, 128, 131)) for seed in range(5)]


def mean_error(hr, sr):
    """A stand-in for a perceptual score that passes the ladder test."""
    return float(np.abs(hr.astype(float) - sr).mean())


def mean_brightness(hr, sr):
    """A stand-in that fails the ladder test: JPEG and bicubic enlargement keep the mean."""
    return abs(float(hr.mean()) - float(sr.mean()))


def with_enl0(function):
    return Measures({**load_measures(["lr_psnr"], 4, "study").functions, "enl0": function})


def cells(comparison, heading):
    return table.columns(comparison)[heading]


def test_by_default_every_available_score_is_measured(nothing_fetched):
    measures = load_measures([], 4, "study")
    assert list(measures.functions) == ["psnr", "ssim", "lr_psnr", "ssimulacra2"]
    assert measures.unmeasured == {
        "lpips_alex": "lpips_imagenet not fetched",
        "enl0": "efficientnet_lite0 not fetched",
    }


def test_psnr_and_ssim_are_always_measured_and_all_means_every_score(nothing_fetched):
    assert list(load_measures(["shift_g", "psnr_y"], 4, "study").functions) == ["psnr", "ssim", "psnr_y", "shift_g"]
    everything = load_measures(["all"], 4, "study")
    assert {*everything.functions, *everything.unmeasured} == set(SCORES)


def test_the_files_of_a_named_score_must_be_present(nothing_fetched):
    with pytest.raises(UserError, match="efficientnet_lite0"):
        load_measures(["enl0"], 4, "study")
    with pytest.raises(UserError, match="lpips_imagenet"):
        load_measures(["all", "lpips_alex"], 4, "study")
    with pytest.raises(UserError, match="--metrics=lpips: unknown, expected all or some of psnr, ssim"):
        load_measures(["psnr", "lpips"], 4, "study")


def test_a_damaged_file_is_an_error_even_by_default(tmp_path, nothing_fetched):
    (tmp_path / ASSETS["efficientnet_lite0"].file_name).write_bytes(b"something else")
    with pytest.raises(UserError, match="refused"):
        load_measures([], 4, "study")


def test_scores_that_depend_on_the_reduction_get_it(smear):
    hr = smear[0]
    sr = np.roll(hr, 1, axis=0)
    assert (
        len(
            {
                load_measures(["lr_psnr"], *how).functions["lr_psnr"](hr, sr)
                for how in ((4, "study"), (2, "study"), (4, "antialiased"))
            }
        )
        == 3
    )


def test_a_score_that_passes_is_shown_with_its_ladder(scenes, generator):
    measures = run_ladder_test(with_enl0(mean_error), lambda: iter(scenes), partial(upscale, generator))
    assert "enl0" in measures.functions
    assert measures.ladders[0].scenes == min(LADDER_SCENES, 3)
    comparison = compare(scenes, {"small": generator}, "study", "drawn", measures)
    means = comparison.means()
    assert cells(comparison, "ENL0 ↓") == [f"{mean['enl0']:.3f}" for mean in means.values()]
    assert cells(comparison, "ENL0 / i-HR")[0] == "1.00"
    assert cells(comparison, "ENL0 / i-HR")[-1] == f"{means['small']['enl0'] / means['i-HR']['enl0']:.2f}"
    for form in (table.as_text(comparison), table.as_markdown(comparison)):
        assert "Ladder test on 3 of these scenes: ENL0 passed." in form
        assert "uncalibrated" in form
    assert "| ladder test | passed |" in table.as_markdown(comparison)


def test_no_number_of_a_score_that_fails_is_shown(scenes, generator):
    measures = run_ladder_test(with_enl0(mean_brightness), lambda: iter(scenes), partial(upscale, generator))
    assert "enl0" not in measures.functions
    comparison = compare(scenes, {"small": generator}, "study", "drawn", measures)
    assert cells(comparison, "ENL0 ↓") == ["failed ladder"] * 4
    assert "ENL0 / i-HR" not in table.columns(comparison)
    assert not any("enl0" in scores for of_method in comparison.scores.values() for scores in of_method.values())
    for form in (table.as_text(comparison), table.as_markdown(comparison)):
        assert "ENL0 failed (" in form
        assert measures.ladders[0].failures[0] in form
    document = json.loads(table.as_json(comparison))
    assert document["ladders"]["enl0"]["passed"] is False
    assert "enl0" not in document["means"]["small"]


def test_without_perceptual_scores_there_is_no_ladder(scenes, generator):
    measures = load_measures(["lr_psnr"], 4, "study")
    assert run_ladder_test(measures, lambda: pytest.fail("scenes were read"), None) is measures
    assert "Ladder" not in table.as_text(compare(scenes, {}, "study", "drawn", measures))


def test_ladder_scenes_are_spread_over_all(scenes, generator):
    seen = []

    def measure(hr, sr):
        seen.append(hr.tobytes())
        return mean_error(hr, sr)

    run_ladder_test(with_enl0(measure), lambda: iter(scenes), partial(upscale, generator))
    assert list(dict.fromkeys(seen)) == [scenes[i][1].tobytes() for i in (0, 2, 4)]


def test_table_and_protocol_show_what_was_not_measured(nothing_fetched):
    large_enough = [("one", render_smear(9, 240, 231))]
    comparison = compare(large_enough, {}, "study", "drawn", load_measures(["all"], 4, "study"))
    assert cells(comparison, "LPIPS AlexNet ↓") == cells(comparison, "ENL0 ↓") == ["–"] * 3
    line = table.table_protocol(comparison)
    assert (
        "not measured: LPIPS AlexNet (lpips_imagenet not fetched), LPIPS VGG (lpips_imagenet not fetched), ENL0 ("
        in line
    )
    assert "1 scene of 231×240 pixels" in line


def test_the_help_names_every_score():
    help_text = subprocess.run(
        [sys.executable, "evaluate.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert all(key in help_text for key in SCORES)


def test_infinite_scores_are_shown_and_are_null_in_json():
    flat = [("flat", np.full((64, 64, 3), 90, np.uint8))]
    comparison = compare(flat, {}, "study", "flat", load_measures(["lr_psnr"], 4, "study"))
    assert cells(comparison, "LR PSNR (dB) ↑")[0] == "∞"
    assert cells(comparison, "PSNR − bicubic")[0] == "–"
    assert json.loads(table.as_json(comparison), parse_constant=pytest.fail)["means"]["i-HR"]["lr_psnr"] is None


def test_a_scene_that_a_score_cannot_measure_is_refused(scenes, generator):
    too_small = "smear-0: found 131×128 pixels, expected at least 225×225"
    with pytest.raises(UserError, match=f"{too_small} to measure SSIMULACRA2"):
        compare(scenes, {}, "study", "drawn", load_measures(["ssimulacra2"], 4, "study"))
    with pytest.raises(UserError, match=too_small):
        run_ladder_test(load_measures(["ssimulacra2"], 4, "study"), lambda: iter(scenes), partial(upscale, generator))
    with pytest.raises(UserError, match="no scenes"):
        run_ladder_test(with_enl0(mean_error), lambda: iter(()), partial(upscale, generator))
