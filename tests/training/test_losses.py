from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from sr_tf.metrics.psnr import psnr
from sr_tf.training import losses

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def gradients(loss, *tensors):
    tensors = [tf.constant(tensor) for tensor in tensors]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = loss(*tensors)
    return [gradient.numpy() for gradient in tape.gradient(value, tensors)]


def test_pixel_mse_is_in_levels_squared():
    hr = np.full((2, 4, 5, 3), 100, np.float32)
    assert float(losses.pixel_mse(hr, hr)) == 0
    assert float(losses.pixel_mse(hr, hr + 3)) == pytest.approx(9)
    sr = RNG.uniform(0, 255, hr.shape).astype(np.float32)
    assert float(losses.pixel_mse(hr, sr)) == pytest.approx(np.mean((hr - sr) ** 2, dtype=float), rel=1e-5)


def test_psnr_follows_from_pixel_mse():
    hr, sr = RNG.uniform(0, 255, (2, 1, 9, 8, 3)).astype(np.float32)
    expected = 10 * np.log10(255**2 / float(losses.pixel_mse(hr, sr)))
    assert float(psnr(hr, sr)[0]) == pytest.approx(expected, abs=1e-4)


def test_pixel_mse_takes_8_bit_images():
    black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    assert float(losses.pixel_mse(black, white)) == float(losses.pixel_mse(white, black)) == 255**2


def test_content_is_the_mean_over_layers_of_the_mse_of_features():
    shapes = [(2, 8, 8, 4), (2, 4, 4, 6), (2, 2, 2, 9)]
    hr, sr = ([random(*shape) for shape in shapes] for _ in range(2))
    expected = np.mean([np.mean((a - b) ** 2) for a, b in zip(hr, sr, strict=True)])
    assert float(losses.content(hr, sr)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.content(hr, hr)) == 0


def test_content_needs_the_same_layers_of_both():
    with pytest.raises(ValueError):
        losses.content([random(1, 2, 2, 3)] * 2, [random(1, 2, 2, 3)])


def test_cross_entropies_by_hand():
    hr, sr = np.array([[0.5], [-2.0], [3.0]], np.float32), np.array([[1.5], [-0.25], [-4.0]], np.float32)
    real_hr, real_sr = (1 / (1 + np.exp(-logits.astype(float))) for logits in (hr, sr))
    assert float(losses.adversarial(sr)) == pytest.approx(-np.log(real_sr).mean(), rel=1e-5)
    expected = (-np.log(real_hr).mean() - np.log(1 - real_sr).mean()) / 2
    assert float(losses.discrimination(hr, sr)) == pytest.approx(expected, rel=1e-5)


def test_losses_at_chance():
    zero = np.zeros((6, 1), np.float32)
    assert float(losses.discrimination(zero, zero)) == pytest.approx(np.log(2))
    assert float(losses.adversarial(zero)) == pytest.approx(np.log(2))
    assert float(losses.accuracy(zero, zero)) == 0.5


def test_losses_of_large_logits_are_finite():
    sure = np.full((4, 1), 1e4, np.float32)
    assert float(losses.discrimination(sure, -sure)) == 0
    assert float(losses.discrimination(-sure, sure)) == pytest.approx(1e4)
    assert float(losses.adversarial(-sure)) == pytest.approx(1e4)
    assert np.isfinite(gradients(losses.discrimination, -sure, sure)).all()


def test_accuracy_is_the_share_classified_correctly():
    hr, sr = np.array([[1.0], [-1.0], [2.0], [3.0]], np.float32), np.array([[-1.0], [4.0], [-2.0], [5.0]], np.float32)
    assert float(losses.accuracy(hr, sr)) == 5 / 8
    assert float(losses.accuracy(np.abs(hr), -np.abs(sr))) == 1
    assert float(losses.accuracy(-np.abs(hr), np.abs(sr))) == 0


def test_gradients_point_the_right_way():
    hr, sr = random(8, 1), random(8, 1)
    for_hr, for_sr = gradients(losses.discrimination, hr, sr)
    assert (for_hr < 0).all(), "a higher logit for HR must lower the discriminator's loss"
    assert (for_sr > 0).all(), "a higher logit for SR must raise it"
    (fooled,) = gradients(losses.adversarial, sr)
    assert (fooled < 0).all(), "a higher logit for SR must lower the generator's loss"
    images = [RNG.uniform(0, 255, (2, 3, 3, 3)).astype(np.float32) for _ in range(2)]
    _, for_pixels = gradients(losses.pixel_mse, *images)
    np.testing.assert_array_equal(np.sign(for_pixels), np.sign(images[1] - images[0]))


def test_the_generator_still_learns_when_the_discriminator_is_sure():
    # This is why the loss has its non-saturating form: the gradient of log(1 − D(SR)) is almost 0 here.
    (gradient,) = gradients(losses.adversarial, np.full((1, 1), -20, np.float32))
    assert gradient.item() == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("size", [1, 5])
def test_losses_are_means_over_the_batch(size):
    hr, sr = random(size, 1), random(size, 1)
    for loss in (losses.discrimination, losses.accuracy, losses.pixel_mse):
        once, twice = float(loss(hr, sr)), float(loss(np.concatenate([hr, hr]), np.concatenate([sr, sr])))
        assert twice == pytest.approx(once, rel=1e-5)


def test_unit_content_ignores_the_strength_of_features():
    hr, sr = [random(2, 3, 4, 5)], [random(2, 3, 4, 5)]
    distance = float(losses.unit_content(hr, sr))
    assert distance > 0.5
    assert float(losses.unit_content([hr[0] * 7], [sr[0] * 0.1])) == pytest.approx(distance, rel=1e-4)


def test_unit_content_weighs_channels_by_heads():
    hr, sr = ([random(2, 3, 4, 5), random(2, 2, 2, 7)] for _ in range(2))
    heads = [RNG.uniform(0, 1, channels).astype(np.float32) for channels in (5, 7)]
    unit = [[image / np.linalg.norm(image, axis=-1, keepdims=True) for image in images] for images in (hr, sr)]
    expected = sum(((a - b) ** 2 @ head).mean() for a, b, head in zip(*unit, heads, strict=True))
    assert float(losses.unit_content(hr, sr, heads)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.unit_content(hr, sr, [np.ones_like(head) for head in heads])) == pytest.approx(
        float(losses.unit_content(hr, sr)), rel=1e-5
    )


def test_features_that_are_all_zero_have_a_finite_gradient():
    # After a ReLU a flat patch may have no active channel at all; one NaN would end a training run.
    hr = random(1, 2, 2, 3)
    (gradient,) = gradients(lambda sr: losses.unit_content([hr], [tf.nn.relu(sr)]), -np.ones((1, 2, 2, 3), np.float32))
    np.testing.assert_array_equal(gradient, 0)


def test_structure_is_one_minus_ssim_at_three_sizes():
    hr, sr = (RNG.uniform(0, 255, (1, 64, 48, 3)).astype(np.float32) for _ in range(2))
    expected = []
    for size in (1, 2, 4):
        small = [im.reshape(1, 64 // size, size, 48 // size, size, 3).mean((2, 4)) for im in (hr, sr)]
        reference = structural_similarity(
            small[0][0], small[1][0], channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )  # fmt: skip
        expected.append(1 - reference)
    assert float(losses.structure(hr, sr)) == pytest.approx(np.mean(expected), abs=2e-4)
    assert float(losses.structure(hr, hr)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_colour_measures_a_shift_and_suppresses_grain(period):
    hr = RNG.uniform(50, 200, (2, 128, 64, 3)).astype(np.float32)
    assert float(losses.colour(hr, hr + 3, period)) == pytest.approx(9, rel=1e-4)
    grain = RNG.normal(0, 6, hr.shape).astype(np.float32)
    # A mean over 64 values reduces the power of independent noise to a 64th.
    assert float(losses.colour(hr, hr + grain, period)) == pytest.approx(36 / 64, rel=0.1)


@given(st.sampled_from([2, 4, 8]), st.integers(0, 2**32 - 1))
def test_colour_measures_every_pattern_with_its_period(period, seed):
    hr = np.zeros((1, 64, 64, 3), np.float32)
    pattern = np.random.default_rng(seed).normal(size=(period, period, 3))
    tiled = np.tile(pattern, (64 // period, 64 // period, 1))[None].astype(np.float32)
    assert float(losses.colour(hr, tiled, period)) == pytest.approx(np.mean(pattern**2), rel=1e-4)


def test_colour_ignores_a_pattern_of_another_period():
    rows = np.sin(2 * np.pi * np.arange(64) / 16)[None, :, None, None]
    wave = np.tile(rows, (1, 1, 64, 3)).astype(np.float32)
    assert float(losses.colour(wave * 0, wave, 4)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", [losses.structure, partial(losses.colour, period=4)])
def test_fidelity_losses_have_a_finite_gradient(loss):
    hr, sr = (RNG.uniform(0, 255, (1, 48, 48, 3)).astype(np.float32) for _ in range(2))
    gradient = gradients(lambda image: loss(hr, image), sr)[0]
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
