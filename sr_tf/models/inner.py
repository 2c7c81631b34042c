"""A network computed without padding, each layer only where the layers after it need it.

A network with `n` convolutions of 3×3 depends on `n` pixels around each pixel. If a window with such a margin is
restored and cut to its middle, most of what the first layers give in the margin is used by later layers, but what the
last ones give there is not. For a window of 128×128 LR pixels and a margin of 35, that is a third of all operations,
for one of 64×64 almost half.
"""

import keras
from keras import ops

from sr_tf.models.edsr import Edge


class Inner(keras.Model):
    """Restores the middle of windows: the pixels that the network gives there, for fewer operations.

    Args:
        network: a built `sr_tf.models.edsr.EDSR` or `sr_tf.models.coded_filter.CodedFilter`, float32. Its weights are
            used, not copied.

    Call arguments:
        inputs: float [N, h, w, channels] as the network takes them; h and w are larger than twice its
            `receptive_radius`.

    Returns:
        float32 [N, scale · (h − 2 · radius), scale · (w − 2 · radius), 3].
    """

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.built = True

    def call(self, inputs):
        """[N, h, w, channels] → [N, scale · (h − 2 · radius), scale · (w − 2 · radius), 3]."""
        return self.network.restored(inputs, _UNPADDED)

    def compute_output_shape(self, input_shape):
        """[N, h, w, channels] → [N, scale · (h − 2 · radius), scale · (w − 2 · radius), 3]."""
        count, *sides, _ = input_shape
        margin = 2 * self.network.receptive_radius
        return (count, *(side and self.network.scale * (side - margin) for side in sides), 3)


def _convolved(layer, values):
    """A convolution without padding: [N, h, w, c] → [N, h − 2, w − 2, filters]."""
    return layer.activation(ops.conv(values, layer.kernel, padding="valid") + layer.bias)


def _cut(values, margin: int):
    """Cuts a margin off each side of [N, h, w, c]."""
    return values[:, margin:-margin, margin:-margin]


_UNPADDED = Edge(_convolved, _cut)
