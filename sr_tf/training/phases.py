"""The two phases as Keras models whose `train_step` is theirs.

One convention for replicas: a loss is the mean over a replica's share of the batch; what is differentiated is that
loss divided by the number of replicas; the optimizer sums the replicas' gradients. So any number of replicas takes the
step of one replica on the whole batch.
"""

from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from sr_tf.training import losses
from sr_tf.training.distribution import maybe_compiled


class Phase(keras.Model):
    """What the phases share."""

    def __init__(self, generator: keras.Model):
        super().__init__()
        self.generator = generator

    @property
    def metrics(self):
        """None: `train_step` returns each step's losses itself."""
        return []

    def call(self, lr):
        """LR → SR."""
        return self.generator(lr)


class Pretrain(Phase):
    """Phase 1: the generator learns by pixelwise MSE.

    Args:
        generator: maps LR to SR.
        xla: compile forward pass and gradients.

    Call `compile(optimizer)` inside the strategy's scope.
    """

    def __init__(self, generator: keras.Model, xla: bool = False):
        super().__init__(generator)
        self._gradients = maybe_compiled(self._losses_and_gradients, xla)

    def compile(self, optimizer: keras.optimizers.Optimizer):
        """Takes the generator's optimizer and builds its state."""
        super().compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(self.generator.trainable_variables)

    def train_step(self, data):
        """One update; returns the named losses."""
        named, gradients = self._gradients(*data)
        self.optimizer.apply(gradients, self.generator.trainable_variables)
        return named

    def _losses_and_gradients(self, lr, hr):
        with tf.GradientTape() as tape:
            loss = losses.pixel_mse(hr, self.generator(lr, training=True))
            objective = loss / replicas()
        return {"loss": loss}, tape.gradient(objective, self.generator.trainable_variables)

    def checkpointed(self) -> dict:
        """What a checkpoint must hold to go on from it; of networks the variables, see `checkpoints`."""
        return {"generator": self.generator.variables, "generator_optimizer": self.optimizer}


class AdversarialFineTuning(Phase):
    """Phase 2: discriminator and generator in turn.

    The generator's loss is the study's perceptual loss, cross-entropy against the discriminator plus a distance of
    features, and beside it what holds pixels, structure and colours, each where its weight is above 0.

    Args:
        generator: maps LR to SR, pretrained.
        discriminator: maps images to logits.
        content_network: maps images in [0, 255] to a list of features; frozen and kept out of checkpoints.
        weights: in the generator's loss, of `content` and `adversarial`, and as wanted of `pixel_mse`, `structure` and
            `colour` (see `sr_tf.training.losses`).
        content_loss: compares the features of HR and SR.
        xla: compile forward pass and gradients.

    Call `compile(optimizer, discriminator_optimizer)` inside the strategy's scope.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        content_network: keras.Model,
        weights: dict[str, float],
        content_loss: Callable = losses.content,
        xla: bool = False,
    ):
        super().__init__(generator)
        self.discriminator = discriminator
        self.weights_of_losses = dict(weights)
        self._content_loss = content_loss
        self._fidelity = {
            "pixel_mse": losses.pixel_mse,
            "structure": losses.structure,
            "colour": partial(losses.colour, period=generator.scale),
        }
        self._content_network = _Untracked(content_network)
        self._discriminator_gradients = maybe_compiled(self._discriminator_losses_and_gradients, xla)
        self._generator_gradients = maybe_compiled(self._generator_losses_and_gradients, xla)
        self.content_distance = tf.function(self._content_distance, reduce_retracing=True)

    def compile(self, optimizer, discriminator_optimizer):
        """Takes both optimizers and builds their states, each on its own network's variables."""
        super().compile(optimizer=optimizer, jit_compile=False)
        self.discriminator_optimizer = discriminator_optimizer
        optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data):
        """One update of the discriminator, then one of the generator; returns the named losses."""
        told, gradients = self._discriminator_gradients(*data)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
        made, gradients = self._generator_gradients(*data)
        self.optimizer.apply(gradients, self.generator.trainable_variables)
        return {**made, **told}

    def _discriminator_losses_and_gradients(self, lr, hr):
        sr = self.generator(lr, training=True)
        with tf.GradientTape() as tape:
            hr_logits, sr_logits = (self.discriminator(images, training=True) for images in (hr, sr))
            loss = losses.discrimination(hr_logits, sr_logits)
            objective = loss / replicas()
        named = {"discriminator_loss": loss, "discriminator_accuracy": losses.accuracy(hr_logits, sr_logits)}
        return named, tape.gradient(objective, self.discriminator.trainable_variables)

    def _generator_losses_and_gradients(self, lr, hr):
        network = self._content_network.model
        hr_features = network(hr)
        with tf.GradientTape() as tape:
            sr = self.generator(lr, training=True)
            named = {
                "content": self._content_loss(hr_features, network(sr)),
                "adversarial": losses.adversarial(self.discriminator(sr, training=True)),
                **{name: loss(hr, sr) for name, loss in self._fidelity.items() if self.weights_of_losses.get(name)},
            }
            loss = sum(self.weights_of_losses[name] * value for name, value in named.items())
            objective = loss / replicas()
        return {"loss": loss, **named}, tape.gradient(objective, self.generator.trainable_variables)

    def _content_distance(self, hr, sr):
        network = self._content_network.model
        return self._content_loss(network(hr), network(sr))

    def checkpointed(self) -> dict:
        """What a checkpoint must hold to go on from it; of networks the variables, see `checkpoints`."""
        return {
            "generator": self.generator.variables,
            "generator_optimizer": self.optimizer,
            "discriminator": self.discriminator.variables,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


class _Untracked:
    """Hides a network from Keras's tracking: its weights are fixed and belong in no checkpoint."""

    def __init__(self, model):
        self.model = model


def replicas() -> int:
    """Of the strategy in whose scope it is called."""
    return tf.distribute.get_strategy().num_replicas_in_sync
