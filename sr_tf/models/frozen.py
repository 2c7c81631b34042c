"""The parts of frozen networks whose weights were published by others (keras.layers only).

These networks take RGB in [0, 255], which they normalise themselves. They compute in float32 under every dtype policy
and are never trained or saved.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

# torchvision's normalisation of ImageNet: (pixel / 255 − mean) / deviation, for R, G and B.
_MEAN = np.array([0.485, 0.456, 0.406])
_DEVIATION = np.array([0.229, 0.224, 0.225])
IMAGENET_SCALE = 1 / (255 * _DEVIATION)
IMAGENET_OFFSET = -_MEAN / _DEVIATION

_VGG_FILTERS = (64, 128, 256, 512, 512)


class FeatureMaps(keras.Model):
    """A functional model that always returns a list of feature maps; Keras would return a single one without a list."""

    def call(self, images: object, training: bool | None = None, mask: object = None) -> list:
        """Float RGB [N, H, W, 3] in [0, 255] → one tensor for each tap."""
        maps = super().call(images, training=training, mask=mask)
        return maps if isinstance(maps, list) else [maps]


def tapped(network: keras.Model, taps: Sequence[str]) -> FeatureMaps:
    """Cuts a network off behind its taps and freezes it.

    Args:
        network: a functional model.
        taps: the names of layers.

    Returns:
        A model from the network's input to the list of these layers' outputs.

    Raises:
        ValueError: the network has no such layer.
    """
    return frozen_maps(network.input, [network.get_layer(tap).output for tap in taps])


def frozen_maps(images, maps: Sequence) -> FeatureMaps:
    """A frozen model from an input to feature maps, which are tensors computed from it."""
    model = FeatureMaps(images, maps)
    model.trainable = False
    return model


def vgg(depths: Sequence[int], scale: np.ndarray, offset: np.ndarray, bgr: bool = False) -> keras.Model:
    """The convolutions of a VGG network: 3×3 with ReLU, in five blocks with 2×2 max pooling between them.

    Simonyan and Zisserman 2015, arXiv 1409.1556.

    Args:
        depths: the number of convolutions in each block.
        scale: the factor on each channel, [3].
        offset: added to each channel after the factor, [3].
        bgr: whether to reverse the channels first; scale and offset are then in the order BGR.

    Returns:
        A model with random weights from float RGB [N, H, W, 3]. Its layers are named `conv<block>_<i>` and
        `relu<block>_<i>`; both numbers start at 1.
    """
    layers, float32 = keras.layers, "float32"
    images = keras.Input((None, None, 3), dtype=float32, name="images")
    x = keras.ops.flip(images, axis=-1) if bgr else images
    x = layers.Rescaling(scale.tolist(), offset.tolist(), dtype=float32)(x)
    for block, (depth, filters) in enumerate(zip(depths, _VGG_FILTERS, strict=True), start=1):
        if block > 1:
            x = layers.MaxPooling2D(dtype=float32)(x)
        for i in range(1, depth + 1):
            x = layers.Conv2D(filters, 3, padding="same", dtype=float32, name=f"conv{block}_{i}")(x)
            x = layers.ReLU(dtype=float32, name=f"relu{block}_{i}")(x)
    return keras.Model(images, x)


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
    """Merges BatchNorm at inference into the convolution before it.

    Args:
        kernel: [h, w, in, out].
        bias: [out].
        gamma: BatchNorm's scale, [out].
        beta: its offset, [out].
        mean: its moving mean, [out].
        variance: its moving variance, [out].
        epsilon: added to the variance; the default is PyTorch's.

    Returns:
        Kernel [h, w, in, out] and bias [out], float32.
    """
    factor = gamma / np.sqrt(variance.astype(np.float64) + epsilon)
    return (kernel * factor).astype(np.float32), (beta + (bias - mean) * factor).astype(np.float32)


def folded_convolution(
    state: Mapping[str, np.ndarray], convolution: str, norm: str, epsilon: float = 1e-5
) -> tuple[np.ndarray, np.ndarray]:
    """Reads a convolution from a PyTorch state dict, with the BatchNorm after it merged in.

    Args:
        state: the arrays by name.
        convolution: the convolution's name, without `.weight` and `.bias`. It may have no bias.
        norm: the BatchNorm's name.
        epsilon: see `fold_batchnorm`.

    Returns:
        Kernel [h, w, in, out] and bias [out], float32.
    """
    return fold_batchnorm(
        keras_kernel(state[f"{convolution}.weight"]),
        state.get(f"{convolution}.bias", np.zeros(len(state[f"{norm}.bias"]), np.float32)),
        gamma=state[f"{norm}.weight"],
        beta=state[f"{norm}.bias"],
        mean=state[f"{norm}.running_mean"],
        variance=state[f"{norm}.running_var"],
        epsilon=epsilon,
    )


def keras_kernel(weight: np.ndarray) -> np.ndarray:
    """PyTorch's kernel [out, in, height, width] → Keras's [height, width, in, out]."""
    return weight.transpose(2, 3, 1, 0)
