"""What frozen networks are made of whose weights others trained (keras.layers only).

They take RGB in [0, 255] and normalise it themselves, compute in float32 under every dtype policy, and are never
trained or saved.
"""

from collections.abc import Sequence

import keras
import numpy as np

_VGG_FILTERS = (64, 128, 256, 512, 512)


class FeatureMaps(keras.Model):
    """A functional model that returns a list even of one feature map, where Keras would return the bare tensor."""

    def call(self, images: object, training: bool | None = None, mask: object = None) -> list:
        """Float RGB [N, H, W, 3] in [0, 255] → one tensor for each tap."""
        maps = super().call(images, training=training, mask=mask)
        return maps if isinstance(maps, list) else [maps]


def tapped(network: keras.Model, taps: Sequence[str]) -> FeatureMaps:
    """The part of a network that its taps need, frozen.

    Args:
        network: functional.
        taps: names of its layers.

    Returns:
        A model from the network's input to the list of these layers' outputs.

    Raises:
        ValueError: no such layer.
    """
    model = FeatureMaps(network.input, [network.get_layer(tap).output for tap in taps])
    model.trainable = False
    return model


def vgg(depths: Sequence[int], scale: np.ndarray, offset: np.ndarray, bgr: bool = False) -> keras.Model:
    """The convolutions of a VGG network: 3×3 with ReLU, in five blocks with 2×2 max pooling between them.

    Simonyan and Zisserman 2015, arXiv 1409.1556.

    Args:
        depths: number of convolutions in each block.
        scale: what each channel of RGB is multiplied by, [3].
        offset: what is then added, [3].
        bgr: flip the channels first; scale and offset are then in the order BGR.

    Returns:
        A model with initial weights from float RGB [N, H, W, 3]. Its layers are named `conv<block>_<i>` and
        `relu<block>_<i>`, both from 1.
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
