"""Devices, replicas and number formats of a run."""

import keras
import tensorflow as tf


def mirrored_strategy() -> tf.distribute.MirroredStrategy:
    """One replica on each GPU, or on each logical CPU device where there is no GPU."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def prepare_process(seed: int, mixed_bfloat16: bool, xla: bool) -> None:
    """Sets what is global to the process: seeds of initial weights, number format, deterministic kernels.

    Under XLA the latter are not asked for: it has no deterministic gradient of the max pooling in VGG networks and
    would refuse to compile. On a CPU results repeat to the bit all the same; on a GPU under XLA that is not promised.
    """
    keras.utils.set_random_seed(seed)
    if not xla:
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if mixed_bfloat16 else "float32")


def maybe_compiled(function, xla: bool):
    """`function` as one XLA program, or as it is.

    Keras's own `jit_compile=True` fails under `MirroredStrategy` with several replicas, since the optimizer's update
    crosses devices. So only forward pass and gradients are compiled, and the update stays outside.
    """
    return tf.function(function, jit_compile=True) if xla else function
