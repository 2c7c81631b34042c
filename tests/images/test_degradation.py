import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.images.degradation import DEGRADATIONS, SCALES, baselines, crop_to, enlarge, reduce
from sr_tf.images.means import pad_to_multiple

SIDES = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)
EVERY_SCALE = st.sampled_from(SCALES)
EVERY_DEGRADATION = st.sampled_from(sorted(DEGRADATIONS))
# OpenCV's cubic kernel, a = −0.75, at 1.5, 0.5, 0.5 and 1.5 pixels from its centre.
CUBIC = np.array([-0.09375, 0.59375, 0.59375, -0.09375])


def random_image(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def extended(image, multiple):
    """The image as float, its last row and column repeated up to the next multiple."""
    missing = [(0, -side % multiple) for side in image.shape[:2]]
    return np.pad(image.astype(float), [*missing, (0, 0)], mode="edge")


def reduced_by(weights, image):
    """Separable reduction by a kernel that covers one block of HR pixels per LR pixel."""
    taps = len(weights)
    blocks = extended(image, taps)
    blocks = blocks.reshape(blocks.shape[0] // taps, taps, blocks.shape[1] // taps, taps, 3)
    return np.clip(np.einsum("iajbc,a,b->ijc", blocks, weights, weights), 0, 255)


def oriented(image, turn):
    return np.rot90(image[:, ::-1] if turn >= 4 else image, turn % 4)


@given(SIDES, SIDES, EVERY_SCALE, EVERY_DEGRADATION, SEEDS)
def test_sizes_there_and_back(height, width, scale, degradation, seed):
    hr = random_image(seed, height, width)
    lr = reduce(hr, scale, degradation)
    assert lr.dtype == np.uint8
    assert lr.shape == (-(-height // scale), -(-width // scale), 3)
    enlarged = baselines(lr, scale, degradation, (height, width))
    assert list(enlarged) == ["i-HR", "bicubic", "Lanczos"]
    assert all(image.shape == hr.shape and image.dtype == np.uint8 for image in enlarged.values())
    assert enlarge(lr, scale, cv2.INTER_CUBIC).shape == (scale * lr.shape[0], scale * lr.shape[1], 3)


@given(SIDES, SIDES, EVERY_SCALE, st.data())
def test_every_hr_pixel_lies_within_one_lr_pixel(height, width, scale, data):
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    hr = np.zeros((height, width, 3), np.uint8)
    hr[row, column] = 255
    assert np.argwhere(reduce(hr, scale, "antialiased").any(axis=2)).tolist() == [[row // scale, column // scale]]


@given(SIDES, SIDES, SEEDS)
def test_study_reduces_by_a_cubic_kernel_of_four_taps(height, width, seed):
    hr = random_image(seed, height, width)
    np.testing.assert_allclose(reduce(hr, 4, "study"), reduced_by(CUBIC, hr), atol=1)


@given(SIDES, SIDES, EVERY_SCALE, SEEDS)
def test_antialiased_reduces_to_the_mean_of_each_block(height, width, scale, seed):
    hr = random_image(seed, height, width)
    mean = reduced_by(np.full(scale, 1 / scale), hr)
    np.testing.assert_allclose(reduce(hr, scale, "antialiased"), mean, atol=1)


def test_smears_are_reduced_by_the_kernels(smear):
    for hr in smear:
        np.testing.assert_allclose(reduce(hr, 4), reduced_by(CUBIC, hr), atol=1)
        np.testing.assert_allclose(reduce(hr, 4, "antialiased"), reduced_by(np.full(4, 0.25), hr), atol=1)


@given(SIDES, SIDES, EVERY_SCALE, SEEDS)
def test_the_studys_baseline_repeats_pixels(height, width, scale, seed):
    lr = random_image(seed, height, width)
    np.testing.assert_array_equal(baselines(lr, scale)["i-HR"], lr.repeat(scale, axis=0).repeat(scale, axis=1))


@given(SIDES, SIDES, EVERY_SCALE, EVERY_DEGRADATION, st.tuples(*[st.integers(0, 255)] * 3))
def test_a_uniform_image_keeps_its_colour(height, width, scale, degradation, colour):
    hr = np.full((height, width, 3), colour, np.uint8)
    lr = reduce(hr, scale, degradation)
    assert (lr == colour).all()
    for enlarged in baselines(lr, scale, degradation, (height, width)).values():
        np.testing.assert_array_equal(enlarged, hr)


@settings(max_examples=40)
@given(st.integers(1, 7), st.integers(1, 7), EVERY_SCALE, EVERY_DEGRADATION, SEEDS)
def test_flips_and_rotations_commute_with_reduction(rows, columns, scale, degradation, seed):
    hr = random_image(seed, rows * scale, columns * scale)
    lr = reduce(hr, scale, degradation).astype(int)
    # Only the study's ×2 kernel extends into neighbouring blocks, and OpenCV rounds its two sides differently.
    tolerance = int((degradation, scale) == ("study", 2))
    for turn in range(8):
        np.testing.assert_allclose(reduce(oriented(hr, turn), scale, degradation), oriented(lr, turn), atol=tolerance)


@given(SIDES, SIDES, st.integers(1, 9), SEEDS)
def test_padding_repeats_the_edge_and_cropping_undoes_it(height, width, multiple, seed):
    image = random_image(seed, height, width)
    padded = pad_to_multiple(image, multiple)
    np.testing.assert_array_equal(padded, extended(image, multiple))
    np.testing.assert_array_equal(crop_to(padded, (height, width)), image)
    assert crop_to(padded, None) is padded


def test_the_input_is_not_changed(smear):
    before = smear[1].copy()
    baselines(reduce(smear[1], 4), 4, size=smear[1].shape[:2])
    np.testing.assert_array_equal(smear[1], before)


@pytest.mark.parametrize("scale", [0, 1, 3, 16, -4])
def test_unknown_scales_are_refused(scale):
    image = random_image(0, 16, 16)
    with pytest.raises(ValueError, match=f"scale {scale}"):
        reduce(image, scale)
    with pytest.raises(ValueError, match=f"scale {scale}"):
        enlarge(image, scale, cv2.INTER_CUBIC)


def test_unknown_degradations_are_refused():
    with pytest.raises(ValueError, match="sharp"):
        reduce(random_image(0, 16, 16), 4, "sharp")
