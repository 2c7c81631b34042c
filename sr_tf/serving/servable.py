"""One exported version behind the messages of TF Serving's protocol, whoever carries them."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from sr_tf.errors import UserError
from sr_tf.serving.server_files import model_name

_SAVED_MODEL = "saved_model.pb"
_DEFAULT_SIGNATURE = "serving_default"


class RefusalError(Exception):
    """A request that is not answered.

    Attributes:
        code: the name of a gRPC status code.
        message: for the caller.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


def newest_version(folder: Path) -> Path:
    """The version of a servable with the highest number.

    Raises:
        UserError: the folder holds none.
    """
    versions = [path for path in folder.glob("*") if path.name.isdecimal() and (path / _SAVED_MODEL).is_file()]
    if not versions:
        raise UserError(f"{folder}: holds no version of a model, expected a folder written by `sr-tf export`")
    return max(versions, key=lambda path: int(path.name))


class Servable:
    """The newest version of an exported generator; threads may share it.

    Args:
        folder: of the servable; its name is the model's.

    Raises:
        UserError: there is no version in it.
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
            RefusalError: no such model, version or signature, inputs that do not fit it, or its graph failed on them.
        """
        signature = request.model_spec.signature_name or _DEFAULT_SIGNATURE
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
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
        """Runs a signature; arrays by name in and out. See `predict` for what is raised."""
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
            raise RefusalError("INVALID_ARGUMENT", error.message.splitlines()[0]) from error
        except tf.errors.ResourceExhaustedError as error:
            raise RefusalError("RESOURCE_EXHAUSTED", error.message.splitlines()[0]) from error
        return {name: value.numpy() for name, value in outputs.items()}

    def input_types(self, signature: str) -> dict[str, np.dtype]:
        """The inputs of a signature and their NumPy types, empty where there is no such signature."""
        function = self._model.signatures.get(signature)
        specs = function.structured_input_signature[1] if function else {}
        return {name: np.dtype(spec.dtype.as_numpy_dtype) for name, spec in specs.items()}

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answers `PredictionService.GetModelMetadata`; raises a `RefusalError` for other fields than signature_def."""
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
        """Answers `ModelService.GetModelStatus`; raises a `RefusalError` for other models and versions."""
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

    model = saved_model_pb2.SavedModel.FromString((version / _SAVED_MODEL).read_bytes())
    graph = next(graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags)
    return get_model_metadata_pb2.SignatureDefMap(signature_def=graph.signature_def)
