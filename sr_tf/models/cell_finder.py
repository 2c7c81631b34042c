"""The red-cell finder: cells as points (CenterNet, Zhou et al. 2019, arXiv 1904.07850), each with a type."""

import keras
from keras import layers, ops

STRIDE = 4
"""Pixels of the image for each position of the finder's maps, in each direction."""
MULTIPLE = 16
"""The sides of the finder's input are multiples of this many pixels."""


@keras.saving.register_keras_serializable("sr_tf")
class NormalisedConv(layers.Layer):
    """convolution → BatchNorm → ReLU.

    Args:
        filters: channels out.
        strides: of the convolution, in each direction.
        size: side of the kernel.
        activated: whether ReLU follows.
    """

    def __init__(self, filters: int, strides: int = 1, size: int = 3, activated: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.strides, self.size, self.activated = filters, strides, size, activated
        policy = self.dtype_policy
        self.conv = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, dtype=policy)
        self.norm = layers.BatchNormalization(momentum=0.97, epsilon=1e-3, dtype=policy)

    def build(self, input_shape):
        """Creates the convolution and the normalisation."""
        self.conv.build(input_shape)
        self.norm.build((*input_shape[:-1], self.filters))
        self.built = True

    def call(self, inputs, training=False):
        """[N, H, W, C] → [N, ceil(H / strides), ceil(W / strides), filters]."""
        outputs = self.norm(self.conv(inputs), training=training)
        return ops.relu(outputs) if self.activated else outputs

    def compute_output_shape(self, input_shape):
        """The shape of the convolution's output."""
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        """The constructor arguments."""
        own = {"filters": self.filters, "strides": self.strides, "size": self.size, "activated": self.activated}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("sr_tf")
class NormalisedBlock(layers.Layer):
    """Two normalised convolutions whose sum with the input passes ReLU (He et al. 2015, arXiv 1512.03385).

    Args:
        filters: channels in and out.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.first = NormalisedConv(filters, dtype=self.dtype_policy)
        self.second = NormalisedConv(filters, activated=False, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Creates both convolutions."""
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        """[N, H, W, filters] → the same shape."""
        return ops.relu(inputs + self.second(self.first(inputs, training=training), training=training))

    def compute_output_shape(self, input_shape):
        """The same shape as the input's."""
        return input_shape

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("sr_tf")
class CellFinder(keras.Model):
    """Finds cells and tells their types: a small fully convolutional network with maps at a quarter of the resolution.

    The image is halved twice by strided convolutions, then twice more, so that a position sees a cell and its
    neighbours; the coarser features are enlarged and added to the finer ones (Lin et al. 2016, arXiv 1612.03144).

    Args:
        types: number of types.
        filters: channels at 1/2, 1/4, 1/8 and 1/16 of the resolution.

    Call arguments:
        inputs: float [N, H, W, 3], RGB in [0, 255]; H and W are multiples of `MULTIPLE`.

    Returns:
        A dictionary of float32 maps: `centres` [N, H / STRIDE, W / STRIDE, 1], the logit that a cell's centre is here;
        `types` [N, H / STRIDE, W / STRIDE, types], the logits of a cell's type, of meaning at centres only.

    Example:
        maps = CellFinder()(field[None].astype("float32"))
    """

    def __init__(self, types: int = 12, filters: tuple[int, ...] = (16, 32, 48, 64), **kwargs):
        super().__init__(**kwargs)
        self.types, self.filters = types, tuple(filters)
        half, quarter, eighth, sixteenth = self.filters
        policy = self.dtype_policy
        self.stem = [
            NormalisedConv(half, 2, name="stem_0", dtype=policy),
            NormalisedConv(quarter, 2, name="stem_1", dtype=policy),
            NormalisedBlock(quarter, name="fine", dtype=policy),
        ]
        self.middle = _stage(eighth, "middle", policy)
        self.coarse = _stage(sixteenth, "coarse", policy)
        self.enlarge = layers.UpSampling2D(2, dtype=policy)
        self.from_coarse = NormalisedConv(eighth, size=1, activated=False, name="from_coarse", dtype=policy)
        self.join_middle = NormalisedConv(eighth, name="join_middle", dtype=policy)
        self.from_middle = NormalisedConv(quarter, size=1, activated=False, name="from_middle", dtype=policy)
        self.join_fine = NormalisedConv(eighth, name="join_fine", dtype=policy)
        rare = keras.initializers.Constant(-2.2)  # a prior of 0.1, so that the many empty places do not come first
        self.to_centres = layers.Conv2D(1, 1, bias_initializer=rare, name="to_centres", dtype="float32")
        self.to_types = layers.Conv2D(types, 1, name="to_types", dtype="float32")

    def build(self, input_shape):
        """Creates all layers."""
        half, quarter, eighth, sixteenth = self.filters
        stages = [(self.stem, (3, half, quarter)), (self.middle, (quarter, eighth, eighth))]
        stages.append((self.coarse, (eighth, sixteenth, sixteenth)))
        stages += [([self.from_coarse], (sixteenth,)), ([self.join_middle], (eighth,))]
        stages += [([self.from_middle], (eighth,)), ([self.join_fine], (quarter,))]
        stages += [([self.to_centres], (eighth,)), ([self.to_types], (eighth,))]
        for parts, channels in stages:
            for layer, count in zip(parts, channels, strict=True):
                layer.build((None, None, None, count))
        self.built = True

    def call(self, inputs, training=False):
        """See the class."""
        fine = _through(self.stem, inputs / 127.5 - 1.0, training)
        middle = _through(self.middle, fine, training)
        coarse = _through(self.coarse, middle, training)
        middle = ops.relu(middle + self.enlarge(self.from_coarse(coarse, training=training)))
        middle = self.join_middle(middle, training=training)
        fine = ops.relu(fine + self.enlarge(self.from_middle(middle, training=training)))
        fine = self.join_fine(fine, training=training)
        return {"centres": self.to_centres(fine), "types": self.to_types(fine)}

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "types": self.types, "filters": self.filters}


def _stage(filters: int, name: str, policy) -> list[layers.Layer]:
    """Halves the resolution, then two blocks."""
    return [
        NormalisedConv(filters, 2, name=f"{name}_down", dtype=policy),
        *(NormalisedBlock(filters, name=f"{name}_{index}", dtype=policy) for index in range(2)),
    ]


def _through(stages: list[layers.Layer], values, training: bool):
    for stage in stages:
        values = stage(values, training=training)
    return values
