"""TF Serving's gRPC protocol with its official messages, which import TensorFlow."""

import os
import socket

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from sr_tf.errors import UserError, reason
from sr_tf.serving.retry import CONNECTING, NotFoundError, UnavailableError, UnreachableError

_OPTIONS = (
    # The largest message of protobuf. gRPC's default is 4 MiB, but the float32 answer for one tile exceeds 10 MB.
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.max_receive_message_length", 2**31 - 1),
    # Only `ask_until` repeats requests. The short backoff finds a restarted server soon.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also the time that gRPC waits for a connection to be opened.
    ("grpc.min_reconnect_backoff_ms", int(CONNECTING * 1000)),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
_NO_CONNECTION = ("failed to connect to all addresses", "DNS resolution failed")
"""gRPC's words where no connection could be opened. Its status is the same as that of a server that refuses."""
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""With one of these in the environment, the proxy looks the host's name up."""
_REPEATABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class GrpcTransport:
    """A channel to one model of one server. It is thread-safe.

    Args:
        address: host:port.
        model: the name under which the model is served.
    """

    def __init__(self, address: str, model: str):
        self.target = f"grpc://{address}"
        self._address, self._known = address, False
        self._model = model
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, signature: str, inputs: dict[str, np.ndarray], timeout: float) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
            signature: the signature's name.
            inputs: the inputs by name: arrays of numbers, or of bytes with dtype object.
            timeout: seconds that the call may take.

        Returns:
            The outputs by name, in the same form.

        Raises:
            UnavailableError: the request can be repeated later.
            NotFoundError: the model is not ready on the server.
            UserError: any other failure.
        """
        request = predict_pb2.PredictRequest(
            inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()}
        )
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        answer = self._call(self._prediction.Predict, request, timeout)
        try:
            return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.target}: the answer is not a tensor ({error})") from error

    def status(self, timeout: float) -> dict[int, str]:
        """The state of each version of the model. Raises the errors of `predict`."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        versions = self._call(self._models.GetModelStatus, request, timeout).model_version_status
        states = get_model_status_pb2.ModelVersionStatus.State
        return {version.version: states.Name(version.state) for version in versions}

    def close(self) -> None:
        """Closes the connection and cancels running calls."""
        self._channel.close()

    def _call(self, method, request, timeout: float):
        self._check_name()
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code is grpc.StatusCode.UNAVAILABLE and any(text in str(details) for text in _NO_CONNECTION):
                raise UnreachableError(f"{self.target}: no server can be reached there ({details})") from error
            if code in _REPEATABLE:
                raise UnavailableError(f"{self.target}: {code.name}: {details}") from error
            if code is grpc.StatusCode.NOT_FOUND:
                raise NotFoundError(details) from error
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UserError(f"{self.target}: no answer within {timeout:.3g} s") from error
            raise UserError(f"{self.target}: {code.name}: {details}") from error

    def _check_name(self) -> None:
        """Raises an `UnreachableError` if the host is not known; gRPC itself would look for it until the timeout."""
        if self._known or any(os.environ.get(name) for name in _PROXIES):
            return
        host, _, port = self._address.rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise UnreachableError(f"{self.target}: no server can be reached there ({reason(error)})") from error
        self._known = True
