"""The networks of LPIPS v0.1 (Zhang et al. 2018, arXiv 1801.03924), from the files that torchvision and lpips publish.

LPIPS was not tested with its real backbones, because torchvision's files could not be downloaded where it was
developed. It was tested with the real heads and with random backbones that PyTorch saved under the same names, shapes
and layouts: the distances equal those of the Python package lpips 0.1.4 within 4e-9 (1e-6 of their values).
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np

from sr_tf.assets.store import locate
from sr_tf.errors import UserError
from sr_tf.models.frozen import FeatureMaps, keras_kernel, tapped, vgg
from sr_tf.models.torch_weights import read_state_dict

# The scaling layer of v0.1 maps x in [−1, 1] to (x − shift) / scale. Factor and offset do the same for [0, 255].
_SHIFT = np.array([-0.030, -0.088, -0.188])
_SCALE = np.array([0.458, 0.448, 0.450])
_FACTOR = 1 / (127.5 * _SCALE)
_OFFSET = (-1 - _SHIFT) / _SCALE

# Each convolution's index in torchvision's `features`.
_ALEXNET_LAYERS = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}
_ALEXNET_TAPS = ("relu1", "relu2", "relu3", "relu4", "relu5")
_VGG16_LAYERS = {
    "conv1_1": 0,
    "conv1_2": 2,
    "conv2_1": 5,
    "conv2_2": 7,
    "conv3_1": 10,
    "conv3_2": 12,
    "conv3_3": 14,
    "conv4_1": 17,
    "conv4_2": 19,
    "conv4_3": 21,
    "conv5_1": 24,
    "conv5_2": 26,
    "conv5_3": 28,
}
_VGG16_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")


def lpips_network(kind: str) -> FeatureMaps:
    """Loads the network whose features LPIPS compares, from the cache of assets.

    Args:
        kind: "alex" or "vgg".

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 31 (alex) or 16 (vgg), to a list with one
        float32 [N, h, w, C] for each of five taps.

    Raises:
        UserError: the kind is unknown, or the weights are missing, damaged or of another network.
    """
    asset, build = _backbone(kind)
    path = locate(asset)
    try:
        return build(read_state_dict(path))
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: not the weights of {asset} ({' '.join(str(error).split())})") from error


def lpips_heads(kind: str) -> list[np.ndarray]:
    """Loads the weights of the channels of each tap, learned from human judgements, from the cache of assets.

    Args:
        kind: "alex" or "vgg".

    Returns:
        float32 [C] for each of five taps, at least 0.

    Raises:
        UserError: the kind is unknown, or the weights are missing, damaged or of another network.
    """
    _backbone(kind)
    state = read_state_dict(locate("lpips_heads"), f"lpips/weights/v0.1/{kind}.pth")
    return [state[f"lin{tap}.model.1.weight"].ravel() for tap in range(5)]


def alexnet_from_state(state: Mapping[str, np.ndarray]) -> FeatureMaps:
    """Builds `lpips_network("alex")` from torchvision's state dict of AlexNet (Krizhevsky 2014, arXiv 1404.5997).

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight has another shape.
    """
    layers, float32 = keras.layers, "float32"
    images = keras.Input((None, None, 3), dtype=float32, name="images")
    x = layers.Rescaling(_FACTOR.tolist(), _OFFSET.tolist(), dtype=float32)(images)
    # PyTorch pads by 2 on each side; the padding of "same" would depend on the size of the image.
    x = layers.ZeroPadding2D(2, dtype=float32)(x)
    x = layers.Conv2D(64, 11, strides=4, dtype=float32, name="conv1")(x)
    x = layers.ReLU(dtype=float32, name="relu1")(x)
    rest = ((192, 5, True), (384, 3, True), (256, 3, False), (256, 3, False))
    for i, (filters, kernel, pooled) in enumerate(rest, start=2):
        if pooled:
            x = layers.MaxPooling2D(3, strides=2, dtype=float32)(x)
        x = layers.Conv2D(filters, kernel, padding="same", dtype=float32, name=f"conv{i}")(x)
        x = layers.ReLU(dtype=float32, name=f"relu{i}")(x)
    network = keras.Model(images, x)
    _set_convolutions(network, state, _ALEXNET_LAYERS)
    return tapped(network, _ALEXNET_TAPS)


def vgg16_from_state(state: Mapping[str, np.ndarray]) -> FeatureMaps:
    """Builds `lpips_network("vgg")` from torchvision's state dict of VGG-16 (Simonyan and Zisserman 2015).

    Raises:
        KeyError: a weight is missing.
        ValueError: a weight has another shape.
    """
    network = vgg((2, 2, 3, 3, 3), _FACTOR, _OFFSET)
    _set_convolutions(network, state, _VGG16_LAYERS)
    return tapped(network, _VGG16_TAPS)


def _backbone(kind: str) -> tuple[str, Callable[[Mapping[str, np.ndarray]], FeatureMaps]]:
    backbones = {"alex": ("alexnet_imagenet", alexnet_from_state), "vgg": ("vgg16_imagenet", vgg16_from_state)}
    if kind not in backbones:
        raise UserError(f"LPIPS {kind!r}: expected alex or vgg")
    return backbones[kind]


def _set_convolutions(network: keras.Model, state: Mapping[str, np.ndarray], indices: Mapping[str, int]) -> None:
    for name, index in indices.items():
        kernel = keras_kernel(state[f"features.{index}.weight"])
        network.get_layer(name).set_weights([kernel, state[f"features.{index}.bias"]])
