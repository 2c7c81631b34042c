"""Exports a generator as a servable for TF Serving: version folders, signatures, warm-up, server configuration."""

import io
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError, unwritable
from sr_tf.generators.edge_graph import mirrored_tensor
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.images.pixels import to_uint8
from sr_tf.images.reading import encode_png
from sr_tf.serving.contract import ENCODED, FLOAT, GEOMETRY, IMAGE_BYTES, IMAGES, PROBE, RADIUS, SCALE
from sr_tf.serving.graph_limits import checked_count, checked_file, checked_floats
from sr_tf.serving.server_files import write_server_files
from sr_tf.serving.versions import model_name, next_version
from sr_tf.serving.warmup import write_warmup


def export(generator: keras.Model, folder: Path) -> Path:
    """Writes the next version of a servable and checks that it gives the Keras model's pixels.

    The signatures are described in `sr_tf.serving.contract`. The version contains warm-up requests; the server's
    configuration and a Compose file lie beside the versions.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: the servable's folder, for instance `export/small`. Its name becomes the model's name, and its
            sub-folders are the versions.

    Returns:
        The version's folder.

    Raises:
        UserError: the folder cannot be written, its name cannot be a model's name, or the reloaded model differs.
    """
    model_name(folder)
    make_folder(folder)
    version = next_version(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
            draft = Path(temporary) / "model"
            _write(generator, draft)
            _compare(generator, draft)
            write_warmup(draft, generator.receptive_radius)
            draft.rename(version)
    except (OSError, tf.errors.ResourceExhaustedError) as error:
        raise unwritable(version, error) from error
    write_server_files(folder)
    return version


def _write(generator: keras.Model, path: Path) -> None:
    # Keras exports only models that were called before.
    generator(tf.zeros([1, 16, 16, 3]))
    archive = keras.export.ExportArchive()
    archive.track(generator)

    def restore(images):
        # Mirrored in the graph itself, so that every client gets the pixels of `sr_tf.generators.upscale`.
        sr = without_edges(generator(mirrored_tensor(images), training=False), generator.scale)
        return tf.clip_by_value(sr, 0.0, 255.0)

    def restore_floats(images):
        sr = restore(checked_floats(images))
        return tf.debugging.check_numerics(sr, f"{IMAGES}: found numbers beyond the network's range")

    def restore_one(file):
        image = tf.io.decode_image(checked_file(file), channels=3, expand_animations=False)
        sr = restore(tf.cast(image, tf.float32)[None])[0]
        return tf.io.encode_png(tf.cast(tf.round(sr), tf.uint8))

    archive.add_endpoint(
        FLOAT,
        lambda images: {IMAGES: restore_floats(images)},
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name=IMAGES)],
    )
    archive.add_endpoint(
        ENCODED,
        lambda image_bytes: {IMAGE_BYTES: tf.map_fn(restore_one, checked_count(image_bytes), parallel_iterations=1)},
        input_signature=[tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)],
    )
    archive.add_endpoint(
        GEOMETRY,
        # The input is used, because an unused input would be removed from the signature.
        lambda probe: {
            SCALE: tf.zeros_like(probe) + generator.scale,
            RADIUS: tf.zeros_like(probe) + generator.receptive_radius,
        },
        input_signature=[tf.TensorSpec([None], tf.int32, name=PROBE)],
    )
    archive.write_out(path, verbose=False)


def _compare(generator: keras.Model, path: Path) -> None:
    """Raises a `UserError` unless the reloaded signatures give the Keras model's pixels and geometry."""
    signatures = tf.saved_model.load(str(path)).signatures
    random = np.random.default_rng(0)
    files, expected = [], []
    for size in ((24, 31), (17, 40)):
        lr = random.integers(0, 256, (*size, 3), np.uint8)
        whole = keras.ops.convert_to_numpy(generator(mirrored(lr)[None].astype(np.float32)))[0]
        sr = np.clip(without_edges(whole, generator.scale), 0, 255)
        served = signatures[FLOAT](**{IMAGES: tf.constant(lr[None], tf.float32)})[IMAGES].numpy()[0]
        difference = np.abs(served - sr).max()
        if not difference <= 0.01:
            raise UserError(f"{path}: signature {FLOAT} differs by {difference} from the Keras model, expected ≤ 0.01")
        files.append(encode_png(lr))
        expected.append(to_uint8(sr))
    answers = signatures[ENCODED](**{IMAGE_BYTES: tf.constant(files)})[IMAGE_BYTES].numpy()
    for file, sr in zip(answers, expected, strict=True):
        served = np.asarray(Image.open(io.BytesIO(file)), np.int16)
        if served.shape != sr.shape or np.abs(served - sr).max() > 1:
            raise UserError(f"{path}: signature {ENCODED} differs from the Keras model by more than 1/255")
    answer = signatures[GEOMETRY](**{PROBE: tf.constant([0])})
    found = {name: value.numpy().tolist() for name, value in answer.items()}
    geometry = {SCALE: [generator.scale], RADIUS: [generator.receptive_radius]}
    if found != geometry:
        raise UserError(f"{path}: signature {GEOMETRY} answers {found}, expected {geometry}")
