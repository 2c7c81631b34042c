"""The discriminator: SRGAN type (Ledig et al. 2017, arXiv 1609.04802, figure 4), for patches of any size."""

import keras
from keras import layers


@keras.saving.register_keras_serializable("sr_tf")
class Discriminator(keras.Model):
    """Tells HR patches from SR patches.

    Eight 3×3 convolutions with leaky ReLU, the filters doubling three times, every second one with stride 2, then two
    dense layers. It differs from SRGAN's in two points. GroupNorm stands in for BatchNorm, so that a patch's logit
    depends on that patch alone: the same with one replica as with many. The mean over positions stands before the
    dense layers, so that any patch of at least 16×16 pixels fits.

    Args:
        filters: channels of the first convolution, a multiple of 8; SRGAN has 64.

    Call arguments:
        inputs: float [N, H, W, 3], RGB in [0, 255].

    Returns:
        float32 [N, 1], logits: above 0 for "HR".
    """

    def __init__(self, filters: int = 64, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        widths = [filters * 2 ** (i // 2) for i in range(8)]
        self.convolutions = [
            layers.Conv2D(width, 3, strides=1 + i % 2, padding="same", name=f"conv_{i}")
            for i, width in enumerate(widths)
        ]
        self.norms = [layers.GroupNormalization(groups=8, name=f"norm_{i}") for i in range(1, 8)]
        self.activation = layers.LeakyReLU(negative_slope=0.2)
        self.pool = layers.GlobalAveragePooling2D()
        self.hidden = layers.Dense(16 * filters, name="hidden")
        self.logit = layers.Dense(1, name="logit", dtype="float32")

    def build(self, input_shape):
        """Creates all variables; the spatial sizes in `input_shape` do not matter."""
        channels = 3
        for i, convolution in enumerate(self.convolutions):
            convolution.build((None, None, None, channels))
            channels = convolution.filters
            if i:
                self.norms[i - 1].build((None, None, None, channels))
        self.hidden.build((None, channels))
        self.logit.build((None, self.hidden.units))
        self.built = True

    def call(self, inputs):
        """[N, H, W, 3] → logits [N, 1]."""
        features = self.activation(self.convolutions[0](inputs / 127.5 - 1.0))
        for convolution, norm in zip(self.convolutions[1:], self.norms, strict=True):
            features = self.activation(norm(convolution(features)))
        return self.logit(self.activation(self.hidden(self.pool(features))))

    def compute_output_shape(self, input_shape):
        """[N, H, W, 3] → [N, 1]."""
        return (input_shape[0], 1)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "filters": self.filters}
