"""The client with `sr-tf serve`, which runs TF Serving's gRPC and REST services on Ray Serve."""

import contextlib
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.generators.upscale import upscale
from sr_tf.images.reading import encode_png, read_rgb
from sr_tf.serving.client import connect

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra `ray`"),
]

SR_TF = Path(sys.executable).with_name("sr-tf")
RNG = np.random.default_rng(9)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _free_flags():
    grpc_port, http_port = _free_ports(2)
    return ["--grpc-port", str(grpc_port), "--http-port", str(http_port)]


def _ray_processes(of):
    """The processes in the session of process `of`: Ray's and the replicas."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(of) and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def _replicas():
    """The number of replicas of all servers on this machine."""
    names = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            names.append(command.read_text())
        except OSError:
            continue
    return sum(name.startswith("ray::ServeReplica:sr-tf") for name in names)


@contextlib.contextmanager
def _serving(exported, *arguments, environment=None):
    """Runs `sr-tf serve`; yields its process and its addresses by scheme."""
    flags = _free_flags()
    grpc_port, http_port = flags[1], flags[3]
    process = subprocess.Popen(
        [SR_TF, "serve", exported, *flags, *arguments],
        stderr=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | (environment or {}),
    )  # fmt: skip
    # Kills a server that hangs, so that the reading below ends.
    alarm = threading.Timer(400, process.kill)
    alarm.start()
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if line.startswith("serving "):
                break
        else:
            pytest.fail("sr-tf serve ended: " + "".join(lines))
        assert f"serving small, version 1: grpc://127.0.0.1:{grpc_port}" in lines[-1]
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process, {"grpc": f"grpc://127.0.0.1:{grpc_port}", "http": f"http://127.0.0.1:{http_port}"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        alarm.cancel()
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def served(exported):
    """Two replicas with one thread each: their addresses by scheme. No process may be left afterwards."""
    with _serving(exported, "--replicas", "2", "--threads", "1") as (process, addresses):
        yield addresses
        assert len(_ray_processes(process.pid)) > 2
    end = time.monotonic() + 20
    while _ray_processes(process.pid) and time.monotonic() < end:
        time.sleep(0.2)
    assert not _ray_processes(process.pid)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("png", [False, True])
def test_float_and_bytes_signatures_give_the_pixels_of_upscale(generator, served, scheme, png):
    lr = RNG.integers(0, 256, (61, 75, 3), np.uint8)
    with connect(served[scheme], "small", png=png) as client:
        np.testing.assert_array_equal(client.restore(lr, tile=40), upscale(generator, lr, tile=40))


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_files_and_status(generator, served, tmp_path, scheme):
    lr = RNG.integers(0, 256, (20, 30, 3), np.uint8)
    with connect(served[scheme], "small") as client:
        (tmp_path / "sr.png").write_bytes(client.restore_file(encode_png(lr)))
        assert client.status() == {1: "AVAILABLE"}
        with pytest.raises(UserError, match="Unknown image file format"):
            client.restore_file(b"no image")
        with pytest.raises(UserError, match="serves no model 'large'"):
            connect(served[scheme], "large")
    np.testing.assert_array_equal(read_rgb(tmp_path / "sr.png"), upscale(generator, lr))


def test_an_answer_of_700_by_700_pixels_is_received(generator, served):
    lr = RNG.integers(0, 256, (175, 175, 3), np.uint8)
    with connect(served["grpc"], "small") as client:
        np.testing.assert_array_equal(client.restore(lr), upscale(generator, lr))


def test_metadata_by_the_official_stub(served):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "small"
    with grpc.insecure_channel(served["grpc"].removeprefix("grpc://")) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "encoded", "geometry"} <= signatures.signature_def.keys()


def test_many_clients_at_once_each_get_their_own_image(generator, served):
    images = [RNG.integers(0, 256, (24, 24, 3), np.uint8) for _ in range(12)]

    def restore(number):
        with connect(served[("grpc", "http")[number % 2]], "small") as client:
            return client.restore(images[number], tile=12)

    with ThreadPoolExecutor(6) as pool:
        for image, sr in zip(images, pool.map(restore, range(len(images))), strict=True):
            np.testing.assert_array_equal(sr, upscale(generator, image, tile=12))


def test_replicas_are_added_while_requests_wait(generator, exported):
    lr = RNG.integers(0, 256, (120, 120, 3), np.uint8)
    expected, before = upscale(generator, lr), _replicas()
    with _serving(exported, "--max-replicas", "2", "--threads", "1") as (_, addresses):
        assert _replicas() == before + 1
        end = time.monotonic() + 180

        def ask(_):
            with connect(addresses["grpc"], "small") as client:
                while _replicas() < before + 2 and time.monotonic() < end:
                    np.testing.assert_array_equal(client.restore(lr), expected)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(ask, range(6)))
        assert _replicas() == before + 2


def test_a_running_cluster_is_joined_and_left_running(generator, exported):
    ray = Path(sys.executable).with_name("ray")
    (port,) = _free_ports(1)
    head = ["--head", f"--port={port}", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    lr = RNG.integers(0, 256, (40, 30, 3), np.uint8)
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    cluster = subprocess.Popen(
        [ray, "start", *head, "--block"], env=os.environ | secret, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for_port(port)
        joining = {**secret, "RAY_ADDRESS": f"127.0.0.1:{port}"}
        with _serving(exported, "--threads", "1", environment=joining) as (process, addresses):
            assert not any("raylet" in _command(pid) for pid in _ray_processes(process.pid)), (
                "it started a cluster of its own"
            )
            with connect(addresses["grpc"], "small") as client:
                np.testing.assert_array_equal(client.restore(lr), upscale(generator, lr))
        assert cluster.poll() is None
    finally:
        cluster.send_signal(signal.SIGTERM)
        cluster.wait(timeout=60)


def _command(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def _wait_for_port(port):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.2)
    pytest.fail(f"nothing answers on port {port}")


def test_an_empty_folder_gives_one_line_and_code_2(tmp_path, capsys):
    assert main(["serve", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("sr-tf: error: ")
    assert "contains no version of a model" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("flag", ["--grpc-port", "--http-port"])
def test_a_port_in_use_gives_one_line_and_code_2(exported, capsys, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(exported), *_free_flags(), flag, str(port)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sr-tf: error: {flag} {port}: cannot be opened on ")
    assert error.count("\n") == 1
