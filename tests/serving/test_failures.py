"""The client when the server is unavailable, busy or slow, or its answer is malformed."""

import socket
import threading
import time

import grpc
import numpy as np
import pytest
from model_servers import Enlarging, Models, Prediction, grpc_server, http_server, response
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.images.reading import write_png
from sr_tf.serving.client import connect

LR = np.random.default_rng(7).integers(0, 256, (40, 30, 3), np.uint8)
GEOMETRY = {"outputs": {"scale": [4], "receptive_radius": [3]}}


def _refusing(code, times):
    """Makes the first `times` requests for pixels fail."""
    left = [times]

    def before(signature, context):
        if signature != "geometry" and left[0]:
            left[0] -= 1
            context.abort(code, "come again")

    return before


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_server_that_refuses_twice_is_asked_a_third_time(code):
    servicer = Enlarging(_refusing(code, 2))
    with grpc_server(servicer) as target, connect(target, "any") as served:
        np.testing.assert_array_equal(served.restore(LR), LR.repeat(4, 0).repeat(4, 1))
    assert servicer.calls == ["geometry"] + 3 * ["serving_default"]


@pytest.mark.parametrize("status", [503, 429])
def test_an_http_server_that_refuses_twice_is_asked_a_third_time(status):
    asked = []

    def answer(method, path, body):
        asked.append((method, path))
        return (status, {"error": "come again"}) if len(asked) < 3 else (200, GEOMETRY)

    with http_server(answer) as target, connect(target, "any") as served:
        assert (served.scale, served.receptive_radius) == (4, 3)
    assert asked == 3 * [("POST", "/v1/models/any:predict")]


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT])
def test_other_errors_are_not_asked_again(code):
    servicer = Enlarging(_refusing(code, 2))
    with (
        grpc_server(servicer) as target,
        connect(target, "any") as served,
        pytest.raises(UserError, match=f"{code.name}: come again"),
    ):
        served.restore(LR)
    assert servicer.calls.count("serving_default") == 1


def test_requests_to_a_busy_server_end_at_the_deadline():
    servicer = Enlarging(_refusing(grpc.StatusCode.UNAVAILABLE, 10**6))
    with grpc_server(servicer) as target, connect(target, "any", deadline=1.5) as served:
        start = time.monotonic()
        with pytest.raises(UserError, match=r"UNAVAILABLE: come again \(asked \d+ times in 1.5 s\)"):
            served.restore(LR)
        assert time.monotonic() - start < 2.5
    assert servicer.calls.count("serving_default") > 2


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_unreachable_server_gives_one_line_and_code_2(tmp_path, capsys, monkeypatch, scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=rf"{scheme}://127.0.0.1:{port}: .*asked \d+ times in 1 s"):
        connect(f"{scheme}://127.0.0.1:{port}", "any", deadline=1)
    write_png(tmp_path / "lr.png", LR)
    monkeypatch.setattr("sr_tf.serving.client.connect.__kwdefaults__", {**connect.__kwdefaults__, "deadline": 0.3})
    arguments = ["upscale", tmp_path / "lr.png", tmp_path / "sr.png", "--serving", f"{scheme}://127.0.0.1:{port}"]
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sr-tf: error: {scheme}://127.0.0.1:{port}: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "sr.png").exists()


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_with_the_usual_deadlines_it_is_said_within_seconds_that_no_server_is_there(scheme, host):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(UserError, match=rf"{scheme}://{host}:{port}: no server can be reached there .* in 3 s"):
        connect(f"{scheme}://{host}:{port}", "any")
    assert time.monotonic() - start < 8


def test_a_server_that_was_reached_once_may_be_away_for_longer(monkeypatch):
    monkeypatch.setattr("sr_tf.serving.client.CONNECTING", 0.2)
    with grpc_server(Enlarging()) as target:
        served = connect(target, "any", deadline=20)
    port, results = int(target.rpartition(":")[2]), []
    caller = threading.Thread(target=lambda: results.append(served.restore(LR)))
    caller.start()
    time.sleep(1)
    with served, grpc_server(Enlarging(), port=port):
        caller.join(timeout=20)
        np.testing.assert_array_equal(results[0], LR.repeat(4, 0).repeat(4, 1))


def test_a_server_that_starts_late_is_found():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = []
    caller = threading.Thread(target=lambda: found.append(connect(f"grpc://127.0.0.1:{port}", "any", deadline=20)))
    caller.start()
    time.sleep(0.7)
    with grpc_server(Enlarging(), port=port):
        caller.join(timeout=20)
        assert found[0].scale == 4
        found[0].close()


def test_a_call_to_a_slow_server_ends_at_its_timeout():
    release = threading.Event()
    servicer = Enlarging(lambda signature, context: None if signature == "geometry" else release.wait(30) and None)
    with grpc_server(servicer) as target, connect(target, "any", timeout=0.5) as served:
        start = time.monotonic()
        try:
            with pytest.raises(UserError, match=r"no answer within 0\.5 s"):
                served.restore(LR)
            assert time.monotonic() - start < 3
        finally:
            release.set()
    assert servicer.calls.count("serving_default") == 1


def test_a_call_to_a_slow_http_server_ends_at_its_timeout():
    release = threading.Event()

    def answer(method, path, body):
        release.wait(30)
        return 200, GEOMETRY

    with http_server(answer) as target:
        try:
            with pytest.raises(UserError, match=r"no answer within 0\.3 s"):
                connect(target, "any", timeout=0.3)
        finally:
            release.set()


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_unknown_model_is_named(targets, scheme):
    with pytest.raises(UserError, match=r"serves no model 'large' \(Servable not found for request: Latest\(large\)\)"):
        connect(targets[scheme], "large")


def test_the_error_says_if_a_model_is_still_loading(servable):
    class Loading(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):  # noqa: N802
            answer = get_model_status_pb2.GetModelStatusResponse()
            answer.model_version_status.add(version=2, state=get_model_status_pb2.ModelVersionStatus.State.LOADING)
            return answer

    with (
        grpc_server(Prediction(servable), Loading()) as target,
        pytest.raises(UserError, match=r"model 'large' is not ready \(version 2 is LOADING\)"),
    ):
        connect(target, "large")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (response(images=np.zeros((1, 80, 60, 3), np.float32)), r"float32 \[1, 80, 60, 3\]"),
        (response(images=np.zeros((1, 160, 120, 3), np.uint8)), r"uint8 \[1, 160, 120, 3\]"),
        (response(images=np.full((1, 160, 120, 3), np.nan, np.float32)), "expected finite"),
        (response(pixels=np.zeros((1, 160, 120, 3), np.float32)), "nothing usable"),
    ],
)
def test_pixels_of_a_wrong_shape_type_or_value_are_refused(answer, found):
    servicer = Enlarging(lambda signature, context: None if signature == "geometry" else answer)
    with (
        grpc_server(servicer) as target,
        connect(target, "any") as served,
        pytest.raises(UserError, match=found) as error,
    ):
        served.restore(LR)
    assert "to 30×40 pixels, expected finite RGB pixels, 120×160" in str(error.value)


@pytest.mark.parametrize("outputs", [[{"b64": "bm8gUE5H"}], [], [1.0], {"image_bytes": 3}])
def test_an_answer_that_is_not_a_png_is_refused(outputs):
    def answer(method, path, body):
        return (200, GEOMETRY) if b'"geometry"' in body else (200, {"outputs": outputs})

    with http_server(answer) as target, connect(target, "any") as served, pytest.raises(UserError, match="expected"):
        served.restore(LR)


@pytest.mark.parametrize(
    "content", [b"<html>", b"[1]", b"{}", b'{"outputs": [4]}', b'{"outputs": {"scale": [[4], [1, 2]]}}']
)
def test_an_answer_of_another_kind_of_server_gives_one_line(content):
    with http_server(lambda *_: (200, content)) as target, pytest.raises(UserError, match=target) as error:
        connect(target, "any")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        response(scale=np.array([4], np.int32)),
        response(scale=np.array([0], np.int32), receptive_radius=np.array([3], np.int32)),
        response(scale=np.array([4.0], np.float32), receptive_radius=np.array([3], np.int32)),
        response(scale=np.array(4, np.int32), receptive_radius=np.array(3, np.int32)),
    ],
)
def test_a_model_without_geometry_is_refused(answer):
    with (
        grpc_server(Enlarging(lambda *_: answer)) as target,
        pytest.raises(UserError, match="was it written by `sr-tf export`"),
    ):
        connect(target, "any")


def test_the_number_of_simultaneous_requests_is_limited():
    lock, running, most = threading.Lock(), [0], [0]

    def before(signature, context):
        if signature == "geometry":
            return
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1

    with grpc_server(Enlarging(before), threads=16) as target, connect(target, "any", in_flight=3) as served:
        callers = [threading.Thread(target=served.restore, args=(LR, 8)) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert most[0] == 3


def test_after_an_error_the_waiting_tiles_are_not_sent():
    servicer = Enlarging(_refusing(grpc.StatusCode.INTERNAL, 10**6))
    with (
        grpc_server(servicer) as target,
        connect(target, "any", in_flight=1) as served,
        pytest.raises(UserError, match="INTERNAL"),
    ):
        served.restore(LR, tile=2)
    assert servicer.calls.count("serving_default") < 30


@pytest.mark.parametrize(
    "target",
    [
        "localhost:8500",
        "grpc://localhost",
        "ftp://localhost:1",
        "http://localhost:x",
        "http://u@h:1",
        "http://h:1/v1",
        "",
    ],
)
def test_addresses_are_checked(target):
    with pytest.raises(UserError, match="expected grpc://host:port or http://host:port"):
        connect(target, "any")


def test_the_server_refuses_a_file_that_is_not_an_image(servable):
    with (
        grpc_server(Prediction(servable), Models(servable)) as target,
        connect(target, "small") as served,
        pytest.raises(UserError, match=r"INVALID_ARGUMENT.*Unknown image file format"),
    ):
        served.restore_file(b"no image")
