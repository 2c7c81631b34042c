"""The backbones of LPIPS v0.1 (Zhang et al. 2018, arXiv 1801.03924) with their published weights."""

import keras
import numpy as np

from sr_tf.errors import UserError
from sr_tf.models.frozen import FeatureMaps, tapped, vgg
from sr_tf.models.lpips_weights import LpipsWeights, read_lpips_weights

# The scaling layer of v0.1 maps x in [−1, 1] to (x − shift) / scale. Factor and offset do the same for [0, 255].
_SHIFT = np.array([-0.030, -0.088, -0.188])
_SCALE = np.array([0.458, 0.448, 0.450])
_FACTOR = 1 / (127.5 * _SCALE)
_OFFSET = (-1 - _SHIFT) / _SCALE

_ALEXNET_TAPS = ("relu1", "relu2", "relu3", "relu4", "relu5")
VGG16_DEPTHS = (2, 2, 3, 3, 3)
VGG16_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
"""The layers of VGG-16 that LPIPS compares."""


def lpips_network(kind: str) -> tuple[FeatureMaps, list[np.ndarray]]:
    """Loads the network whose features LPIPS compares, and the heads, from the cache of assets.

    Args:
        kind: "alex" or "vgg".

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 31 (alex) or 16 (vgg), to a list with one
        float32 [N, h, w, C] for each of five taps; and the weights of the channels of each tap, float32 [C].

    Raises:
        UserError: the kind is unknown, or the weights are missing, damaged or of another network.
    """
    weights = read_lpips_weights(kind)
    network = _alexnet() if kind == "alex" else vgg(VGG16_DEPTHS, _FACTOR, _OFFSET)
    _set_convolutions(network, weights)
    maps = tapped(network, _ALEXNET_TAPS if kind == "alex" else VGG16_TAPS)
    found, expected = [head.shape for head in weights.heads], [(shape[-1],) for shape in maps.output_shape]
    if found != expected:
        raise UserError(f"{weights.path}: heads of {found} channels, expected {expected}")
    return maps, weights.heads


def vgg16_features(taps: tuple[str, ...] = VGG16_TAPS) -> FeatureMaps:
    """Feature maps of ImageNet's VGG-16 (Simonyan and Zisserman 2015, arXiv 1409.1556).

    Args:
        taps: "conv1_1" to "conv5_3" for a convolution's output before its ReLU, "relu1_1" to "relu5_3" after it.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, H / 2^(block − 1), W / 2^(block − 1), C] for each tap, sides rounded down.

    Raises:
        UserError: the weights are missing, damaged or of another network.
        ValueError: the network has no such tap.
    """
    network = vgg(VGG16_DEPTHS, _FACTOR, _OFFSET)
    _set_convolutions(network, read_lpips_weights("vgg"))
    return tapped(network, taps)


def _alexnet() -> keras.Model:
    """AlexNet's convolutions as torchvision has them (Krizhevsky 2014, arXiv 1404.5997), with random weights."""
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
    return keras.Model(images, x)


def _set_convolutions(network: keras.Model, weights: LpipsWeights) -> None:
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    try:
        for layer, (kernel, bias) in zip(convolutions, weights.convolutions, strict=True):
            layer.set_weights([kernel, bias])
    except ValueError as error:
        raise UserError(f"{weights.path}: not the weights of this network ({' '.join(str(error).split())})") from error
