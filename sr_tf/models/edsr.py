"""The generator: EDSR (Lim et al. 2017, arXiv 1707.02921)."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from sr_tf.models.shape import generator_radius


class Edge(NamedTuple):
    """What a network does at the edge of its input.

    Attributes:
        convolve: applies a convolution, (layer, values) → values.
        cut: makes values of [N, h, w, c] as large as others of the same size are after a number of convolutions,
            (values, number) → values.
    """

    convolve: Callable[[layers.Layer, Any], Any]
    cut: Callable[[Any, int], Any]


PADDED = Edge(lambda layer, values: layer(values), lambda values, margin: values)
"""Zeros are added, so that nothing becomes smaller. See `sr_tf.models.inner` for the other way."""


@keras.saving.register_keras_serializable("sr_tf")
class ResidualBlock(layers.Layer):
    """conv → ReLU → conv, scaled and added to the input; no BatchNorm (Lim et al. 2017, figure 2c).

    Args:
        filters: channels in and out.
        residual_scaling: factor on the branch before the addition.
    """

    def __init__(self, filters: int, residual_scaling: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.residual_scaling = residual_scaling
        self.expand = layers.Conv2D(filters, 3, padding="same", activation="relu", dtype=self.dtype_policy)
        self.contract = layers.Conv2D(filters, 3, padding="same", dtype=self.dtype_policy)

    def build(self, input_shape):
        """Creates both convolutions."""
        self.expand.build(input_shape)
        self.contract.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, inputs):
        """[N, H, W, filters] → the same shape."""
        return self.restored(inputs, PADDED)

    def restored(self, values, edge: Edge):
        """`call` with another edge."""
        branch = edge.convolve(self.contract, edge.convolve(self.expand, values))
        return edge.cut(values, 2) + self.residual_scaling * branch

    def compute_output_shape(self, input_shape):
        """The same shape as the input's."""
        return input_shape

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "filters": self.filters, "residual_scaling": self.residual_scaling}


class ResidualNetwork(keras.Model):
    """What `EDSR` and `CodedFilter` have in common: a convolution, residual blocks, a convolution and a skip.

    Subclasses call `_add_body` in their constructor, name its arguments and their other ones in `form`, and compute in
    `restored`.
    """

    def _add_body(self, blocks: int, filters: int, residual_scaling: float):
        self.blocks, self.filters, self.residual_scaling = blocks, filters, residual_scaling
        policy = self.dtype_policy
        self.head = layers.Conv2D(filters, 3, padding="same", name="head", dtype=policy)
        self.body = [ResidualBlock(filters, residual_scaling, name=f"block_{i}", dtype=policy) for i in range(blocks)]
        self.body_end = layers.Conv2D(filters, 3, padding="same", name="body_end", dtype=policy)

    def call(self, inputs):
        """[N, h, w, channels] → [N, scale · h, scale · w, 3]."""
        return self.restored(inputs, PADDED)

    def _features(self, seen, edge: Edge):
        """[N, h, w, channels] → [N, h, w, filters], or less of it at another edge."""
        shallow = edge.convolve(self.head, seen)
        deep = shallow
        for block in self.body:
            deep = block.restored(deep, edge)
        return edge.cut(shallow, 2 * len(self.body) + 1) + edge.convolve(self.body_end, deep)

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), **architecture(self)}


@keras.saving.register_keras_serializable("sr_tf")
class EDSR(ResidualNetwork):
    """Enhanced deep residual generator: maps an LR image of any size to an SR image.

    A convolution, `blocks` residual blocks, a convolution, a global skip over blocks and second convolution, then one
    ×2 pixel-shuffle step per factor of two, and a last convolution. The network computes in the range [−1, 1]. Its last
    layer is float32 under every dtype policy.

    With `one_step`, the last convolution works on the LR grid and gives the scale × scale SR pixels of each LR pixel at
    once (Shi et al. 2016, arXiv 1609.05158), as differences from the LR pixel. Nothing is computed on finer grids,
    where a ×4 network with 32 filters spends more than half of its operations.

    Args:
        blocks: number of residual blocks; 32 in the study's generator.
        filters: channels of the convolutions; 64 in the study's generator.
        scale: enlargement in each direction, a power of two.
        residual_scaling: factor on each residual branch.
        one_step: whether to enlarge in a single pixel shuffle at the end.
        quality_input: whether the input has a fourth channel, the quality of the codec that stored the LR. One network
            then suits all qualities.

    Call arguments:
        inputs: float [N, h, w, 3], RGB in [0, 255]; with `quality_input` [N, h, w, 4], the last channel 0 to 100.

    Returns:
        float32 [N, scale · h, scale · w, 3], RGB around [0, 255], not clipped.

    Example:
        sr = EDSR(blocks=8, filters=32)(lr[None].astype("float32"))
    """

    def __init__(
        self,
        blocks: int = 32,
        filters: int = 64,
        scale: int = 4,
        residual_scaling: float = 1.0,
        one_step: bool = False,
        quality_input: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if scale < 2 or scale & (scale - 1):
            raise ValueError(f"scale {scale}: expected a power of two, at least 2")
        self.scale = scale
        self.one_step = one_step
        self.quality_input = quality_input
        self._add_body(blocks, filters, residual_scaling)
        steps = 0 if one_step else int(math.log2(scale))
        self.upsampling = [
            layers.Conv2D(4 * filters, 3, padding="same", name=f"up_{i}", dtype=self.dtype_policy) for i in range(steps)
        ]
        channels = 3 * scale**2 if one_step else 3
        self.tail = layers.Conv2D(channels, 3, padding="same", name="tail", dtype="float32")

    @property
    def channels(self) -> int:
        """The channels of the input."""
        return 4 if self.quality_input else 3

    @property
    def form(self) -> tuple[str, ...]:
        """The names of the constructor arguments; `quality_input` only if it is set, so that older records hold."""
        names = "blocks", "filters", "scale", "residual_scaling", "one_step"
        return (*names, "quality_input") if self.quality_input else names

    @property
    def receptive_radius(self) -> int:
        """In LR pixels, see `sr_tf.models.shape.generator_radius`."""
        return generator_radius(self.blocks, self.one_step)

    def build(self, input_shape):
        """Creates all variables. The spatial sizes in `input_shape` do not matter."""
        features = (None, None, None, self.filters)
        self.head.build((None, None, None, self.channels))
        for layer in (*self.body, self.body_end, *self.upsampling, self.tail):
            layer.build(features)
        self.built = True

    def restored(self, inputs, edge: Edge):
        """`call` with another edge."""
        values = inputs[..., :3] / 127.5 - 1.0
        seen = ops.concatenate([values, inputs[..., 3:] / 50.0 - 1.0], axis=-1) if self.quality_input else values
        features = self._features(seen, edge)
        if self.one_step:
            middle = ops.cast(edge.cut(values, self.receptive_radius), "float32")
            differences = edge.convolve(self.tail, features)
            repeated = ops.tile(middle, (1, 1, 1, self.scale**2))
            return (ops.depth_to_space(repeated + differences, self.scale) + 1.0) * 127.5
        margin = 2  # LR pixels of the radius are left for the convolutions on finer grids
        for convolution in self.upsampling:
            features = ops.depth_to_space(edge.convolve(convolution, features), 2)
            margin = 2 * (margin - 1)
        return (edge.cut(edge.convolve(self.tail, features), margin - 1) + 1.0) * 127.5

    def compute_output_shape(self, input_shape):
        """[N, h, w, channels] → [N, scale · h, scale · w, 3]."""
        count, height, width, _ = input_shape
        return (count, height and self.scale * height, width and self.scale * width, 3)


def architecture(network) -> dict:
    """The constructor arguments of an `EDSR` or `CodedFilter` with the same shape."""
    return {name: getattr(network, name) for name in network.form}


def describe(generator) -> str:
    """A one-line description: `EDSR 8×32, ×4, 233,000 weights`, or `filter 8×32, 87,000 weights`."""
    if generator.scale == 1:
        return f"filter {generator.blocks}×{generator.filters}, {generator.count_params():,} weights"
    upsampling = " in one step" if generator.one_step else ""
    upsampling += ", told the quality" if generator.quality_input else ""
    shape = f"{generator.blocks}×{generator.filters}, ×{generator.scale}{upsampling}"
    return f"EDSR {shape}, {generator.count_params():,} weights"
