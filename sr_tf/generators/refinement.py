"""Refining one image's LR for the generator that restores it and the codec that carries it, when it is archived.

A generator learns from many images; one image's LR can still be changed so that this image is restored better for the
same bytes. Restoring stays as it is: what is stored is a file like any other.
"""

import keras
import numpy as np
import tensorflow as tf

from sr_tf.images.codecs import Codec
from sr_tf.models.coding import BLOCK, coded, from_coefficients, quantiser_steps, to_coefficients

STEPS = 8
"""Half as many gain about half as much."""
_LENGTH = 0.0125
"""Of a step, in parts of the gradient of the sum of squared errors."""
_RATE_WEIGHT = 0.15
"""Squared quantiser steps of mean squared error that a bit of each LR sample is worth."""

IDENTITY = f"refined in {STEPS} steps of {_LENGTH:g}, rate weight {_RATE_WEIGHT:g}"
"""All that decides what `Refiner` does."""


class Refiner:
    """Changes LRs by gradient descent, through the generator and past the codec.

    Each step codes the LR, restores it and moves it against the gradient of the squared error and of the rate. What the
    codec did to the LR counts as a constant. Rate is that of a cosine transform with a quantiser, see
    `sr_tf.models.coding`; where that keeps little of a coefficient, the codec would drop what is added to it, so there
    the gradient is damped. Of all files on the way the one with the least error and rate is taken, the first among
    them, so what comes back is not worse than what plain coding gives by that measure.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
    """

    def __init__(self, generator: keras.Model):
        self._generator = generator
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
        """Codes an image's refined LR.

        Args:
            hr: the original, uint8 [H, W, 3].
            lr: its reduction, uint8 [ceil(H / scale), ceil(W / scale), 3].
            codec: that stores; it takes floats, as AVIF of 10 bits does.
            level: of the codec, a quality of AVIF.
            window: `lr` and what surrounds it, which is context only; None: `lr` alone.
            margin: LR pixels of `window` above and to the left of `lr`.

        Returns:
            The file, bytes.
        """
        window = lr if window is None else window
        inside = np.s_[margin : margin + lr.shape[0], margin : margin + lr.shape[1]]
        step = quantiser_steps([level])
        values, best, least = lr.astype(np.float32), b"", np.inf
        for number in range(STEPS + 1):
            file = codec.encode(values, level)
            seen = window.astype(np.float32)
            seen[inside] = codec.decode(file)
            error, gradient = self._gradients(hr[None], values[None], seen[None], step, margin)
            bits = 8 * len(file) / lr[..., 0].size
            cost = float(error) + _RATE_WEIGHT * float(step[0]) ** 2 * bits / 3
            if cost < least:
                best, least = file, cost
            if number < STEPS:
                values = np.clip(values - _LENGTH * gradient.numpy(), 0, 255)
        return best

    def _losses_and_gradients(self, hr, lr, seen, step, margin: int):
        """The mean squared error of what is restored, and the direction, [h, w, 3], that makes it and the rate grow."""
        height, width = lr.shape[1:3]
        filling = ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
        cut = self._scale * margin
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([seen, lr])
            restored = self._generator(seen, training=False)[:, cut : cut + hr.shape[1], cut : cut + hr.shape[2]]
            squares = tf.reduce_sum(tf.square(restored - tf.cast(hr, tf.float32)))
            _, bits = coded(_filled(lr, filling), step)
        by_error = tape.gradient(squares, seen)[:, margin : margin + height, margin : margin + width]
        by_rate = tape.gradient(bits, lr) * _RATE_WEIGHT * step[0] ** 2 * (self._scale**2 * height * width)
        direction = by_error + by_rate
        decoded = seen[:, margin : margin + height, margin : margin + width]
        energy = tf.square(to_coefficients(_filled(decoded, filling)))
        carried = energy / (energy + step[0] ** 2)
        direction = from_coefficients(carried * to_coefficients(_filled(direction, filling)))
        return squares / hr.shape.num_elements(), direction[0, :height, :width]


def _filled(images, filling):
    """To whole blocks of the transform, by mirroring."""
    return tf.pad(images, filling, "SYMMETRIC")
