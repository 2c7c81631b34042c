"""The discriminator: SRGAN type (Ledig et al. 2017, arXiv 1609.04802, figure 4), for patches of any size."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("sr_tf")
class Discriminator(keras.Model):
    """Tells HR patches from SR patches.

    Eight 3×3 convolutions with leaky ReLU, the filters doubling three times, every second one with stride 2, then two
    dense layers. It differs from SRGAN's in three points:

    - Beside the image it is given the image's detail: the difference from its 5×5 mean, eight times as large. A good SR
      differs from HR in fine texture of a few grey levels, which the image itself drowns: without this the network
      stays at chance against a pretrained generator (`benchmarks/discriminator.py` shows it).
    - The dense layers judge each position, and the patch's logit is the mean of theirs: patches of any size fit.
    - No BatchNorm, which would make a patch's logit depend on its neighbours in the batch and on the replicas.

    Args:
        filters: channels of the first convolution; SRGAN has 64.

    Call arguments:
        inputs: float [N, H, W, 3], RGB in [0, 255].

    Returns:
        float32 [N, 1], logits: above 0 for "HR".
    """

    def __init__(self, filters: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.convolutions = [
            layers.Conv2D(
                filters * 2 ** (i // 2),
                3,
                strides=1 + i % 2,
                padding="same",
                kernel_initializer="he_normal",
                name=f"conv_{i}",
            )
            for i in range(8)
        ]
        self.activation = layers.LeakyReLU(negative_slope=0.2)
        self.hidden = layers.Dense(16 * filters, kernel_initializer="he_normal", name="hidden")
        self.logit = layers.Dense(1, name="logit", dtype="float32")

    def build(self, input_shape):
        """Creates all variables; the spatial sizes in `input_shape` do not matter."""
        channels = 6
        for convolution in self.convolutions:
            convolution.build((None, None, None, channels))
            channels = convolution.filters
        self.hidden.build((None, None, None, channels))
        self.logit.build((None, None, None, self.hidden.units))
        self.built = True

    def see(self, inputs):
        """[N, H, W, 3] → the image in [−1, 1] and its detail, [N, H, W, 6]."""
        image = inputs / 127.5 - 1.0
        detail = 8.0 * (image - ops.average_pool(image, 5, strides=1, padding="same"))
        return ops.concatenate([image, detail], axis=-1)

    def call(self, inputs):
        """[N, H, W, 3] → logits [N, 1]."""
        features = self.see(inputs)
        for convolution in self.convolutions:
            features = self.activation(convolution(features))
        return ops.mean(self.logit(self.activation(self.hidden(features))), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        """[N, H, W, 3] → [N, 1]."""
        return (input_shape[0], 1)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "filters": self.filters}
