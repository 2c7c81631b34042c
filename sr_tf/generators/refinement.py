"""Refines one image's LR for its generator and its codec while the image is archived.

A generator is trained on many images. The LR of a single image can still be changed so that this image is restored
better from the same number of bytes. Restoring does not change: the refined LR is stored as an ordinary file.
"""

import keras
import numpy as np
import tensorflow as tf

from sr_tf.generators.edge_graph import mirrored_tensor
from sr_tf.images.codecs import Codec
from sr_tf.images.edges import without_edges
from sr_tf.models.coding import BLOCK, coded, from_coefficients, quantiser_steps, to_coefficients
from sr_tf.models.inner import Inner

STEPS = 12
"""Gradient steps. Half as many give about half the gain."""
_LENGTH = 0.02
"""Length of the first step: the factor on the gradient of the sum of squared errors."""
_LAST_LENGTH = 0.2
"""Length of the last step, as a share of the first one's: long steps at the end lose again what was gained."""
_RATE_WEIGHT = 0.15
"""Price of one bit per LR sample: the mean squared error that it may save, in squared quantiser steps."""

SETTINGS = f"refined in {STEPS} steps of {_LENGTH:g} to {_LENGTH * _LAST_LENGTH:g}, rate weight {_RATE_WEIGHT:g}"
"""Everything that determines the result of `Refiner`, in one line."""


class Refiner:
    """Changes LRs by gradient descent through the generator; the codec's error counts as a constant.

    Each step codes the LR, restores it and moves it against the gradient of the squared error and of the rate. The rate
    is that of a cosine transform with a quantiser, see `sr_tf.models.coding`. The gradient is damped at coefficients
    that this quantiser would remove, because the codec would drop a change to them as well. The result is the file
    with the lowest cost (error plus rate) of all steps. The unrefined LR is among them, so that the result never costs
    more than plain coding.

    Args:
        generator: `sr_tf.models.edsr.EDSR`; it may be told the codec's quality.
    """

    def __init__(self, generator: keras.Model):
        self._generator, self._inner = generator, Inner(generator)
        self._scale = generator.scale
        self._gradients = tf.function(self._losses_and_gradients, jit_compile=True)

    def code(
        self,
        hr: np.ndarray,
        lr: np.ndarray,
        codec: Codec,
        level: float,
        window: np.ndarray | None = None,
        margin: int = 0,
    ) -> bytes:
        """Codes the refined LR of an image.

        Args:
            hr: the original, uint8 [H, W, 3].
            lr: its reduction, uint8 [ceil(H / scale), ceil(W / scale), 3].
            codec: the codec that stores the LR. It must accept floats, as 10-bit AVIF does.
            level: the codec's level, a quality of AVIF.
            window: `lr` with the LR pixels around it, which are context only; None: `lr` alone, mirrored at its
                edges as in `sr_tf.generators.upscale`.
            margin: the number of LR pixels of `window` above `lr`, and to the left of it: the generator's
                `receptive_radius`. There are at least as many below and to the right.

        Returns:
            The content of the coded file.
        """
        whole = window is None
        window = lr if whole else window
        inside = np.s_[margin : margin + lr.shape[0], margin : margin + lr.shape[1]]
        step = quantiser_steps([level])
        values, best, lowest = lr.astype(np.float32), b"", np.inf
        for number in range(STEPS + 1):
            file = codec.encode(values, level)
            seen = window.astype(np.float32)
            seen[inside] = codec.decode(file)
            quality = np.float32(round(level))
            error, gradient = self._gradients(hr[None], values[None], seen[None], quality, step, margin, whole)
            bits = 8 * len(file) / lr[..., 0].size
            cost = float(error) + _RATE_WEIGHT * float(step[0]) ** 2 * bits / 3
            if cost < lowest:
                best, lowest = file, cost
            if number < STEPS:
                values = np.clip(values - _length(number) * gradient.numpy(), 0, 255)
        return best

    def _losses_and_gradients(self, hr, lr, seen, quality, step, margin: int, whole: bool):
        """The mean squared error of the restored image, and the direction [h, w, 3] in which error and rate grow."""
        height, width = lr.shape[1:3]
        padding = ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([seen, lr])
            restored = self._restored_whole(seen, quality) if whole else self._restored(self._inner, seen, quality)
            restored = restored[:, : hr.shape[1], : hr.shape[2]]
            squares = tf.reduce_sum(tf.square(restored - tf.cast(hr, tf.float32)))
            _, bits = coded(_padded(lr, padding), step)
        by_error = tape.gradient(squares, seen)[:, margin : margin + height, margin : margin + width]
        by_rate = tape.gradient(bits, lr) * _RATE_WEIGHT * step[0] ** 2 * (self._scale**2 * height * width)
        direction = by_error + by_rate
        decoded = seen[:, margin : margin + height, margin : margin + width]
        energy = tf.square(to_coefficients(_padded(decoded, padding)))
        carried = energy / (energy + step[0] ** 2)
        direction = from_coefficients(carried * to_coefficients(_padded(direction, padding)))
        return squares / hr.shape.num_elements(), direction[0, :height, :width]

    def _restored_whole(self, lr, quality):
        return without_edges(self._restored(self._generator, mirrored_tensor(lr), quality), self._scale)

    def _restored(self, network, lr, quality):
        if self._generator.channels == 4:
            lr = tf.concat([lr, tf.fill(tf.shape(lr[..., :1]), quality)], axis=-1)
        return network(lr, training=False)


def _length(number: int) -> float:
    """Length of a step, from the first, number 0, to the last."""
    return _LENGTH * (1 - (1 - _LAST_LENGTH) * number / (STEPS - 1))


def _padded(images, padding):
    """Pads images to whole blocks of the transform by mirroring."""
    return tf.pad(images, padding, "SYMMETRIC")
