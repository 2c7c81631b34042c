"""Training batches as a tf.data pipeline."""

import tensorflow as tf

from sr_tf.data.sampler import Sampler


def training_batches(sampler: Sampler, start: int, stop: int) -> tf.data.Dataset:
    """Batches of patches, cut in parallel and ahead of time.

    Args:
        sampler: cuts patches.
        start: the first step.
        stop: one more than the last.

    Returns:
        A data set of pairs as `Sampler.batch` gives them, float32, with static shapes; its first element is the batch
        of step `start`.
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
