"""A generator as a servable for TF Serving: version folders, signatures, warm-up, the server's configuration."""

import io
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError
from sr_tf.images.pixels import to_uint8
from sr_tf.images.reading import encode_png
from sr_tf.serving.contract import ENCODED, FLOAT, GEOMETRY, IMAGE_BYTES, IMAGES, PROBE, RADIUS, SCALE
from sr_tf.serving.server_files import model_name, write_server_files
from sr_tf.serving.warmup import write_warmup


def export(generator: keras.Model, folder: Path) -> Path:
    """Writes the next version of a servable and checks that it gives the Keras model's pixels.

    `sr_tf.serving.contract` describes the signatures. Warm-up requests are inside the version, the server's
    configuration and a Compose file beside the versions.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: of the servable, for instance `export/small`; its name is the model's, its sub-folders are the versions.

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written, its name cannot be a model's, or the reloaded model differs.
    """
    model_name(folder)
    make_folder(folder)
    versions = [int(path.name) for path in folder.iterdir() if path.is_dir() and path.name.isdecimal()]
    version = folder / str(max(versions, default=0) + 1)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
        draft = Path(temporary) / "model"
        _write(generator, draft)
        _compare(generator, draft)
        write_warmup(draft, generator.receptive_radius)
        draft.rename(version)
    write_server_files(folder)
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
        lambda images: {IMAGES: restore(images)},
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name=IMAGES)],
    )
    archive.add_endpoint(
        ENCODED,
        lambda image_bytes: {IMAGE_BYTES: tf.map_fn(restore_one, image_bytes, parallel_iterations=1)},
        input_signature=[tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)],
    )
    archive.add_endpoint(
        GEOMETRY,
        # What comes in is used, since an unused input would be lost from the signature.
        lambda probe: {
            SCALE: tf.zeros_like(probe) + generator.scale,
            RADIUS: tf.zeros_like(probe) + generator.receptive_radius,
        },
        input_signature=[tf.TensorSpec([None], tf.int32, name=PROBE)],
    )
    archive.write_out(path, verbose=False)


def _compare(generator: keras.Model, path: Path) -> None:
    """Raises a `UserError` unless the signatures, read back, give the Keras model's pixels and geometry."""
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
    geometry = {name: value.numpy().tolist() for name, value in signatures[GEOMETRY](probe=tf.constant([0])).items()}
    expected = {SCALE: [generator.scale], RADIUS: [generator.receptive_radius]}
    if geometry != expected:
        raise UserError(f"{path}: signature {GEOMETRY} says {geometry}, expected {expected}")
