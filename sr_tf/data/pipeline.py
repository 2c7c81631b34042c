"""Training batches as a tf.data pipeline."""

import tensorflow as tf

from sr_tf.data.sampler import Sampler


def training_batches(sampler: Sampler, start: int, stop: int) -> tf.data.Dataset:
    """Builds a data set of training batches, which are cut in parallel and prefetched.

    Args:
        sampler: the sampler that cuts the patches.
        start: the first step.
        stop: the last step plus one.

    Returns:
        A data set of the pairs that `Sampler.batch` returns, float32, with static shapes; its first element is the
        batch of step `start`.
    """

    def patch(number):
        images = tf.numpy_function(sampler.patch, [number], (tf.float32, tf.float32), stateful=False)
        return tuple(tf.ensure_shape(image, shape) for image, shape in zip(images, sampler.shapes, strict=True))

    numbers = tf.data.Dataset.range(start * sampler.batch_size, stop * sampler.batch_size)
    patches = numbers.map(patch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = patches.batch(sampler.batch_size, drop_remainder=True).prefetch(4)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options)
