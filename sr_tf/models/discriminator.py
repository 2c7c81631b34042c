"""The discriminator: SRGAN type (Ledig et al. 2017, arXiv 1609.04802, figure 4), for patches of any size."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("sr_tf")
class Discriminator(keras.Model):
    """Distinguishes HR patches from SR patches.

    Eight 3×3 convolutions with leaky ReLU, then two dense layers. The number of filters doubles three times, and every
    second convolution has stride 2. The network differs from SRGAN's in three points:

    - Its input has six channels: the image and the image's detail, which is the difference from its 5×5 mean times
      eight. A good SR differs from HR in fine texture of a few grey levels, which is small compared with the image
      itself. Without the detail the network stays at chance against a pretrained generator
      (`benchmarks/discriminator.py` measures this).
    - The dense layers are applied at each position, and a patch's logit is the mean over its positions, so that patches
      may have any size.
    - There is no BatchNorm, which would make a patch's logit depend on the other patches of the batch and on the number
      of replicas.

    Args:
        filters: channels of the first convolution; 64 in SRGAN.

    Call arguments:
        inputs: float [N, H, W, 3], RGB in [0, 255].

    Returns:
        float32 [N, 1], logits; positive values mean HR.
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
        """Creates all variables. The spatial sizes in `input_shape` do not matter."""
        channels = 6
        for convolution in self.convolutions:
            convolution.build((None, None, None, channels))
            channels = convolution.filters
        self.hidden.build((None, None, None, channels))
        self.logit.build((None, None, None, self.hidden.units))
        self.built = True

    def with_detail(self, inputs):
        """[N, H, W, 3] → the image in [−1, 1] and its detail, [N, H, W, 6]."""
        image = inputs / 127.5 - 1.0
        detail = 8.0 * (image - ops.average_pool(image, 5, strides=1, padding="same"))
        return ops.concatenate([image, detail], axis=-1)

    def call(self, inputs):
        """[N, H, W, 3] → logits [N, 1]."""
        features = self.with_detail(inputs)
        for convolution in self.convolutions:
            features = self.activation(convolution(features))
        return ops.mean(self.logit(self.activation(self.hidden(features))), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        """[N, H, W, 3] → [N, 1]."""
        return (input_shape[0], 1)

    def get_config(self):
        """The constructor arguments."""
        return {**super().get_config(), "filters": self.filters}
