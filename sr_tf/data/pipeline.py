"""Training batches as a pure function of the step: a run resumes at any step with no iterator state.

Patch number n = step · batch + position belongs to pass n // N over the N scenes, in an order drawn for that pass; its
place, its flip or rotation and which of its LRs it is cut from are drawn from (seed, n) alone.
"""

from collections.abc import Sequence

import tensorflow as tf

from sr_tf.data.scene_store import PairStore


def training_batches(
    store: PairStore,
    *,
    batch_size: int,
    crop_size: int,
    seed: int,
    start: int,
    stop: int,
    qualities: Sequence[int] = (),
) -> tf.data.Dataset:
    """Aligned, randomly flipped LR and HR patches.

    Args:
        store: the scenes.
        batch_size: patches a batch.
        crop_size: side of LR patches in pixels.
        seed: of order, places and flips.
        start: the first step that is wanted.
        stop: one more than the last.
        qualities: for training that makes its own LRs: each patch comes with one of these in place of its LR.

    Returns:
        A data set of (LR float32 [batch, crop, crop, 3], HR float32 [batch, scale · crop, scale · crop, 3]) in
        [0, 255], or of (HR, quality float32 [batch]); its first element is the batch of step `start`.
    """

    def patch(number):
        draws = tf.random.stateless_uniform([4], [seed, number])
        variant = tf.cast(draws[3] * store.variants, tf.int32)
        lr, hr = store.pair(scene_index(number, len(store), seed), variant)
        lr, hr = crop_pair(lr, hr, crop_size, store.scale, draws[0], draws[1])
        turn = tf.cast(draws[2] * 8, tf.int32)
        lr, hr = (tf.cast(orient(image, turn), tf.float32) for image in (lr, hr))
        if not qualities:
            return lr, hr
        number_of = tf.cast(draws[3] * len(qualities), tf.int32)
        return hr, tf.gather(tf.constant(qualities, tf.float32), number_of)

    numbers = tf.data.Dataset.range(start * batch_size, stop * batch_size)
    patches = numbers.map(patch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    batches = patches.batch(batch_size, drop_remainder=True).prefetch(4)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options)


def scene_index(number: tf.Tensor, scenes: int, seed: int) -> tf.Tensor:
    """Which scene patch `number` is cut from: each pass takes every scene once, in an order of its own.

    Args:
        number: int64 scalar.
        scenes: N.
        seed: of the order.

    Returns:
        int64 scalar in [0, N).
    """
    if scenes == 1:
        return tf.zeros_like(number)
    return tf.random.experimental.index_shuffle(number % scenes, [seed, number // scenes], scenes - 1)


def crop_pair(lr, hr, size: int, scale: int, vertical, horizontal):
    """Cuts the same part out of LR and HR.

    Args:
        lr: [h, w, 3].
        hr: [scale · h, scale · w, 3].
        size: side of the LR patch in pixels, at most min(h, w).
        scale: HR pixels per LR pixel.
        vertical: float scalar in [0, 1), the patch's place from top (0) to bottom.
        horizontal: float scalar in [0, 1), from left to right.

    Returns:
        LR [size, size, 3] and HR [scale · size, scale · size, 3].
    """
    shape = tf.shape(lr)
    top = tf.cast(vertical * tf.cast(shape[0] - size + 1, tf.float32), tf.int32)
    left = tf.cast(horizontal * tf.cast(shape[1] - size + 1, tf.float32), tf.int32)
    lr = tf.slice(lr, [top, left, 0], [size, size, 3])
    hr = tf.slice(hr, [top * scale, left * scale, 0], [size * scale, size * scale, 3])
    return lr, hr


def orient(image, turn):
    """One of the eight flips and rotations of a square patch.

    Args:
        image: [s, s, c].
        turn: int32 scalar 0–7: quarter turns in its two low bits, mirrored from 4 on.

    Returns:
        [s, s, c].
    """
    shape = image.shape
    mirrored = tf.cond(turn >= 4, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.ensure_shape(tf.image.rot90(mirrored, turn % 4), shape)
