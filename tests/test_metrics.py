import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.degradation import baselines, reduce
from sr_tf.metrics.psnr import psnr
from sr_tf.metrics.scores import PROTOCOL, mean_scores, score_image
from sr_tf.metrics.ssim import ssim


def reference(hr, sr):
    """scikit-image's scores under the same protocol."""
    similarity = structural_similarity(
        hr, sr, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    return {"psnr": peak_signal_noise_ratio(hr, sr, data_range=255), "ssim": similarity}


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
)
def test_as_scikit_image_scores_random_images(height, width, level, contrast, error, seed):
    hr = noisy(np.full((height, width, 3), level), contrast, seed)
    sr = noisy(hr, error, seed + 1)
    sr[0, 0] ^= 1  # never equal, so that PSNR is finite
    assert score_image(hr, sr) == pytest.approx(reference(hr, sr), abs=1e-3)


@pytest.mark.parametrize("method", ["i-HR", "bicubic", "Lanczos"])
def test_as_scikit_image_scores_smears(smear, method):
    for hr in smear:
        sr = baselines(reduce(hr, 4), 4, size=hr.shape[:2])[method]
        assert score_image(hr, sr) == pytest.approx(reference(hr, sr), abs=1e-3)


def test_as_scikit_image_scores_the_brightest_fields():
    # Large means and small variances: where float32 has the least to spare.
    hr = noisy(np.full((64, 64, 3), 252), 1)
    assert score_image(hr, noisy(hr, 1, 1)) == pytest.approx(reference(hr, noisy(hr, 1, 1)), abs=1e-3)


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
    scores = [score_image(smear[0], noisy(smear[0], sigma))[name] for sigma in (1, 3, 6, 12, 25, 50)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 6


def test_unrelated_and_inverted_images(smear):
    random = np.random.default_rng(0).integers(0, 256, smear[0].shape, np.uint8)
    assert abs(score_image(smear[0], random)["ssim"]) < 0.1
    assert score_image(random, 255 - random)["ssim"] < -0.5


def test_means_are_over_images():
    scores = [{"psnr": 30.0, "ssim": 0.8}, {"psnr": 33.0, "ssim": 0.9}, {"psnr": 36.0, "ssim": 0.4}]
    assert mean_scores(scores) == pytest.approx({"psnr": 33, "ssim": 0.7})


def test_the_protocol_names_channels_border_range_and_window():
    for word in ("RGB", "border", "range 255", "Gaussian 11/1.5", "per image"):
        assert word in PROTOCOL
