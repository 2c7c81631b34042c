"""The findings and tables of the report for given scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report import findings, tables
from sr_tf.evaluation.report.differences import difference, interval
from sr_tf.metrics.ladder import Ladder
from sr_tf.metrics.scores import SCORES

BASELINES = ("i-HR", "bicubic", "Lanczos")
SCENES = ("a", "b", "c", "d")


def comparison(psnr: dict, ssim: dict | None = None, **others: dict) -> Comparison:
    """A comparison from {method: one value for each scene} of each score; without `ssim`, SSIM is equal for all."""
    given_scores = {
        "psnr": psnr,
        "ssim": ssim or {method: [0.5] * len(each) for method, each in psnr.items()},
        **others,
    }
    scores = {
        method: {
            name: {key: float(by_method[method][i]) for key, by_method in given_scores.items()}
            for i, name in enumerate(SCENES[: len(psnr[method])])
        }
        for method in psnr
    }
    return Comparison(scores, BASELINES, 4, "study", "drawn")


def methods(**generators):
    return {"i-HR": [30] * 4, "bicubic": [33] * 4, "Lanczos": [32] * 4, **generators}


def test_a_loss_to_bicubic_is_stated_with_its_size_and_scenes():
    found = comparison(methods(m1=[36, 36, 36, 32], m2=[31, 31, 34, 31]))
    text = " ".join(findings.losses(found))
    assert "Worse on average by PSNR: m2 (−1.25\N{NO-BREAK SPACE}dB, on 3 of 4 scenes)." in text
    assert "Worse only on single scenes by PSNR: m1 (1 of 4 scenes: d)." in text
    assert "Not worse on any scene by SSIM." in text
    assert "On average, bicubic interpolation is better than m2 by PSNR." in findings.summary(found)


def test_the_absence_of_losses_is_stated():
    found = comparison(methods(m1=[36, 36, 36, 33.5]))
    assert findings.losses(found) == ["Not worse on any scene by PSNR and SSIM."]
    assert "On average, no generator is worse than bicubic interpolation by any score." in findings.summary(found)
    assert "not measured" in " ".join(findings.summary(found))


def test_every_generator_losing_by_distance_is_found():
    enl0 = {"i-HR": [1.5] * 4, "bicubic": [0.5] * 4, "Lanczos": [0.6] * 4, "m1": [0.7] * 4, "m2": [0.9] * 4}
    found = comparison(methods(m1=[36] * 4, m2=[35] * 4), enl0=enl0)
    summary = " ".join(findings.summary(found))
    assert "bicubic interpolation is better than every generator by ENL0" in summary
    assert "Best by perceptual scores: bicubic (ENL0 0.500, 0.33 × i-HR)" in summary
    assert "Best by pixel scores: m1 (PSNR 36.00\N{NO-BREAK SPACE}dB" in summary


def test_disagreement_of_perceptual_scores_is_stated():
    enl0 = {"i-HR": [1.5] * 4, "bicubic": [1] * 4, "Lanczos": [1] * 4, "m1": [0.4] * 4, "m2": [0.3] * 4}
    likeness = {"i-HR": [40] * 4, "bicubic": [50] * 4, "Lanczos": [50] * 4, "m1": [80] * 4, "m2": [70] * 4}
    psnr = methods(m1=[36] * 4, m2=[35] * 4)
    both = " ".join(findings.summary(comparison(psnr, enl0=enl0, ssimulacra2=likeness)))
    assert "m2 (ENL0 0.300, 0.20 × i-HR) and m1 (SSIMULACRA2 80.00); the perceptual scores disagree" in both
    assert "disagree" not in " ".join(findings.summary(comparison(psnr, enl0=enl0)))


def test_colour_shift_of_half_a_level_is_stated():
    shift = {"i-HR": [0] * 4, "bicubic": [0] * 4, "Lanczos": [0] * 4, "m1": [0.2] * 4, "m2": [-0.6] * 4}
    calm = {method: [0.1] * 4 for method in shift}
    psnr = methods(m1=[36] * 4, m2=[35] * 4)
    found = comparison(psnr, shift_r=shift, shift_g=calm, shift_b=calm)
    (sentence,) = findings.artefacts(found)
    assert "m2 (−0.60)" in sentence
    assert "m1" not in sentence
    marked = tables.warnings(found).rows
    assert [cell.alarm for cell in marked["m2"]] == ["shifted", "", ""]
    assert not any(cell.alarm for cell in marked["m1"])
    assert "No generator's" in findings.artefacts(comparison(psnr, shift_r=calm, shift_g=calm, shift_b=calm))[0]
    assert findings.artefacts(comparison(psnr)) == []


def test_table_of_differences_marks_the_worse_and_counts_scenes():
    rows = tables.against(comparison(methods(m1=[36, 36, 32, 36], m2=[31, 31, 34, 31])), "bicubic").rows
    assert set(rows) == {"i-HR", "Lanczos", "m1", "m2"}
    assert rows["m1"][0].text == "+2.00"
    assert "3 of 4 better" in rows["m1"][0].notes
    assert not rows["m1"][0].alarm
    assert rows["m2"][0].text == "−1.25"
    assert rows["m2"][0].alarm == "worse"
    assert not rows["m2"][1].alarm  # equal SSIM is no loss


def test_equals_are_all_best():
    rows = tables.results(comparison(methods(m1=[36.001] * 4, m2=[36.002] * 4))).rows
    assert rows["m1"][0].best
    assert rows["m2"][0].best
    assert not rows["bicubic"][0].best


def test_infinite_scores_do_no_harm():
    lr_psnr = {"i-HR": [np.inf] * 4, "bicubic": [60] * 4, "Lanczos": [59] * 4, "m1": [50, 50, 50, np.inf]}
    found = comparison(methods(m1=[36] * 4), lr_psnr=lr_psnr)
    results, against = tables.results(found).rows, tables.against(found, "i-HR").rows
    assert [results[method][2].text for method in ("i-HR", "bicubic")] == ["∞", "60.00"]
    assert results["i-HR"][2].best
    # LR PSNR has no difference columns: repeated pixels would lead by infinity.
    assert [len(cells) for cells in against.values()] == [2] * 3
    assert not any("∞" in cell.text for cells in against.values() for cell in cells)


def test_interval_is_the_percentile_bootstrap():
    values = np.random.default_rng(1).normal(2, 1, 4)
    found = comparison(methods(m1=33 + values))
    low, high = interval(found, SCORES["psnr"], "m1", "bicubic")
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert low == pytest.approx(reference.low, abs=0.08)
    assert high == pytest.approx(reference.high, abs=0.08)
    assert np.isnan(
        interval(comparison({m: v[:1] for m, v in methods(m1=[1] * 4).items()}), SCORES["psnr"], "m1", "bicubic")
    ).all()


@settings(deadline=None)
@given(st.lists(st.floats(20, 50), min_size=4, max_size=4), st.lists(st.floats(20, 50), min_size=4, max_size=4))
def test_turning_a_difference_round_turns_everything_round(first, second):
    found = comparison(methods(m1=first, m2=second))
    there, back = (difference(found, SCORES["psnr"], *pair) for pair in (("m1", "m2"), ("m2", "m1")))
    assert there.mean == -back.mean
    assert there.better == len(back.worse_on)
    assert len(there.worse_on) == back.better
    assert not (there.loses and back.loses)


def test_ladder_is_shown_rung_by_rung_with_its_verdict():
    values = {
        "blur": {"none": 0.0, "σ 1": 0.5},
        "enlargement": {"MSE generator": 0.3, "bicubic": 0.6, "nearest neighbour": 0.5},
    }
    rules = {"blur: worse with each step": True, "nearest neighbour worse than bicubic": False, "bicubic worse": None}
    shown = tables.ladder((Ladder(SCORES["enl0"], 3, values, rules),))
    assert {name: row[0].text for name, row in shown.rows.items()} == {
        "undistorted": "0.000",
        "blur: σ 1": "0.500",
        "enlargement: MSE generator": "0.300",
        "enlargement: bicubic": "0.600",
        "enlargement: nearest neighbour": "0.500",
        "blur: worse with each step": "holds",
        "nearest neighbour worse than bicubic": "broken",
        "bicubic worse": "not applied",
        "ladder test": "failed",
    }
    assert shown.rows["ladder test"][0].alarm
