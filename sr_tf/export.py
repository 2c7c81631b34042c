"""A generator as a SavedModel for TF Serving: version folders, a float and an encoded-bytes signature."""

import io
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from sr_tf.data.images import encode_png
from sr_tf.errors import UserError
from sr_tf.files import make_folder
from sr_tf.pixels import to_uint8

FLOAT = "serving_default"
ENCODED = "encoded"


def export(generator: keras.Model, folder: Path) -> Path:
    """Writes the next version of a servable and checks that it gives the Keras model's pixels.

    Signatures:
        `serving_default`: `images` float32 [N, h, w, 3] RGB in [0, 255] → `images` float32 [N, s·h, s·w, 3], clipped
            to [0, 255].
        `encoded`: `image_bytes` string [N], PNG or JPEG files of any sizes → `image_bytes` string [N], PNG files.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: of the servable, for instance `export/small`; versions are its sub-folders 1, 2, …

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written, or the reloaded model differs.
    """
    make_folder(folder)
    versions = [int(path.name) for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()]
    version = folder / str(max(versions, default=0) + 1)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
        draft = Path(temporary) / "model"
        _write(generator, draft)
        _compare(generator, draft)
        draft.rename(version)
    return version


def _write(generator: keras.Model, path: Path) -> None:
    generator(tf.zeros([1, 16, 16, 3]))
    archive = keras.export.ExportArchive()
    archive.track(generator)

    def restore(images):
        return tf.clip_by_value(generator(images, training=False), 0.0, 255.0)

    def restore_one(file):
        image = tf.io.decode_image(file, channels=3, expand_animations=False)
        sr = restore(tf.cast(image, tf.float32)[None])[0]
        return tf.io.encode_png(tf.cast(tf.round(sr), tf.uint8))

    archive.add_endpoint(
        FLOAT,
        lambda images: {"images": restore(images)},
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")],
    )
    archive.add_endpoint(
        ENCODED,
        lambda image_bytes: {"image_bytes": tf.map_fn(restore_one, image_bytes, parallel_iterations=1)},
        input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")],
    )
    archive.write_out(path, verbose=False)


def _compare(generator: keras.Model, path: Path) -> None:
    """Raises a `UserError` unless both signatures, read back, give the Keras model's pixels."""
    signatures = tf.saved_model.load(str(path)).signatures
    random = np.random.default_rng(0)
    files, expected = [], []
    for size in ((24, 31), (17, 40)):
        lr = random.integers(0, 256, (*size, 3), np.uint8)
        sr = np.clip(keras.ops.convert_to_numpy(generator(lr[None].astype(np.float32)))[0], 0, 255)
        served = signatures[FLOAT](images=tf.constant(lr[None], tf.float32))["images"].numpy()[0]
        difference = np.abs(served - sr).max()
        if not difference <= 0.01:
            raise UserError(f"{path}: signature {FLOAT} differs by {difference} from the Keras model, expected ≤ 0.01")
        files.append(encode_png(lr))
        expected.append(to_uint8(sr))
    for file, sr in zip(
        signatures[ENCODED](image_bytes=tf.constant(files))["image_bytes"].numpy(), expected, strict=True
    ):
        served = np.asarray(Image.open(io.BytesIO(file)), np.int16)
        if served.shape != sr.shape or np.abs(served - sr).max() > 1:
            raise UserError(f"{path}: signature {ENCODED} differs from the Keras model by more than 1/255")
