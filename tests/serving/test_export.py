import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from PIL import Image
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from sr_tf.errors import UserError
from sr_tf.generators.upscale import upscale
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.serving.export import export
from sr_tf.serving.server_files import health_command

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def version(generator, tmp_path_factory):
    return export(generator, tmp_path_factory.mktemp("export") / "small")


def _coded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format=kind, **options)
    return buffer.getvalue()


def test_float_signature_gives_the_keras_models_pixels_at_any_size(generator, version):
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    for shape in ((1, 1, 1, 3), (2, 2, 3, 3), (1, 9, 9, 3), (2, 24, 40, 3), (3, 33, 8, 3)):
        lr = RNG.uniform(0, 255, shape).astype(np.float32)
        served = serve(images=tf.constant(lr))["images"].numpy()
        expected = np.clip(without_edges(generator(mirrored(lr)).numpy(), 4), 0, 255)
        assert served.shape == (shape[0], 4 * shape[1], 4 * shape[2], 3)
        np.testing.assert_allclose(served, expected, atol=0.01)
        assert served.min() >= 0
        assert served.max() <= 255


def test_encoded_signature_accepts_mixed_sizes_and_kinds_in_one_batch(generator, version):
    serve = tf.saved_model.load(str(version)).signatures["encoded"]
    images = [RNG.integers(0, 256, (*size, 3), np.uint8) for size in ((12, 20), (31, 9))]
    grey = RNG.integers(0, 256, (10, 10), np.uint8)
    files = [_coded(images[0]), _coded(images[1]), _coded(grey), _coded(images[0], "JPEG", quality=95)]
    answers = serve(image_bytes=tf.constant(files))["image_bytes"].numpy()
    decoded = [np.asarray(Image.open(io.BytesIO(answer)), int) for answer in answers]
    for image, answer in zip([*images, np.repeat(grey[..., None], 3, 2)], decoded, strict=False):
        assert np.abs(answer - upscale(generator, image).astype(int)).max() <= 1
    assert decoded[3].shape == (48, 80, 3)


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 3), (1, 1, 8, 8, 3), (1, 8, 8, 4), (0, 8, 8, 3), (1, 0, 8, 3)])
def test_floats_of_another_shape_are_an_invalid_argument_and_do_not_end_the_process(version, shape):
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(images=tf.zeros(shape))


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.full((1, 8, 8, 3), np.nan, np.float32), "expected finite numbers"),
        (np.full((1, 8, 8, 3), np.inf, np.float32), "expected finite numbers"),
        (np.zeros((3, 512, 172, 3), np.float32), r"expected 1 to 262144 pixels in a request,\] \[found\] \[264192"),
    ],
)
def test_floats_that_are_too_many_or_not_finite_are_an_invalid_argument(version, images, found):
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=found):
        serve(images=tf.constant(images))


def _png_of_size(width, height):
    """A PNG file of a few bytes whose header states any size."""
    file = bytearray(_coded(np.zeros((8, 8, 3), np.uint8)))
    file[16:24] = struct.pack(">II", width, height)
    file[29:33] = struct.pack(">I", zlib.crc32(file[12:29]))
    return bytes(file)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([_coded(np.zeros((600, 600, 3), np.uint8))], r"1 to 262144 pixels,\] \[found\] \[600 600\]"),
        ([_coded(np.zeros((600, 600, 3), np.uint8), "JPEG")], "1 to 262144 pixels"),
        ([_png_of_size(2**31 - 1, 2**31 - 1)], "1 to 262144 pixels"),
        ([_png_of_size(2**31, 2)], "1 to 262144 pixels"),
        ([_coded(np.zeros((8, 8, 3), np.uint8), "GIF")], "Unknown image file format, expected PNG or JPEG"),
        ([_coded(np.zeros((8, 8, 3), np.uint8))[:20]], "Unknown image file format"),
        ([_coded(np.zeros((8, 8, 3), np.uint8))[:10]], "Unknown image file format"),
        ([b""], "Unknown image file format"),
        (65 * [_coded(np.zeros((8, 8, 3), np.uint8))], "at most 64 files"),
        ([[b"one"]], "expected shape"),
    ],
)
def test_files_too_large_too_many_or_of_another_kind_are_an_invalid_argument(version, files, found):
    serve = tf.saved_model.load(str(version)).signatures["encoded"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=found):
        serve(image_bytes=tf.constant(files))


def test_geometry_signature_gives_scale_and_radius(generator, version):
    answer = tf.saved_model.load(str(version)).signatures["geometry"](probe=tf.constant([0, 7, -1]))
    assert answer["scale"].numpy().tolist() == [4, 4, 4]
    assert answer["receptive_radius"].numpy().tolist() == [generator.receptive_radius] * 3


def test_every_signature_has_a_warmup_request_that_can_be_replayed(generator, version):
    signatures = tf.saved_model.load(str(version)).signatures
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    logs = [PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 3
    answers = {}
    for log in logs:
        request = log.predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        answers[request.model_spec.signature_name] = signatures[request.model_spec.signature_name](**inputs)
    side = 4 * (192 + 2 * generator.receptive_radius)
    assert answers["serving_default"]["images"].shape == (1, side, side, 3)
    assert tf.io.decode_png(answers["encoded"]["image_bytes"][0]).shape == (side, side, 3)
    assert answers["geometry"]["scale"].numpy() == [4]


def test_server_files_are_in_the_servers_formats(version):
    folder = version.parent
    models = text_format.Parse((folder / "models.config").read_text(), ModelServerConfig()).model_config_list.config
    assert [(model.name, model.base_path, model.model_platform) for model in models] == [
        ("small", "/models/small", "tensorflow")
    ]
    batching = text_format.Parse((folder / "batching.config").read_text(), _message("BatchingParameters"))
    assert (batching.max_batch_size.value, batching.max_enqueued_batches.value) == (1, 64)
    monitoring = text_format.Parse((folder / "monitoring.config").read_text(), _message("MonitoringConfig"))
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == "tensorflow/serving:${TF_SERVING_VERSION:-2.21.0}"
    named = [part.partition("=")[2] for part in service["command"] if "file=" in part]
    assert sorted(named) == [f"/models/small/{file}.config" for file in ("batching", "models", "monitoring")]
    assert service["volumes"][0]["target"] == "/models/small"
    assert service["healthcheck"]["test"][-1] == health_command("small")


def _message(name):
    """An empty message of the server's configuration, whose definition no Python package contains."""
    file = descriptor_pb2.FileDescriptorProto(
        name="server.proto", package="server", syntax="proto3", dependency=["google/protobuf/wrappers.proto"]
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    batching = file.message_type.add(name="BatchingParameters")
    fields = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, field in enumerate(fields, 1):
        wrapper = ".google.protobuf.Int64Value"
        batching.field.add(name=field, number=number, label=1, type=kinds.TYPE_MESSAGE, type_name=wrapper)
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, label=1, type=kinds.TYPE_BOOL)
    prometheus.field.add(name="path", number=2, label=1, type=kinds.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(
        name="prometheus_config", number=1, label=1, type=kinds.TYPE_MESSAGE, type_name=".server.PrometheusConfig"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"server.{name}"))()


def test_versions_count_up_leave_no_draft_and_keep_an_operators_changes(generator, version):
    folder = version.parent
    (folder / "batching.config").write_text("num_batch_threads { value: 4 }\n")
    assert version.name == "1"
    assert export(generator, folder).name == "2"
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["1", "2"]
    assert not list(folder.glob(".*"))
    assert (folder / "batching.config").read_text() == "num_batch_threads { value: 4 }\n"


@pytest.mark.parametrize("name", ["a b", "größe", "a:predict", "-x"])
def test_a_folder_name_that_cannot_be_a_models_name_is_refused(generator, tmp_path, name):
    with pytest.raises(UserError, match="the folder's name becomes the model's"):
        export(generator, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_folder_is_refused(generator, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="expected a folder"):
        export(generator, tmp_path / "taken")
