"""Answers the messages of TF Serving's protocol from an exported version, independently of gRPC or REST."""

import math
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from sr_tf.serving.contract import FLOAT, LARGEST_PIXELS
from sr_tf.serving.versions import SAVED_MODEL, model_name, newest_version

_WHERE = ("Graph execution error", "Detected at node", "File ", "<stack traces")


class RefusalError(Exception):
    """The request is refused.

    Attributes:
        code: the name of a gRPC status code.
        message: the reason, sent to the caller.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def use_threads(threads: int) -> None:
    """Limits TensorFlow to a number of cores. It must be called before TensorFlow computes anything."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)


class Servable:
    """The newest version of an exported generator. It is thread-safe.

    Args:
        folder: the servable's folder; its name is the model's name.

    Raises:
        UserError: the folder contains no version.
    """

    def __init__(self, folder: Path):
        path = newest_version(folder)
        self.name = model_name(folder)
        self.version = int(path.name)
        self._model = tf.saved_model.load(str(path))
        self._definitions = _signature_definitions(path)

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Answers `PredictionService.Predict`.

        Raises:
            RefusalError: the model, version or signature does not exist, the inputs do not fit the signature, or its
                computation fails.
        """
        signature = request.model_spec.signature_name or FLOAT
        inputs = {name: _array(name, tensor) for name, tensor in request.inputs.items()}
        outputs = self.call(request.model_spec, signature, inputs)
        unknown = set(request.output_filter) - set(outputs)
        if unknown:
            raise RefusalError("INVALID_ARGUMENT", f"output tensor alias not found in signature: {', '.join(unknown)}")
        response = predict_pb2.PredictResponse()
        for name in request.output_filter or outputs:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        self._name(response.model_spec, signature)
        return response

    def call(self, spec, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs a signature with inputs and outputs by name. Raises the errors of `predict`."""
        self._check(spec)
        if signature not in self._model.signatures:
            raise RefusalError("INVALID_ARGUMENT", f"Serving signature name: {signature!r} not found in signature def")
        function = self._model.signatures[signature]
        expected = function.structured_input_signature[1]
        if set(inputs) != set(expected):
            raise RefusalError(
                "INVALID_ARGUMENT", f"found the inputs {sorted(inputs)}, the signature expects {sorted(expected)}"
            )
        for name, tensor in expected.items():
            value = inputs[name]
            if value.dtype != tensor.dtype.as_numpy_dtype or not tensor.shape.is_compatible_with(value.shape):
                found = f"{value.dtype} {list(value.shape)}"
                raise RefusalError(
                    "INVALID_ARGUMENT", f"{name}: found {found}, expected {tensor.dtype.name} {tensor.shape}"
                )
        try:
            outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
        except tf.errors.InvalidArgumentError as error:
            raise RefusalError("INVALID_ARGUMENT", _first_reason(error.message)) from error
        except tf.errors.ResourceExhaustedError as error:
            raise RefusalError("RESOURCE_EXHAUSTED", _first_reason(error.message)) from error
        return {name: value.numpy() for name, value in outputs.items()}

    def input_types(self, signature: str) -> dict[str, np.dtype]:
        """The NumPy types of a signature's inputs by name; empty if the signature does not exist."""
        function = self._model.signatures.get(signature)
        specs = function.structured_input_signature[1] if function else {}
        return {name: np.dtype(spec.dtype.as_numpy_dtype) for name, spec in specs.items()}

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answers `PredictionService.GetModelMetadata`. Fields other than signature_def raise a `RefusalError`."""
        self._check(request.model_spec)
        if list(request.metadata_field) != ["signature_def"]:
            raise RefusalError(
                "INVALID_ARGUMENT", f"metadata_field: found {list(request.metadata_field)}, expected ['signature_def']"
            )
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(self._definitions)
        self._name(response.model_spec)
        return response

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Answers `ModelService.GetModelStatus`. Other models and versions raise a `RefusalError`."""
        self._check(request.model_spec)
        response = get_model_status_pb2.GetModelStatusResponse()
        state = get_model_status_pb2.ModelVersionStatus.State.AVAILABLE
        response.model_version_status.add(version=self.version, state=state).status.error_code = 0
        return response

    def _check(self, spec) -> None:
        version = spec.version.value if spec.HasField("version") else None
        if spec.version_label:
            raise RefusalError("INVALID_ARGUMENT", f"Unrecognized servable version label: {spec.version_label}")
        if spec.name != self.name or version not in (None, self.version):
            wanted = f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
            raise RefusalError("NOT_FOUND", f"Servable not found for request: {wanted}")

    def _name(self, spec, signature: str = "") -> None:
        spec.name, spec.signature_name = self.name, signature
        spec.version.value = self.version


def _signature_definitions(version: Path) -> get_model_metadata_pb2.SignatureDefMap:
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((version / SAVED_MODEL).read_bytes())
    graph = next(graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags)
    return get_model_metadata_pb2.SignatureDefMap(signature_def=graph.signature_def)


def _array(name: str, tensor) -> np.ndarray:
    """The array of a tensor's message, whose few bytes can state any size: one value stands for any number of them."""
    shape = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(shape, default=0) < 0 or math.prod(shape) > 3 * LARGEST_PIXELS:
        raise RefusalError(
            "INVALID_ARGUMENT", f"{name}: found the shape {shape}, expected at most {3 * LARGEST_PIXELS} values"
        )
    try:
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError) as error:
        raise RefusalError("INVALID_ARGUMENT", f"{name}: is not a tensor ({error})") from error


def _first_reason(message: str) -> str:
    """What a failing graph says, without TensorFlow's list of where in the graph it was."""
    asserted = re.search(r"assertion failed: \[(.*?)\](?: \[\[|$)", message, re.MULTILINE)
    if asserted:
        return " ".join(asserted[1].replace("] [", " ").split())
    lines = [re.sub(r"\{\{.*?\}\}", "", line).strip() for line in message.splitlines()]
    reasons = [line for line in lines if line and not line.startswith(_WHERE)]
    return reasons[0] if reasons else "the computation failed"
