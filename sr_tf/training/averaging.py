"""The networks' moving average, which is what is validated, kept and shipped."""

from collections.abc import Iterable

import keras
import tensorflow as tf


class MovingAverage(keras.callbacks.Callback):
    """Keeps an exponential moving average of networks' weights after each step.

    Early on the decay is (1 + step) / (10 + step), so that the first weights are soon forgotten.

    Args:
        networks: pairs of a network that is trained and one of the same architecture, made in the same scope, that
            takes its averages.
        decay: share of the old average that is kept each step, below 1.
        step: counts the run's steps, `tf.Variable`; not changed here.
    """

    def __init__(self, networks: Iterable[tuple[keras.Model, keras.Model]], decay: float, step: tf.Variable):
        super().__init__()
        pairs = [pair for trained, averaged in networks for pair in zip(averaged.weights, trained.weights, strict=True)]

        @tf.function
        def update():
            count = tf.cast(step, tf.float32)
            share = 1.0 - tf.minimum(decay, (1.0 + count) / (10.0 + count))
            for average, weight in pairs:
                average.assign(average + share * (weight - average))

        self._update = update

    def on_train_batch_end(self, batch, logs=None):
        """Moves the average towards the weights of this step."""
        self._update()
