"""Gates, and the scores of tiles."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.archive.choices import chosen_gate
from sr_tf.archive.gate import LESS_IS_BETTER, QUALITIES, UNITS_BY_VERSION, Gate, pack, unpack
from sr_tf.archive.measure import Measure
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError


def test_scores_of_tiles_are_those_of_an_independent_implementation():
    hr = render_smear(1, 300, 512)
    sr = np.clip(hr + np.random.default_rng(0).normal(0, 4, hr.shape), 0, 255).astype(np.uint8)
    scores = Measure()(hr, sr)
    assert scores["psnr"].shape == scores["ssim"].shape == (2, 2)
    for row, column in np.ndindex(2, 2):
        tile = np.s_[row * 256 : (row + 1) * 256, column * 256 : (column + 1) * 256]
        assert scores["psnr"][row, column] == pytest.approx(peak_signal_noise_ratio(hr[tile], sr[tile]), abs=1e-3)
        expected = structural_similarity(
            hr[tile],
            sr[tile],
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        # Like sr_tf, scikit-image leaves out a border of 5 pixels.
        assert scores["ssim"][row, column] == pytest.approx(expected, abs=2e-4)
        shift = np.abs((np.float64(sr[tile]) - hr[tile]).mean(axis=(0, 1))).max()
        assert scores["shift"][row, column] == pytest.approx(shift, abs=1e-9)


def test_equal_and_tiny_tiles_have_scores():
    hr = render_smear(1, 5, 300)
    scores = Measure()(hr, hr)
    assert np.isinf(scores["psnr"]).all()
    other = Measure()(hr, 255 - hr)
    assert np.isfinite(other["psnr"]).all()
    assert (other["ssim"] == 1).all(), "no SSIM window fits"


def test_every_tile_has_to_pass():
    gate = Gate("custom", 30, 0.9)
    good = {"psnr": np.array([[31.0, 30.0]]), "ssim": np.array([[0.9, 1.0]]), "shift": np.array([[0.0, 1.5]])}
    assert gate.passes(good)
    for name, value in (("psnr", 29.99), ("ssim", 0.8999), ("shift", 1.51)):
        bad = {key: values.copy() for key, values in good.items()}
        bad[name][0, 1] = value
        assert not gate.passes(bad)
    one, zero = np.array([[1.0]]), np.array([[0.0]])
    assert not gate.passes({"psnr": np.array([[np.nan]]), "ssim": one, "shift": zero})
    assert QUALITIES["lossless"].passes({"psnr": np.array([[np.inf]]), "ssim": one, "shift": zero})
    assert not QUALITIES["lossless"].passes({"psnr": np.array([[80.0]]), "ssim": one, "shift": zero})


@given(st.floats(0, 100), st.floats(0, 1), st.floats(0, 5))
def test_stored_scores_are_never_better_than_the_measured_ones(psnr, ssim, enl0):
    for version, units in UNITS_BY_VERSION.items():
        for name, value in (("psnr", psnr), ("ssim", ssim), ("shift", psnr), ("enl0", enl0)):
            stored = float(unpack(name, pack(name, np.array(value), version), version))
            loss = stored - value if name in LESS_IS_BETTER else value - stored
            assert -1.01e-6 * max(1, units[name]) <= loss <= 1.01 * units[name], (version, name)
    assert np.isinf(unpack("psnr", pack("psnr", np.array(np.inf))))


def test_gates_by_name_and_by_number():
    assert chosen_gate("visual", None, None, None) is QUALITIES["visual"]
    gate = chosen_gate("diagnostic", 36.5, None, 0.4)
    assert (gate.name, gate.min_psnr, gate.min_ssim, gate.max_enl0) == ("custom", 36.5, 0.95, 0.4)
    for arguments, flag in (
        (("lossless", 30, None, None), "--quality=lossless"),
        (("visual", 99, None, None), "--min-psnr=99"),
        (("visual", float("nan"), None, None), "--min-psnr=nan"),
        (("visual", None, 1.0, None), "--min-ssim=1"),
        (("visual", None, None, -1.0), "--max-enl0=-1"),
    ):
        with pytest.raises(UserError, match=flag):
            chosen_gate(*arguments)


@given(st.floats(0.01, 60), st.floats(0, 0.9999), st.floats(1e-6, 6.5), st.floats(0, 0.02))
def test_what_passed_when_it_was_measured_passes_as_it_is_stored(decibels, ssim, enl0, spare):
    gate = Gate("custom", decibels, ssim, enl0)
    measured = {"psnr": decibels + spare, "ssim": ssim + 1e-3 * spare, "shift": 1.5 - spare, "enl0": enl0 * (1 - spare)}
    measured = {name: np.array([[value]]) for name, value in measured.items()}
    assert gate.passes(measured)
    stored = {name: unpack(name, pack(name, values)) for name, values in measured.items()}
    assert gate.passed_as_stored(stored).all()


@pytest.mark.parametrize("version", [1, 2])
def test_every_stored_score_passes_itself_as_a_threshold_and_the_next_worse_fails(version):
    steps = np.arange(1, 65534)
    for name, field, worse in (("enl0", "max_enl0", 1), ("psnr", "min_psnr", -1), ("ssim", "min_ssim", -1)):
        per_unit = round(1 / UNITS_BY_VERSION[version][name])
        some = steps[steps <= per_unit] if name == "ssim" else steps
        for step in some[:: max(1, len(some) // 500)]:
            gate = Gate("custom", 0.0, 0.0, None if name != "enl0" else 1.0)
            gate = replace(gate, **{field: round(step / per_unit, 4)})
            scores = {"psnr": 655.34, "ssim": 1.0, "shift": 0.0, "enl0": 0.0}
            same, next_worse = (
                {**scores, name: float(unpack(name, np.array(step + change), version))} for change in (0, worse)
            )
            passed = [
                gate.passed_as_stored({key: np.array([[value]]) for key, value in one.items()}, version).all()
                for one in (same, next_worse)
            ]
            assert passed == [True, False], (name, step)


def test_a_gate_that_is_not_a_number_passes_nothing():
    scores = {"psnr": np.array([[50.0]]), "ssim": np.array([[1.0]]), "shift": np.array([[0.0]])}
    assert not Gate("custom", np.nan, 0.9).passed_as_stored(scores).any()
