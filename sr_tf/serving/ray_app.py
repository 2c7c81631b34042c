"""TF Serving's protocol on Ray Serve, with replicas, autoscaling and clusters.

The gRPC services are TensorFlow's own (`PredictionService`, `ModelService`), so that every client of TF Serving can
call them. Ray starts replicas, restarts replicas that die, and refuses requests when too many wait.
"""

import asyncio
import ipaddress
import json
import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from sr_tf.errors import UserError, missing_extra, reason
from sr_tf.messages import load_tensorflow, tell
from sr_tf.serving.versions import model_name, newest_version

ONGOING = 2
"""Requests that a replica accepts at a time: one is computed while the next one is read."""
QUEUED = 64
"""Requests that wait for a replica; further ones are refused."""

_SERVICERS = [
    "tensorflow_serving.apis.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server",
    "tensorflow_serving.apis.model_service_pb2_grpc.add_ModelServiceServicer_to_server",
]


@dataclass(frozen=True)
class ServeOptions:
    """The settings of a server.

    Attributes:
        folder: the servable's folder, written by `sr_tf.serving.export`. On a cluster, all machines must see it.
        grpc_port: the gRPC port. Ray opens it on all interfaces; this cannot be configured.
        http_host: the address on which the REST port is opened.
        http_port: the REST port.
        replicas: the smallest number of replicas, which are processes that compute.
        max_replicas: the largest number of replicas. Ray adds replicas while requests wait.
        threads: CPU cores of each replica.
        expose: whether gRPC clients on other machines are answered.
    """

    folder: Path
    grpc_port: int
    http_host: str
    http_port: int
    replicas: int
    max_replicas: int
    threads: int
    expose: bool = False


class Generator:
    """One replica. Its methods have the names of the protocol's methods."""

    def __init__(self, folder: str, threads: int, expose: bool):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from sr_tf.serving.servable import Servable, use_threads

        # Without a limit, each replica on a machine would use all of its cores.
        use_threads(threads)
        load_tensorflow()
        self._servable = Servable(Path(folder))
        self._expose = expose

    async def Predict(self, request, grpc_context):  # noqa: N802
        """Answers `PredictionService.Predict`."""
        return await self._answer(self._servable.predict, request, grpc_context)

    async def GetModelMetadata(self, request, grpc_context):  # noqa: N802
        """Answers `PredictionService.GetModelMetadata`."""
        return await self._answer(self._servable.metadata, request, grpc_context)

    async def GetModelStatus(self, request, grpc_context):  # noqa: N802
        """Answers `ModelService.GetModelStatus`."""
        return await self._answer(self._servable.status, request, grpc_context)

    async def __call__(self, request):
        """Answers a REST request."""
        from starlette.responses import Response

        from sr_tf.serving.rest import answer

        body = await request.body()

        def work() -> tuple[int, bytes]:
            status, content = answer(self._servable, request.method, request.url.path, body)
            return status, json.dumps(content).encode()

        status, content = await asyncio.to_thread(work)
        return Response(content, status, media_type="application/json")

    async def _answer(self, method, request, grpc_context):
        import grpc
        from tensorflow_serving.apis import predict_pb2

        from sr_tf.serving.servable import RefusalError

        if not self._expose and not is_loopback(grpc_context.peer()):
            grpc_context.set_code(grpc.StatusCode.PERMISSION_DENIED)
            grpc_context.set_details("only this machine is served; see `sr-tf serve --expose`")
            return predict_pb2.PredictResponse()
        try:
            # In a thread, so that the replica keeps answering Ray's health checks.
            return await asyncio.to_thread(method, request)
        except RefusalError as error:
            # An exception would reach the caller as a traceback. The message returned here is not sent.
            grpc_context.set_code(grpc.StatusCode[error.code])
            grpc_context.set_details(error.message)
            return predict_pb2.PredictResponse()


def is_loopback(peer: str) -> bool:
    """Whether a client is on this machine, by gRPC's name for it, for instance ipv4:127.0.0.1:50123."""
    family, _, place = unquote(peer).partition(":")
    if family == "unix":
        return True
    try:
        address = ipaddress.ip_address(place.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def serve_forever(options: ServeOptions) -> None:
    """Serves until SIGINT or SIGTERM, then stops all processes that it started.

    If `RAY_ADDRESS` is set, it joins that cluster; otherwise it starts Ray on this machine.

    Args:
        options: the settings.

    Raises:
        UserError: the folder contains no version, a port is in use, Ray is not installed, or Ray cannot start.
    """
    name = model_name(options.folder)
    version = newest_version(options.folder).name
    if "RAY_ADDRESS" not in os.environ:
        _check_free("--grpc-port", "", options.grpc_port)
        _check_free("--http-port", options.http_host, options.http_port)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's default of 5 s is too short on a busy machine: Ray would stop the process of the ports before it is ready.
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise missing_extra("ray", error) from error
    stop = threading.Event()
    try:
        _start_ray(ray, options)
        # Set after Ray has set its own handlers, which would abort.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        _start_serving(serve, options)
        tell(
            f"serving {name}, version {version}: grpc://127.0.0.1:{options.grpc_port} "
            f"({'all interfaces' if options.expose else 'this machine only'}), "
            f"http://{options.http_host}:{options.http_port}. Research use only."
        )
        stop.wait()
    except (ray.exceptions.RayError, RuntimeError, OSError) as error:
        raise UserError(f"{options.folder}: cannot be served ({reason(error)})") from error
    finally:
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()


def _check_free(flag: str, host: str, port: int) -> None:
    # Checked here, because Ray tries for a minute and then does not give the reason.
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"{flag} {port}: cannot be opened on {host or 'all interfaces'} ({error})") from error


def _start_ray(ray, options: ServeOptions) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if "RAY_ADDRESS" in os.environ:
        ray.init(**quiet)
    else:
        ray.init("local", num_cpus=options.threads * options.max_replicas, include_dashboard=False, **quiet)


def _start_serving(serve, options: ServeOptions) -> None:
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(
        http_options=serve.config.HTTPOptions(host=options.http_host, port=options.http_port),
        grpc_options=serve.config.gRPCOptions(port=options.grpc_port, grpc_servicer_functions=_SERVICERS),
    )
    scaling: dict = {"num_replicas": options.replicas}
    if options.max_replicas > options.replicas:
        limits = {"min_replicas": options.replicas, "max_replicas": options.max_replicas}
        scaling = {"autoscaling_config": {**limits, "target_ongoing_requests": 1}}
    deployment = serve.deployment(
        Generator,
        max_ongoing_requests=ONGOING,
        max_queued_requests=QUEUED,
        ray_actor_options={"num_cpus": options.threads},
        **scaling,
    )
    serve.run(
        deployment.bind(str(options.folder.resolve()), options.threads, options.expose), name="sr-tf", route_prefix="/"
    )
