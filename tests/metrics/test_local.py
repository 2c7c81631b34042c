"""Local SSIM and local error, beside independent implementations."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter
from skimage.metrics import structural_similarity

from sr_tf.data.smear import render_smear
from sr_tf.metrics.fast import fast_ssim
from sr_tf.metrics.local import local_error, local_ssim, ssim_of_map, whole_ssim_map


def pair(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A scene, and the scene with noise and a lost spot."""
    hr = render_smear(seed, height, width)
    sr = np.clip(hr + np.random.default_rng(seed).normal(0, 4, hr.shape), 0, 255).astype(np.uint8)
    sr[height // 3 : height // 3 + 6, width // 2 : width // 2 + 6] = 230
    return hr, sr


@pytest.mark.parametrize("size", [(256, 256), (256, 70), (33, 31)])
def test_local_ssim_is_that_of_scikit_image(size):
    hr, sr = pair(2, *size)
    _, expected = structural_similarity(
        hr,
        sr,
        full=True,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    values = whole_ssim_map(hr, sr)
    np.testing.assert_allclose(values, expected, atol=2e-3)
    cells = local_ssim(values, 32)
    assert cells.shape == (-(-size[0] // 32), -(-size[1] // 32))
    for row, column in np.ndindex(*cells.shape):
        cell = np.s_[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        assert cells[row, column] == pytest.approx(expected[cell].mean(), abs=2e-4)


@pytest.mark.parametrize("size", [(256, 256), (256, 70), (33, 31), (1, 3)])
def test_local_error_is_the_largest_mean_difference(size):
    hr, sr = pair(3, *size)
    means = uniform_filter(np.float64(sr) - hr, (5, 5, 0), mode="reflect")
    found = local_error(hr, sr, 32)
    assert found.shape == (-(-size[0] // 32), -(-size[1] // 32))
    for row, column in np.ndindex(*found.shape):
        cell = np.abs(means[32 * row : 32 * row + 32, 32 * column : 32 * column + 32])
        assert found[row, column] == pytest.approx(cell.max(), abs=1e-6)


def test_the_map_gives_the_same_ssim_as_without_it():
    for seed, size in ((0, (256, 256)), (1, (11, 11)), (2, (40, 200))):
        hr, sr = pair(seed, *size)
        assert ssim_of_map(whole_ssim_map(hr, sr)) == pytest.approx(fast_ssim(hr, sr), abs=1e-12)


@settings(max_examples=30, deadline=None)
@example(1, 2, 230, 231)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 255), st.integers(0, 255))
def test_sizes_and_ranges_of_any_image(height, width, one, other):
    hr, sr = (np.full((height, width, 3), value, np.uint8) for value in (one, other))
    ssim, error = local_ssim(whole_ssim_map(hr, sr), 32), local_error(hr, sr, 32)
    assert ssim.shape == error.shape == (-(-height // 32), -(-width // 32))
    assert (error == abs(one - other)).all()
    assert (ssim <= 1).all() and (one != other or np.allclose(ssim, 1))


def test_a_lost_spot_counts_only_in_its_cell():
    hr = np.full((256, 256, 3), 200, np.uint8)
    sr = hr.copy()
    hr[100:106, 40:46] = 120
    error, ssim = local_error(hr, sr, 32), local_ssim(whole_ssim_map(hr, sr), 32)
    assert error.argmax() == ssim.argmin() == 3 * 8 + 1
    assert error[3, 1] == 80 and np.count_nonzero(error) == 1, "the cell above is four pixels away"
    noise = np.random.default_rng(0).normal(0, 6, hr.shape)
    noisy = np.clip(sr + noise, 0, 255).astype(np.uint8)
    assert local_error(sr, noisy, 32).max() < 10
