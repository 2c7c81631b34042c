import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sr_tf.errors import UserError
from sr_tf.export import export
from sr_tf.pixels import to_uint8
from sr_tf.zoo import load_generator

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def generator():
    return load_generator("small")


@pytest.fixture(scope="module")
def version(generator, tmp_path_factory):
    return export(generator, tmp_path_factory.mktemp("export") / "small")


def _coded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=kind, **options)
    return buffer.getvalue()


def test_float_signature_gives_the_keras_models_pixels_at_any_size(generator, version):
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    for shape in ((1, 9, 9, 3), (2, 24, 40, 3), (3, 33, 8, 3)):
        lr = RNG.uniform(0, 255, shape).astype(np.float32)
        served = serve(images=tf.constant(lr))["images"].numpy()
        expected = np.clip(generator(lr).numpy(), 0, 255)
        assert served.shape == (shape[0], 4 * shape[1], 4 * shape[2], 3)
        np.testing.assert_allclose(served, expected, atol=0.01)
        assert served.min() >= 0
        assert served.max() <= 255


def test_encoded_signature_takes_mixed_sizes_and_kinds_in_one_batch(generator, version):
    serve = tf.saved_model.load(str(version)).signatures["encoded"]
    images = [RNG.integers(0, 256, (*size, 3), np.uint8) for size in ((12, 20), (31, 9))]
    grey = RNG.integers(0, 256, (10, 10), np.uint8)
    files = [_coded(images[0]), _coded(images[1]), _coded(grey), _coded(images[0], "JPEG", quality=95)]
    answers = serve(image_bytes=tf.constant(files))["image_bytes"].numpy()
    decoded = [np.asarray(Image.open(io.BytesIO(answer)), int) for answer in answers]
    for image, answer in zip([*images, np.repeat(grey[..., None], 3, 2)], decoded, strict=False):
        expected = to_uint8(generator(image[None].astype(np.float32))[0])
        assert np.abs(answer - expected).max() <= 1
    assert decoded[3].shape == (48, 80, 3)


def test_versions_count_up_and_leave_no_draft(generator, version):
    assert version.name == "1"
    assert export(generator, version.parent).name == "2"
    assert sorted(path.name for path in version.parent.iterdir()) == ["1", "2"]


def test_a_file_in_the_way_is_an_error(generator, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="expected a folder"):
        export(generator, tmp_path / "taken")
