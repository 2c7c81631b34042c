"""The filter: restores an image that a codec stored at full size, and is told at which quality."""

import keras
from keras import layers, ops

from sr_tf.models.edsr import Edge, ResidualNetwork
from sr_tf.models.reducer import space_to_depth
from sr_tf.models.shape import FILTER_GRID, filter_radius


@keras.saving.register_keras_serializable("sr_tf")
class CodedFilter(ResidualNetwork):
    """Adds to a decoded image an estimate of what the codec removed.

    The body is that of EDSR (Lim et al. 2017): a convolution, residual blocks, a convolution and a skip over both. It
    works on a grid of 2×2 pixels, whose 12 values are the channels of one place, and of which the last convolution
    gives the 12 differences (Shi et al. 2016, arXiv 1609.05158). So it costs a quarter of a network on single pixels.
    The codec's quality is one more channel, the same at every place: one network serves all qualities. A new filter
    changes nothing, because its last convolution begins with zeros.

    Args:
        blocks: number of residual blocks.
        filters: channels of the convolutions.
        scale: 1.
        residual_scaling: factor on each residual branch.

    Call arguments:
        inputs: float [N, H, W, 4]; RGB in [0, 255] and the quality, 0 to 100, of AVIF. H and W are even.

    Returns:
        float32 [N, H, W, 3], RGB around [0, 255], not clipped.
    """

    form = ("blocks", "filters", "scale", "residual_scaling")
    channels = 4

    def __init__(self, blocks: int = 8, filters: int = 32, scale: int = 1, residual_scaling: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if scale != 1:
            raise ValueError(f"scale {scale}: expected 1")
        self.scale = scale
        self._add_body(blocks, filters, residual_scaling)
        self.tail = layers.Conv2D(
            3 * FILTER_GRID**2, 3, padding="same", name="tail", dtype="float32", kernel_initializer="zeros"
        )

    @property
    def receptive_radius(self) -> int:
        """In pixels, see `sr_tf.models.shape.filter_radius`."""
        return filter_radius(self.blocks)

    def build(self, input_shape):
        """Creates all variables. The spatial sizes in `input_shape` do not matter."""
        self.head.build((None, None, None, 3 * FILTER_GRID**2 + 1))
        for layer in (*self.body, self.body_end, self.tail):
            layer.build((None, None, None, self.filters))
        self.built = True

    def restored(self, inputs, edge: Edge):
        """`call` with another edge."""
        values = inputs[..., :3] / 127.5 - 1.0
        quality = inputs[:, ::FILTER_GRID, ::FILTER_GRID, 3:] / 50.0 - 1.0
        features = self._features(ops.concatenate([space_to_depth(values, FILTER_GRID), quality], axis=-1), edge)
        differences = ops.depth_to_space(edge.convolve(self.tail, features), FILTER_GRID)
        return (ops.cast(edge.cut(values, self.receptive_radius), "float32") + differences + 1.0) * 127.5

    def compute_output_shape(self, input_shape):
        """[N, H, W, 4] → [N, H, W, 3]."""
        return (*input_shape[:-1], 3)
