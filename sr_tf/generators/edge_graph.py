"""`sr_tf.images.edges.mirrored` as TensorFlow operations, for graphs whose images have any size."""

import tensorflow as tf

from sr_tf.images.edges import EDGE


def mirrored_tensor(images: tf.Tensor) -> tf.Tensor:
    """Adds `EDGE` pixels on each side of images, [N, h, w, 3] with h and w of at least 1."""
    shape = tf.shape(images)
    # `tf.pad` refuses images smaller than what it adds.
    return tf.gather(tf.gather(images, _positions(shape[1]), axis=1), _positions(shape[2]), axis=2)


def _positions(length: tf.Tensor) -> tf.Tensor:
    """The pixel shown at each position of an extended row: it runs to and fro over a row of `length` pixels."""
    place = tf.math.floormod(tf.range(-EDGE, length + EDGE), 2 * length)
    return tf.minimum(place, 2 * length - 1 - place)
