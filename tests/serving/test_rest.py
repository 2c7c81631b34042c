"""The REST requests as TensorFlow documents them, and the same requests with the official gRPC stubs."""

import base64
import io
import json
import subprocess

import grpc
import numpy as np
import pytest
import urllib3
from PIL import Image
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from sr_tf.generators.upscale import upscale
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.images.reading import encode_png
from sr_tf.serving import rest
from sr_tf.serving.server_files import health_command

LR = np.random.default_rng(8).integers(0, 256, (6, 5, 3), np.uint8)


def _ask(target, path, body=None):
    method = "GET" if body is None else "POST"
    answer = urllib3.request(method, f"{target}/v1/models/{path}", json=body, retries=False, timeout=60)
    return answer.status, json.loads(answer.data)


@pytest.mark.parametrize("path", ["small", "small/versions/1"])
def test_status(targets, path):
    state = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert _ask(targets["http"], path) == (200, {"model_version_status": [state]})


def test_metadata(targets):
    status, content = _ask(targets["http"], "small/metadata")
    assert status == 200
    assert content["model_spec"] == {"name": "small", "signature_name": "", "version": "1"}
    assert content["metadata"].keys() == {"signature_def"}
    signatures = content["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "encoded", "geometry"} <= signatures.keys()
    default = signatures["serving_default"]
    assert default["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"]["images"]["dtype"] == "DT_FLOAT"
    assert [size["size"] for size in default["inputs"]["images"]["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "3"]


def test_rows_and_columns_of_numbers(targets, generator):
    expected = np.clip(without_edges(generator(mirrored(LR)[None].astype(np.float32)).numpy(), 4), 0, 255)
    image = LR.tolist()
    rows = ([image], [{"images": image}])
    for instances in rows:
        status, content = _ask(targets["http"], "small:predict", {"instances": instances})
        assert (status, list(content)) == (200, ["predictions"])
        np.testing.assert_allclose(content["predictions"], expected, atol=0.01)
    for inputs in ([image], {"images": [image]}):
        status, content = _ask(targets["http"], "small/versions/1:predict", {"inputs": inputs})
        assert (status, list(content)) == (200, ["outputs"])
        np.testing.assert_allclose(content["outputs"], expected, atol=0.01)


def test_rows_and_columns_of_files(targets, generator):
    file = {"b64": base64.b64encode(encode_png(LR)).decode()}
    expected = upscale(generator, LR)
    for key, value, result in (
        ("instances", [file, file], "predictions"),
        ("instances", [{"image_bytes": file}] * 2, "predictions"),
        ("inputs", [file, file], "outputs"),
        ("inputs", {"image_bytes": [file, file]}, "outputs"),
    ):
        status, content = _ask(targets["http"], "small:predict", {"signature_name": "encoded", key: value})
        assert (status, list(content)) == (200, [result])
        assert len(content[result]) == 2
        for answer in content[result]:
            assert answer.keys() == {"b64"}
            image = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["b64"]))))
            np.testing.assert_array_equal(image, expected)


def test_several_outputs_are_objects_by_row_and_one_object_by_column(targets):
    ask = {"signature_name": "geometry"}
    one = {"scale": 4, "receptive_radius": 20}
    assert _ask(targets["http"], "small:predict", {**ask, "instances": [0, 0]}) == (200, {"predictions": [one, one]})
    columns = {"scale": [4, 4], "receptive_radius": [20, 20]}
    assert _ask(targets["http"], "small:predict", {**ask, "inputs": [0, 0]}) == (200, {"outputs": columns})


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("half", None, 404, "Servable not found for request: Latest(half)"),
        ("half:predict", {"instances": [1.0]}, 404, "Servable not found for request: Latest(half)"),
        ("small/versions/7", None, 404, "Servable not found for request: Specific(small, 7)"),
        ("small/labels/stable:predict", {"instances": [1]}, 400, "Unrecognized servable version label: stable"),
        ("small:predict", {"instances": [[1, 2]], "inputs": []}, 400, "either 'instances' or 'inputs'"),
        ("small:predict", {"examples": [1]}, 400, "either 'instances' or 'inputs'"),
        ("small:predict", {"instances": []}, 400, "non-empty"),
        ("small:predict", {"instances": [[1, 2]]}, 400, "images: found float32 [1, 2], expected float32"),
        ("small:predict", {"instances": [[[["a"]]]]}, 400, "images: is not a tensor of float32"),
        ("small:predict", {"inputs": {"pixels": [1]}}, 400, "found the inputs ['pixels']"),
        ("small:predict", {"signature_name": "other", "inputs": [1]}, 400, "'other' not found in signature def"),
        ("small:predict", {"signature_name": "encoded", "inputs": [1]}, 400, "expected strings"),
        ("small:predict", {"signature_name": "encoded", "inputs": [{"b64": "?"}]}, 400, "image_bytes: is not a tensor"),
        ("small:predict", {"signature_name": ["encoded"], "inputs": [1]}, 400, "'signature_name': found ['encoded']"),
        ("small:predict", {"instances": [[[[float("nan"), 1, 1]]]]}, 400, "images: expected finite numbers"),
        ("small:predict", {"instances": [[[[1, 1, 1]] * 600] * 600]}, 400, "expected 1 to 262144 pixels"),
        ("small:classify", {"examples": []}, 400, "Malformed request"),
        ("small/metadata", {"a": 1}, 400, "Malformed request"),
    ],
)
def test_errors_are_json_with_a_status(targets, path, body, status, message):
    found, content = _ask(targets["http"], path, body)
    assert (found, list(content)) == (status, ["error"])
    assert message in content["error"]


@pytest.mark.parametrize("depth", [900, 100_000])
@pytest.mark.parametrize("signature", ["encoded", "serving_default"])
def test_deeply_nested_json_is_refused(servable, depth, signature):
    body = f'{{"signature_name": "{signature}", "instances": {"[" * depth}{"]" * depth}}}'.encode()
    status, content = rest.answer(servable, "POST", "/v1/models/small:predict", body)
    assert (status, list(content)) == (400, ["error"])


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(servable, monkeypatch):
    monkeypatch.setattr(rest, "LARGEST_BODY", 10)
    status, content = rest.answer(servable, "POST", "/v1/models/small:predict", b'{"instances": [1]}')
    assert (status, content) == (400, {"error": "found 18 bytes, expected at most 10"})


def test_the_health_check_of_the_compose_file_succeeds_only_for_a_ready_model(targets):
    port = int(targets["http"].rpartition(":")[2])
    for name, code in (("small", 0), ("large", 1)):
        result = subprocess.run(["bash", "-c", health_command(name, port)], capture_output=True, timeout=20)
        assert result.returncode == code


@pytest.fixture
def channel(targets):
    with grpc.insecure_channel(targets["grpc"].removeprefix("grpc://")) as channel:
        yield channel


def test_grpc_metadata_and_status(channel):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "small"
    answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def["geometry"].outputs) == {"scale", "receptive_radius"}
    assert answer.model_spec.version.value == 1
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "small"
    (state,) = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request).model_version_status
    assert (state.version, state.state) == (1, get_model_status_pb2.ModelVersionStatus.State.AVAILABLE)


def test_grpc_predict_honours_the_output_filter_and_names_the_model(channel):
    import tensorflow as tf

    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest(inputs={"probe": tf.make_tensor_proto([0])}, output_filter=["scale"])
    request.model_spec.name, request.model_spec.signature_name = "small", "geometry"
    answer = stub.Predict(request)
    assert list(answer.outputs) == ["scale"]
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("small", 1)
    assert answer.model_spec.signature_name == "geometry"
    request.output_filter.append("size")
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_tensor_of_few_bytes_that_states_a_huge_or_wrong_shape_is_refused(channel):
    import tensorflow as tf

    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for shape in ((1, 10**6, 10**6, 3), (1, -1, 8, 3)):
        tensor = tf.make_tensor_proto(1.0, tf.float32, shape=[1, 8, 8, 3])
        for dimension, size in zip(tensor.tensor_shape.dim, shape, strict=True):
            dimension.size = size
        request = predict_pb2.PredictRequest(inputs={"images": tensor})
        request.model_spec.name = "small"
        with pytest.raises(grpc.RpcError, match="expected at most 786432 values") as error:
            stub.Predict(request)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
