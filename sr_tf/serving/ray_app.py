"""TF Serving's protocol on Ray Serve: replicas, autoscaling, a cluster, for those who outgrow one machine.

The gRPC services are TensorFlow's own (`PredictionService`, `ModelService`), so any client of TF Serving can call. What
Ray adds is the machinery around: it starts replicas, restarts those that die, and turns requests away when too many
wait.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from sr_tf.errors import UserError, missing_extra
from sr_tf.messages import load_tensorflow, tell
from sr_tf.serving.server_files import model_name

# Requests that a replica takes on at a time: one computes while the next is read. More wait in a queue.
ONGOING = 2
QUEUED = 64

_SERVICERS = [
    "tensorflow_serving.apis.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server",
    "tensorflow_serving.apis.model_service_pb2_grpc.add_ModelServiceServicer_to_server",
]


@dataclass(frozen=True)
class ServeOptions:
    """How to serve.

    Attributes:
        folder: of the servable, written by `sr_tf.serving.export`; on a cluster, every machine must see it.
        grpc_port: Ray opens it on all interfaces and cannot be told otherwise.
        http_host: address of the REST port.
        http_port: of REST.
        replicas: processes that compute, at least.
        max_replicas: up to which Ray adds replicas while requests wait.
        threads: CPU cores of each replica.
    """

    folder: Path
    grpc_port: int
    http_host: str
    http_port: int
    replicas: int
    max_replicas: int
    threads: int


class Generator:
    """One replica; its methods have the names of the protocol's."""

    def __init__(self, folder: str, threads: int):
        load_tensorflow_with(threads)
        from sr_tf.serving.servable import Servable

        self._servable = Servable(Path(folder))

    async def Predict(self, request, grpc_context):  # noqa: N802
        """`PredictionService.Predict`."""
        return await self._answer(self._servable.predict, request, grpc_context)

    async def GetModelMetadata(self, request, grpc_context):  # noqa: N802
        """`PredictionService.GetModelMetadata`."""
        return await self._answer(self._servable.metadata, request, grpc_context)

    async def GetModelStatus(self, request, grpc_context):  # noqa: N802
        """`ModelService.GetModelStatus`."""
        return await self._answer(self._servable.status, request, grpc_context)

    async def __call__(self, request):
        """REST."""
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

        try:
            # In a thread, so that Ray's health checks are answered meanwhile.
            return await asyncio.to_thread(method, request)
        except RefusalError as error:
            # Raised, it would reach the caller as a traceback; with a status set, what is returned is not sent.
            grpc_context.set_code(grpc.StatusCode[error.code])
            grpc_context.set_details(error.message)
            return predict_pb2.PredictResponse()


def load_tensorflow_with(threads: int) -> None:
    """Imports TensorFlow for the use of so many cores; replicas on one machine would else compete for all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    load_tensorflow()


def serve_forever(options: ServeOptions) -> None:
    """Serves until SIGINT or SIGTERM, then ends every process that it started.

    Joins the cluster that `RAY_ADDRESS` names, if it is set; starts Ray on this machine otherwise.

    Args:
        options: how.

    Raises:
        UserError: nothing to serve, a port is taken, Ray is not installed, or it cannot start.
    """
    name = model_name(options.folder)
    load_tensorflow()
    from sr_tf.serving.servable import newest_version

    version = newest_version(options.folder).name
    if "RAY_ADDRESS" not in os.environ:
        _check_free("--grpc-port", "", options.grpc_port)
        _check_free("--http-port", options.http_host, options.http_port)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's 5 s are too few where the cores are busy: it would end the ports' process before it is up.
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise missing_extra("ray", error) from error
    stop = threading.Event()
    try:
        _start_ray(ray, options)
        # After Ray's own, which would abort.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        _start_serving(serve, options)
        tell(
            f"serving {name}, version {version}: grpc://127.0.0.1:{options.grpc_port} (all interfaces), "
            f"http://{options.http_host}:{options.http_port}. Research use only."
        )
        stop.wait()
    except (ray.exceptions.RayError, RuntimeError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{options.folder}: cannot be served ({reason})") from error
    finally:
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()


def _check_free(flag: str, host: str, port: int) -> None:
    # Ray tries for a minute, and then does not say why.
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
    serve.run(deployment.bind(str(options.folder.resolve()), options.threads), name="sr-tf", route_prefix="/")
