import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.errors import UserError
from sr_tf.images.degradation import baselines, reduce
from sr_tf.images.reading import find_images, read_rgb
from sr_tf.metrics.channels import luma
from sr_tf.metrics.colour import colour_shift
from sr_tf.metrics.lr_consistency import lr_psnr
from sr_tf.metrics.psnr import psnr
from sr_tf.metrics.scores import SCORES, mean_scores, score_image, score_protocol
from sr_tf.metrics.ssim import ssim

CHULA_TEST = Path(__file__).parents[2] / ".." / "shared" / "data" / "chula_rbc12" / "test"


def reference(hr, sr, channel="rgb", border=0):
    """The scores of scikit-image with the same protocol."""
    hr, sr = (image[border : len(image) - border, border : image.shape[1] - border] for image in (hr, sr))
    if channel == "y":
        hr, sr = (rgb2ycbcr(image)[..., :1] for image in (hr, sr))
    similarity = structural_similarity(
        hr, sr, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    return {"psnr": peak_signal_noise_ratio(hr, sr, data_range=255), "ssim": similarity}


def scores(hr, sr, channel="rgb", border=0):
    return {
        name: float(metric(hr[None], sr[None], channel, border)[0]) for name, metric in (("psnr", psnr), ("ssim", ssim))
    }


def noisy(image, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(11, 40),
    st.integers(11, 40),
    st.integers(0, 255),
    st.floats(0, 120),
    st.floats(0.6, 120),
    st.integers(0),
    st.sampled_from(["rgb", "y"]),
    st.integers(0, 8),
)
def test_as_scikit_image_scores_random_images(height, width, level, contrast, error, seed, channel, border):
    hr = noisy(np.full((height + 2 * border, width + 2 * border, 3), level), contrast, seed)
    sr = noisy(hr, error, seed + 1)
    sr[border, border] ^= 1  # the images differ, so PSNR is finite
    assert scores(hr, sr, channel, border) == pytest.approx(reference(hr, sr, channel, border), abs=1e-3)
    if (channel, border) == ("rgb", 0):
        assert score_image(hr, sr) == pytest.approx(reference(hr, sr), abs=1e-3)


@pytest.mark.parametrize("method", ["i-HR", "bicubic", "Lanczos"])
def test_as_scikit_image_scores_smears(smear, method):
    for hr in smear:
        sr = baselines(reduce(hr, 4), 4, size=hr.shape[:2])[method]
        assert score_image(hr, sr) == pytest.approx(reference(hr, sr), abs=1e-3)


@pytest.mark.skipif(not CHULA_TEST.is_dir(), reason="the real fields are not here")
@pytest.mark.parametrize(("channel", "border"), [("rgb", 0), ("y", 4)])
def test_as_scikit_image_scores_real_fields(channel, border):
    for path in find_images(CHULA_TEST)[::13]:
        hr = read_rgb(path)
        for sr in baselines(reduce(hr, 4), 4, size=hr.shape[:2]).values():
            assert scores(hr, sr, channel, border) == pytest.approx(reference(hr, sr, channel, border), abs=1e-3)


@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_as_scikit_image_scores_the_brightest_fields(channel):
    # Large means and small variances are where float32 is least accurate.
    hr = noisy(np.full((64, 64, 3), 252), 1)
    sr = noisy(hr, 1, 1)
    assert scores(hr, sr, channel) == pytest.approx(reference(hr, sr, channel), abs=1e-3)
    if channel == "rgb":
        assert score_image(hr, sr) == pytest.approx(reference(hr, sr), abs=1e-3)


def test_luma_is_that_of_bt_601():
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]])
    np.testing.assert_allclose(np.asarray(luma(colours))[:, 0], [16, 235, 81.481, 144.553, 40.966], atol=1e-3)


def test_only_the_border_is_cut():
    hr = np.full((1, 30, 30, 3), 100, np.uint8)
    sr = hr.copy()
    sr[:, :4], sr[:, -4:], sr[:, :, :4], sr[:, :, -4:] = 0, 0, 0, 0
    assert float(psnr(hr, sr, border=4)[0]) == np.inf
    assert float(psnr(hr, sr, border=3)[0]) < 25
    for border in (-1, 15):
        with pytest.raises(ValueError, match="border"):
            psnr(hr, sr, border=border)
    with pytest.raises(ValueError, match="channel"):
        ssim(hr, sr, channel="Y")


def test_unclipped_values_are_scored_as_they_are():
    hr = np.full((1, 12, 12, 3), 250, np.float32)
    assert float(psnr(hr, hr + 10)[0]) == pytest.approx(10 * np.log10(255**2 / 100), abs=1e-4)


def test_identical_images(smear):
    for hr in smear:
        assert score_image(hr, hr) == {"psnr": np.inf, "ssim": pytest.approx(1, abs=1e-6)}


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_a_batch_gives_each_image_its_own_score(smear, metric):
    hr = np.stack([smear[0], smear[0][::-1], smear[1][:160, :160]])
    sr = np.stack([noisy(image, sigma) for image, sigma in zip(hr, (2, 9, 30), strict=True)])
    together = np.asarray(metric(hr, sr))
    assert together.shape == (3,)
    assert together.dtype == np.float32
    alone = [float(metric(hr[i : i + 1], sr[i : i + 1])[0]) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_symmetric(smear, metric):
    hr, sr = smear[0][None], noisy(smear[0], 12)[None]
    assert float(metric(hr, sr)[0]) == pytest.approx(float(metric(sr, hr)[0]), rel=1e-6)


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_more_noise_is_worse(smear, name):
    values = [score_image(smear[0], noisy(smear[0], sigma))[name] for sigma in (1, 3, 6, 12, 25, 50)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 6


def test_unrelated_and_inverted_images(smear):
    random = np.random.default_rng(0).integers(0, 256, smear[0].shape, np.uint8)
    assert abs(score_image(smear[0], random)["ssim"]) < 0.1
    assert score_image(random, 255 - random)["ssim"] < -0.5


def test_means_are_over_images():
    images = [{"psnr": 30.0, "ssim": 0.8}, {"psnr": 33.0, "ssim": 0.9}, {"psnr": 36.0, "ssim": 0.4}]
    assert mean_scores(images) == pytest.approx({"psnr": 33, "ssim": 0.7})


def test_the_protocol_names_channels_border_range_and_window():
    line = score_protocol(["psnr", "ssim", "psnr_y"], scale=8)
    for word in ("RGB", "no border", "range 255", "11×11 pixels, σ 1.5", "BT.601", "8 pixels cut off", "per image"):
        assert word in line
    assert line.count("PSNR and SSIM") == 1


def test_enl0_is_never_called_lpips():
    assert "LPIPS" not in SCORES["enl0"].label + SCORES["enl0"].protocol


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("degradation", ["study", "antialiased"])
def test_lr_consistency_is_psnr_of_reductions(smear, scale, degradation):
    for hr in smear:
        sr = noisy(hr, 6)
        expected = cv2.PSNR(reduce(hr, scale, degradation), reduce(sr, scale, degradation))
        assert lr_psnr(hr, sr, scale, degradation) == pytest.approx(expected, abs=1e-3)


def test_repeated_pixels_are_consistent_with_lr_and_a_shifted_image_is_not(smear):
    hr = smear[1]
    nearest = baselines(reduce(hr, 4), 4, size=hr.shape[:2])["i-HR"]
    assert lr_psnr(hr, nearest, 4, "study") == np.inf
    assert lr_psnr(hr, np.roll(hr, 4, axis=1), 4, "study") < lr_psnr(hr, noisy(hr, 6), 4, "study")


def test_colour_shift_has_a_sign_and_a_channel(smear):
    hr = np.clip(smear[0], 10, 240)
    np.testing.assert_allclose(colour_shift(hr, hr + np.array([3, 0, 1], np.uint8)), [3, 0, 1], atol=1e-9)
    np.testing.assert_allclose(colour_shift(hr, hr - np.array([0, 2, 0], np.uint8)), [0, -2, 0], atol=1e-9)


def test_ssimulacra2_knows_identity_and_ranks_noise(smear):
    hr = smear[1]
    ssimulacra2 = SCORES["ssimulacra2"].load(4, "study")
    values = [ssimulacra2(hr, hr), *(ssimulacra2(hr, noisy(hr, sigma)) for sigma in (2, 8, 32))]
    assert values[0] == 100
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def test_ssimulacra2_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    with pytest.raises(UserError, match=r"the extra `evaluate` is not installed .*ssimulacra2.*'\.\[evaluate\]'"):
        SCORES["ssimulacra2"].load(4, "study")


@pytest.mark.parametrize("key", ["psnr", "ssim", "psnr_y", "ssim_y", "lr_psnr", "ssimulacra2", "shift_g", "lattice"])
def test_a_score_measures_the_smallest_image_that_it_says_it_can(key):
    score = SCORES[key]
    hr = np.random.default_rng(0).integers(0, 256, (score.least_side, score.least_side, 3), np.uint8)
    assert np.isfinite(score.load(8, "study")(hr, 255 - hr))


def test_the_table_of_scores_is_imported_without_a_network_library():
    code = "import sys, sr_tf.metrics.scores, sr_tf.metrics.ladder; print({'keras', 'tensorflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_values_are_written_with_sign_where_zero_is_best_and_without_negative_zero():
    assert SCORES["psnr"].text(31.266) == "31.27"
    assert SCORES["lr_psnr"].text(np.inf) == "∞"
    assert [SCORES["shift_r"].text(value) for value in (0.514, -0.2, -0.001)] == ["+0.51", "-0.20", "+0.00"]
    assert [SCORES[key].label[-1] for key in ("psnr", "enl0", "shift_r")] == ["↑", "↓", "0"]
