import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.fft import dctn

from sr_tf.data.smear import render_smear
from sr_tf.images.codecs import CODECS
from sr_tf.models.coding import coded

RNG = np.random.default_rng(0)


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean(np.square(np.asarray(one, float) - np.asarray(other, float))))


@pytest.fixture(scope="module")
def lr():
    return cv2.resize(render_smear(3, 640, 640), (160, 160), interpolation=cv2.INTER_AREA)


def test_a_fine_step_keeps_the_image(lr):
    back, _ = coded(lr[None].astype(np.float32), np.float32([1e-3]))
    np.testing.assert_allclose(back[0], lr, atol=0.01)


def test_the_error_is_that_of_a_uniform_quantiser():
    # For white noise that is large compared with the step, each coefficient's error is distributed uniformly from −0.4
    # to 0.6 steps, so that its mean square is (0.6³ + 0.4³) / 3 step².
    noise = RNG.uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    back, _ = coded(noise, np.float32([4]))
    error = (np.asarray(back)[0] - noise[0]) @ matrix.T
    assert np.mean(np.square(error)) == pytest.approx((0.6**3 + 0.4**3) / 3 * 16, rel=0.05)


def test_the_rate_counts_the_coefficients_without_their_means():
    grey = RNG.uniform(0, 255, (1, 8, 8, 1)).astype(np.float32).repeat(3, axis=3)
    coefficients = dctn(grey[0, ..., 0].astype(float), norm="ortho")
    coefficients[0, 0] = 0
    _, rate = coded(grey, np.float32([5]))
    assert float(rate[0]) == pytest.approx(np.log2(1 + np.abs(coefficients) / 5).sum() / 64, rel=1e-3)


def test_each_image_has_its_own_step(lr):
    images = np.stack([lr, lr]).astype(np.float32)
    back, rate = coded(images, np.float32([3, 20]))
    alone = [coded(images[:1], np.float32([step])) for step in (3, 20)]
    for i in range(2):
        np.testing.assert_allclose(back[i], alone[i][0][0], atol=1e-3)
        assert float(rate[i]) == pytest.approx(float(alone[i][1][0]), rel=1e-5)


@pytest.mark.parametrize(("step", "quality"), [(20, 40), (10, 60), (5, 80)])
def test_rate_and_distortion_are_about_those_of_avif(lr, step, quality):
    file = CODECS["avif"].encode(lr, quality)
    back, rate = coded(lr[None].astype(np.float32), np.float32([step]))
    assert psnr(lr, back[0]) == pytest.approx(psnr(lr, CODECS["avif"].decode(file)), abs=3)
    assert float(rate[0]) == pytest.approx(8 * len(file) / lr[..., 0].size, rel=0.6)


def test_the_gradient_treats_quantisation_as_the_identity(lr):
    images = tf.constant(lr[None, :16, :16], tf.float32)
    weights = tf.constant(RNG.normal(size=(1, 16, 16, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = keras.ops.sum(weights * coded(images, tf.constant([8.0]))[0])
    np.testing.assert_allclose(tape.gradient(total, images), weights, atol=1e-3)
