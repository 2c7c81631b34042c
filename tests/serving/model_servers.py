"""Servers for the client's tests: one that conforms to TF Serving's protocol, and ones with a behaviour that tests set.

The gRPC services are the official ones, without TensorFlow's own server around them.
"""

import contextlib
import json
from concurrent import futures
from http.server import BaseHTTPRequestHandler

import grpc
import numpy as np
import tensorflow as tf
from http_served import http_served
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from sr_tf.serving import rest
from sr_tf.serving.servable import RefusalError


class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    """A servable whose answers list their numbers one by one, which is the default of TensorFlow's server."""

    def __init__(self, servable):
        self._servable = servable

    def Predict(self, request, context):  # noqa: N802
        response = _answer(self._servable.predict, request, context)
        for tensor in response.outputs.values():
            if tensor.dtype == tf.float32.as_datatype_enum:
                tensor.float_val.extend(np.frombuffer(tensor.tensor_content, np.float32))
                tensor.tensor_content = b""
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        return _answer(self._servable.metadata, request, context)


class Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, servable):
        self._servable = servable

    def GetModelStatus(self, request, context):  # noqa: N802
        return _answer(self._servable.status, request, context)


def _answer(method, request, context):
    try:
        return method(request)
    except RefusalError as error:
        context.abort(grpc.StatusCode[error.code], error.message)


class Enlarging(prediction_service_pb2_grpc.PredictionServiceServicer):
    """A generator without weights: repeats each pixel 4 × 4 times, radius 3. `before` may replace the answer."""

    def __init__(self, before=lambda signature, context: None):
        self.before = before
        self.calls = []

    def Predict(self, request, context):  # noqa: N802
        signature = request.model_spec.signature_name
        self.calls.append(signature)
        changed = self.before(signature, context)
        if changed is not None:
            return changed
        if signature == "geometry":
            return response(scale=np.array([4], np.int32), receptive_radius=np.array([3], np.int32))
        return response(images=tf.make_ndarray(request.inputs["images"]).repeat(4, 1).repeat(4, 2))


def response(**outputs):
    return predict_pb2.PredictResponse(outputs={name: tf.make_tensor_proto(value) for name, value in outputs.items()})


@contextlib.contextmanager
def grpc_server(prediction, models=None, threads=8, port=0):
    """Yields grpc://host:port."""
    limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(futures.ThreadPoolExecutor(threads), options=limits)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
    if models:
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def http_server(answer):
    """Yields http://host:port; `answer` maps (method, path, body) to (status, JSON or bytes)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answer(self.command, self.path, body)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with http_served(Handler) as address:
        yield address


@contextlib.contextmanager
def rest_server(servable):
    with http_server(lambda *request: rest.answer(servable, *request)) as target:
        yield target
