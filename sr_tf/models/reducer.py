"""The reducer: a learned reduction from HR to an LR that a generator restores well."""

import keras
from keras import layers, ops

from sr_tf.models.shape import REDUCER_RADIUS


@keras.saving.register_keras_serializable("sr_tf")
class Reducer(keras.Model):
    """Reduces an image `scale` times in each direction.

    The LR is the mean of each scale × scale block, as in `antialiased` reduction, plus the output of three convolutions
    on the LR grid, which is zero before training. The network is trained together with a generator and a model of the
    codec, see `sr_tf.models.coding`: it keeps the detail that the generator can use and the codec can store. The LR
    still looks like a reduced image.

    Args:
        scale: reduction in each direction.
        filters: channels of the convolutions.

    Call arguments:
        inputs: float [N, H, W, 3], RGB in [0, 255]; H and W are multiples of `scale`.

    Returns:
        float32 [N, H / scale, W / scale, 3], RGB around [0, 255], not clipped.
    """

    def __init__(self, scale: int = 4, filters: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.filters = filters
        self.head = layers.Conv2D(filters, 3, padding="same", activation="relu", name="head", dtype=self.dtype_policy)
        self.body = layers.Conv2D(filters, 3, padding="same", activation="relu", name="body", dtype=self.dtype_policy)
        self.tail = layers.Conv2D(3, 3, padding="same", kernel_initializer="zeros", name="tail", dtype="float32")

    @property
    def receptive_radius(self) -> int:
        """In LR pixels, see `sr_tf.models.shape.REDUCER_RADIUS`."""
        return REDUCER_RADIUS

    def build(self, input_shape):
        """Creates all variables. The spatial sizes in `input_shape` do not matter."""
        self.head.build((None, None, None, 3 * self.scale**2))
        self.body.build((None, None, None, self.filters))
        self.tail.build((None, None, None, self.filters))
        self.built = True

    def call(self, inputs):
        """[N, H, W, 3] → [N, H / scale, W / scale, 3]."""
        values = inputs / 127.5 - 1.0
        folded = space_to_depth(values, self.scale)
        mean = ops.average_pool(ops.cast(values, "float32"), self.scale, strides=self.scale)
        return (mean + self.tail(self.body(self.head(folded))) + 1.0) * 127.5

    def compute_output_shape(self, input_shape):
        """[N, H, W, 3] → [N, H / scale, W / scale, 3]."""
        count, height, width, _ = input_shape
        return (count, height and height // self.scale, width and width // self.scale, 3)

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "scale": self.scale, "filters": self.filters}


def space_to_depth(images, size: int):
    """Moves each size × size block of pixels into channels: [N, H, W, C] → [N, H / size, W / size, size² · C]."""
    count, height, width, channels = ops.shape(images)
    folded = ops.reshape(images, (count, height // size, size, width // size, size, channels))
    folded = ops.transpose(folded, (0, 1, 3, 2, 4, 5))
    return ops.reshape(folded, (count, height // size, width // size, size * size * channels))
