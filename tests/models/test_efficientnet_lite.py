"""EfficientNet-Lite: its loaded weights classify photographs correctly."""

import cv2
import keras
import numpy as np
import pytest
from skimage import data

from sr_tf.assets.registry import ASSETS
from sr_tf.assets.store import is_cached, locate
from sr_tf.errors import UserError
from sr_tf.models.efficientnet_lite import VARIANTS, efficientnet_lite_features, efficientnet_lite_from_state
from sr_tf.models.torch_weights import read_state_dict

EGYPTIAN_CAT, ESPRESSO, TRIPOD = 285, 967, 872  # ImageNet's classes


@pytest.fixture(params=VARIANTS)
def network(request):
    if not is_cached(request.param):
        pytest.skip(f"needs `sr-tf assets fetch {request.param}`")
    return request.param


@pytest.fixture
def state(network):
    variant = VARIANTS[network]
    return read_state_dict(locate(network), variant.member, variant.sha256)


def classify(name, state, image):
    """ImageNet's class, computed with the head that the feature extractor does not have."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    last = f"block{sum(VARIANTS[name].blocks) - 1}"
    features = efficientnet_lite_from_state(name, state, [last])(np.float32(image[None]))[0]
    x = np.asarray(features) @ state["_conv_head.weight"][:, :, 0, 0].T
    x = (x - state["_bn1.running_mean"]) / np.sqrt(state["_bn1.running_var"] + 1e-3)
    x = np.clip(x * state["_bn1.weight"] + state["_bn1.bias"], 0, 6).mean((0, 1, 2))
    return int(np.argmax(state["_fc.weight"] @ x + state["_fc.bias"]))


def test_photographs_are_classified_correctly(network, state):
    grey = data.camera()
    photographs = (data.chelsea(), data.coffee(), np.stack([grey] * 3, axis=-1))
    assert [classify(network, state, image) for image in photographs] == [EGYPTIAN_CAT, ESPRESSO, TRIPOD]


def test_default_taps_have_the_documented_sizes(network):
    features = efficientnet_lite_features(network, locate(network))(np.zeros((2, 50, 34, 3), np.float32))
    assert [tuple(tap.shape[:3]) for tap in features] == [(2, 25, 17), (2, 25, 17), (2, 13, 9), (2, 7, 5), (2, 4, 3)]
    assert all(keras.backend.standardize_dtype(tap.dtype) == "float32" for tap in features)


def test_it_is_frozen(network):
    assert not efficientnet_lite_features(network, locate(network)).trainable_variables


def test_an_unknown_tap_is_named(network):
    with pytest.raises(ValueError, match="'block99': expected stem or block0 to block"):
        efficientnet_lite_features(network, locate(network), ["block99"])


def test_weights_of_another_network_are_refused(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(UserError, match=r"other\.pth: the weights have SHA-256"):
        efficientnet_lite_features("efficientnet_lite0", tmp_path / "other.pth")


def test_every_variant_can_be_fetched():
    assert set(VARIANTS) <= set(ASSETS)
