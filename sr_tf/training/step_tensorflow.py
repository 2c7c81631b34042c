"""A phase's step on TensorFlow: a Keras model with its own `train_step`, under MirroredStrategy.

Replicas follow one convention: a loss is the mean over a replica's share of the batch; it is divided by the number of
replicas before it is differentiated; the optimizer sums the gradients of the replicas. Any number of replicas therefore
takes the same step as one replica with the whole batch.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from sr_tf.config import TrainConfig
from sr_tf.data.pipeline import training_batches
from sr_tf.data.sampler import Sampler
from sr_tf.errors import UserError
from sr_tf.training.averaging import moved_averages
from sr_tf.training.objectives import Objective, Turn
from sr_tf.training.parts import build_parts


class Phase(keras.Model):
    """An objective as a Keras model. Call `compile(optimizers)` inside the strategy's scope.

    The networks are attributes with their names in the objective (`generator`, `discriminator`, `reducer`).

    Args:
        objective: the objective to minimise.
        xla: whether to compile the forward pass and the gradients with XLA.
    """

    def __init__(self, objective: Objective, xla: bool = False):
        super().__init__()
        for name, network in objective.networks.items():
            setattr(self, name, network)
        self._objective = _Untracked(objective)  # frozen weights are not part of checkpoints
        self._gradients = {turn.optimizer: _compiled(self._differentiated(turn), xla) for turn in objective.turns}
        self._forward = {
            name: _compiled(lambda images, network=network: network(images, training=True), xla)
            for name, network in objective.networks.items()
        }

    @property
    def metrics(self):
        """No Keras metrics: `train_step` returns the losses of each step."""
        return []

    def compile(self, optimizers: dict[str, keras.optimizers.Optimizer]):
        """Sets the optimizers, by the names in the turns, and builds each for the variables that it updates."""
        super().compile(optimizer=optimizers["generator"], jit_compile=False)
        self.optimizers = dict(optimizers)
        for turn in self._objective.value.turns:
            optimizers[turn.optimizer].build(self.trained_by(turn))

    def trained_by(self, turn: Turn) -> list:
        """Lists the variables that a turn's optimizer updates."""
        return [variable for name in turn.networks for variable in getattr(self, name).trainable_variables]

    def call(self, lr):
        """Restores LRs, float32 [N, h, w, 3] in [0, 255]."""
        return self.generator(lr)

    def train_step(self, data):
        """Updates the networks once by each optimizer; returns the named losses."""
        objective, named = self._objective.value, {}
        if objective.prepare is not None:
            data = objective.prepare(lambda name, images: self._forward[name](images), _on_host, *data)
        for turn in objective.turns:
            turn_losses, gradients = self._gradients[turn.optimizer](*data)
            self.optimizers[turn.optimizer].apply(gradients, self.trained_by(turn))
            named = {**turn_losses, **named}
        return named

    def _differentiated(self, turn: Turn) -> Callable:
        def losses_and_gradients(*data):
            with tf.GradientTape() as tape:
                loss, named = turn.losses(self._apply, *data)
                objective = loss / tf.distribute.get_strategy().num_replicas_in_sync
            return named, tape.gradient(objective, self.trained_by(turn))

        return losses_and_gradients

    def _apply(self, name: str, images):
        frozen = self._objective.value.frozen
        return frozen[name](images) if name in frozen else getattr(self, name)(images, training=True)


class _Untracked:
    """Holds a value that Keras does not search for layers and variables."""

    def __init__(self, value):
        self.value = value


def _compiled(function: Callable, xla: bool) -> Callable:
    """Compiles a function with XLA if `xla` is true.

    Keras's own `jit_compile=True` fails under `MirroredStrategy` with several replicas, because the optimizer's update
    crosses devices. Therefore only the forward pass and the gradients are compiled.
    """
    return tf.function(function, jit_compile=True) if xla else function


def _on_host(function: Callable, like, *tensors):
    return tf.ensure_shape(tf.numpy_function(function, tensors, tf.float32), like.shape)


class TensorFlowBackend:
    """Trains on TensorFlow: one replica on each GPU, or on each logical CPU device where there is no GPU.

    Args:
        config: the run's configuration.
        content_network: the content network of the gan phase; by default the one that the configuration names.
        strategy: the distribution strategy; by default `mirrored_strategy()`.

    Attributes:
        model: the phase as a Keras model.
        averaged: the networks with averaged weights by name, `keras.Model` each.
        device: the number of replicas, for messages.

    Raises:
        UserError: the batch size is no multiple of the number of replicas; see also `build_parts`.
    """

    def __init__(
        self,
        config: TrainConfig,
        content_network: keras.Model | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ):
        strategy = strategy or mirrored_strategy()
        replicas = strategy.num_replicas_in_sync
        if config.batch_size % replicas:
            raise UserError(f"--batch_size={config.batch_size}: expected a multiple of the {replicas} replicas")
        self.device = f"{replicas} replica(s)"
        with strategy.scope():
            parts = build_parts(config, content_network)
            self.model = Phase(parts.objective, config.xla)
            self.model.compile(parts.optimizers)
            self.averaged = parts.averaged()
        self._networks, self._decay, self._step = list(parts.objective.networks), config.ema_decay, 0
        self._average = tf.function(self._update_averages)
        generator = self.averaged["generator"]
        self._restore = tf.function(
            lambda lr: generator(lr, training=False),
            input_signature=[tf.TensorSpec([1, None, None, generator.channels], tf.float32)],
        )
        self.content_distance = None
        if "content" in parts.objective.frozen:
            network, content_loss = parts.objective.frozen["content"], parts.content_loss
            self.content_distance = tf.function(
                lambda hr, sr: content_loss(network(hr), network(sr)), reduce_retracing=True
            )

    def state(self) -> dict[str, list[np.ndarray]]:
        """Returns everything that the next step depends on: lists of arrays by network or optimizer."""
        return {name: [np.asarray(value) for value in values] for name, values in self._variables().items()}

    def load_state(self, state: dict[str, list[np.ndarray]]) -> None:
        """Restores a state that `state` returned."""
        for name, values in self._variables().items():
            if name == "step":
                self._step = int(state[name][0])
                continue
            for variable, value in zip(values, state[name], strict=True):
                variable.assign(value)

    def run(self, sampler: Sampler, last: int, each: Callable[[int, dict], None]) -> None:
        """Trains up to step `last`, and calls `each(step, losses)` after every step; the losses have shape [1]."""

        def after_step(batch, logs):
            self._step += 1
            self._average(tf.constant(self._step, tf.float32))
            each(self._step, {name: np.array([float(value)]) for name, value in logs.items()})

        batches = training_batches(sampler, self._step, last)
        self.model.fit(
            batches,
            steps_per_epoch=last - self._step,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=after_step)],
        )

    def synchronise(self) -> None:
        """Does nothing: `averaged` is updated in every step."""

    def restore(self, lr: np.ndarray) -> np.ndarray:
        """Restores an LR, float32 [1, h, w, 3], by the averaged generator."""
        return self._restore(tf.constant(lr)).numpy()

    def _update_averages(self, step):
        for name, network in self.averaged.items():
            averages = moved_averages(network.weights, getattr(self.model, name).weights, step, self._decay)
            for variable, value in zip(network.weights, averages, strict=True):
                variable.assign(value)

    def _variables(self) -> dict[str, list]:
        owners = {"step": [np.asarray(self._step, np.int32)]}
        for name in self._networks:
            owners[name] = getattr(self.model, name).variables
        for name, optimizer in self.model.optimizers.items():
            owners[f"{name}_optimizer"] = optimizer.variables
        for name, network in self.averaged.items():
            owners[f"averaged_{name}"] = network.variables
        return owners


def make_deterministic(xla: bool) -> None:
    """Makes TensorFlow use deterministic kernels in this process, unless XLA is used.

    XLA has no deterministic gradient of the max pooling in VGG networks and would refuse to compile it. On a CPU the
    results with XLA still repeat bit by bit; on a GPU with XLA they may not.
    """
    if not xla:
        tf.config.experimental.enable_op_determinism()


def mirrored_strategy() -> tf.distribute.MirroredStrategy:
    """Builds a strategy with one replica on each GPU, or on each logical CPU device if there is no GPU."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])
