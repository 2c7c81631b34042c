"""Checks in the exported graph itself, since TF Serving gives it requests unchecked: shape, size, count and numbers."""

import tensorflow as tf

from sr_tf.serving.contract import IMAGE_BYTES, IMAGES, LARGEST_PIXELS, MOST_FILES

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_SIZE = 16
"""Where width and height stand in a PNG file: its first part must be the header."""


def checked_floats(images: tf.Tensor) -> tf.Tensor:
    """Images, float32 [N, h, w, 3], unchanged; fails with INVALID_ARGUMENT for other shapes, sizes, NaN and ∞."""
    # Without it, an image without its batch axis ends the process in TensorFlow's convolution.
    images = tf.ensure_shape(images, [None, None, None, 3])
    pixels = tf.reduce_prod(tf.shape(images, tf.int64)[:3])
    fits = tf.logical_and(pixels > 0, pixels <= LARGEST_PIXELS)
    images = _asserted(images, fits, f"{IMAGES}: expected 1 to {LARGEST_PIXELS} pixels in a request,", pixels)
    return tf.debugging.check_numerics(images, f"{IMAGES}: expected finite numbers")


def checked_count(files: tf.Tensor) -> tf.Tensor:
    """Files, string [N], unchanged; fails with INVALID_ARGUMENT for other shapes and too many files."""
    files = tf.ensure_shape(files, [None])
    count = tf.size(files)
    return _asserted(files, count <= MOST_FILES, f"{IMAGE_BYTES}: expected at most {MOST_FILES} files,", count)


def checked_file(file: tf.Tensor) -> tf.Tensor:
    """A PNG or JPEG file unchanged; fails with INVALID_ARGUMENT for others and if its header states too many pixels."""

    def png_size():
        size = tf.io.decode_raw(tf.strings.substr(file, _PNG_SIZE, 8), tf.int32, little_endian=False)
        return tf.ensure_shape(size, [2])

    is_png = tf.strings.substr(file, 0, len(_PNG)) == _PNG
    is_jpeg = tf.strings.substr(file, 0, len(_JPEG)) == _JPEG
    # TensorFlow's own error for a shorter file would contain its bytes, which are not UTF-8.
    known = tf.logical_and(is_png | is_jpeg, tf.strings.length(file) >= _PNG_SIZE + 8)
    file = _asserted(file, known, f"{IMAGE_BYTES}: Unknown image file format, expected PNG or JPEG", is_png)
    size = tf.cond(is_png, png_size, lambda: tf.image.extract_jpeg_shape(file)[:2])
    fits = tf.logical_and(tf.reduce_all(size > 0), tf.reduce_prod(tf.cast(size, tf.int64)) <= LARGEST_PIXELS)
    message = f"{IMAGE_BYTES}: expected images of 1 to {LARGEST_PIXELS} pixels,"
    return _asserted(file, fits, message, size)


def _asserted(tensor: tf.Tensor, condition: tf.Tensor, message: str, found: tf.Tensor) -> tf.Tensor:
    """The tensor, which exists only if the condition holds, so that nothing is computed from it before."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [message, "found", found])]):
        return tf.identity(tensor)
