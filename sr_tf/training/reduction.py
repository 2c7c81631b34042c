"""Phase 1 with a reducer that learns beside the generator: codec-aware from end to end."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from sr_tf.images.codecs import coded_variants
from sr_tf.images.pixels import to_uint8
from sr_tf.models.coding import coded, quantiser_steps
from sr_tf.training import losses
from sr_tf.training.distribution import maybe_compiled
from sr_tf.training.phases import Phase, replicas


class LearnReduction(Phase):
    """The generator learns by pixelwise MSE, and a reducer learns what to give it through the codec.

    Each patch is reduced, goes through AVIF at a quality of its own and is restored. The codec has no gradient: what it
    did to the LR is added to it as a constant, and a differentiable stand-in says what more detail would cost. The loss
    is the MSE plus `rate_weight` · step² for each bit of an LR sample, step being the quantiser's: so near what a codec
    itself pays for its bits at that step, that neither bytes nor detail are bought too dear.

    Args:
        generator: maps LR to SR.
        reducer: maps HR to LR, of the generator's scale.
        rate_weight: see above.
        xla: compile forward pass and gradients.

    Call `compile(optimizer)` inside the strategy's scope.
    """

    def __init__(self, generator: keras.Model, reducer: keras.Model, rate_weight: float, xla: bool = False):
        super().__init__(generator)
        self.reducer = reducer
        self.rate_weight = rate_weight
        self._reduced = maybe_compiled(lambda hr: reducer(hr, training=True), xla)
        self._gradients = maybe_compiled(self._losses_and_gradients, xla)

    def call(self, hr):
        """HR → LR → SR, without the codec."""
        return self.generator(self.reducer(hr))

    def compile(self, optimizer: keras.optimizers.Optimizer):
        """Takes the optimizer of both networks and builds its state."""
        super().compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(self._learning())

    def train_step(self, data):
        """One update; returns the named losses. `data`: HR float [N, H, W, 3], qualities float [N]."""
        hr, qualities = data
        lr = self._reduced(hr)
        damage = tf.numpy_function(coding_damage, [lr, qualities], tf.float32)
        steps = tf.numpy_function(quantiser_steps, [qualities], tf.float32)
        named, gradients = self._gradients(hr, tf.ensure_shape(damage, lr.shape), tf.ensure_shape(steps, hr.shape[:1]))
        self.optimizer.apply(gradients, self._learning())
        return named

    def _losses_and_gradients(self, hr, damage, steps):
        with tf.GradientTape() as tape:
            lr = self.reducer(hr, training=True)
            _, bits = coded(lr, steps)
            sr = self.generator(lr + damage, training=True)
            errors = keras.ops.mean(keras.ops.square(sr - hr), axis=(1, 2, 3))
            costs = self.rate_weight * keras.ops.square(steps) * bits / 3
            # Coarsely coded patches have the larger errors; unweighted they would have nearly all the say.
            loss = keras.ops.mean((errors + costs) / (1.0 + steps / 10.0))
            objective = loss / replicas()
        named = {"loss": loss, "pixel_mse": losses.pixel_mse(hr, sr), "bits_per_lr_pixel": keras.ops.mean(bits)}
        return named, tape.gradient(objective, self._learning())

    def _learning(self) -> list:
        return self.generator.trainable_variables + self.reducer.trainable_variables

    def checkpointed(self) -> dict:
        """What a checkpoint must hold to go on from it; of networks the variables, see `checkpoints`."""
        return {
            "generator": self.generator.variables,
            "reducer": self.reducer.variables,
            "generator_optimizer": self.optimizer,
        }


def coding_damage(lr: np.ndarray, qualities: np.ndarray) -> np.ndarray:
    """What AVIF does to LRs.

    Args:
        lr: float32 [N, h, w, 3], RGB around [0, 255].
        qualities: [N].

    Returns:
        float32 [N, h, w, 3], to be added to `lr`.
    """

    def damaged(image: np.ndarray, quality: float) -> np.ndarray:
        return coded_variants(image, [round(float(quality))])[0]

    with ThreadPoolExecutor() as pool:
        images = list(pool.map(damaged, to_uint8(lr), qualities))
    return np.stack(images).astype(np.float32) - lr
