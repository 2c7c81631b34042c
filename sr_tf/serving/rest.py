"""Answers TF Serving's REST requests from a `Servable`: predict in row and column format, status, metadata."""

import json
import re

import numpy as np
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from sr_tf.serving.contract import FLOAT, LARGEST_BODY, bytes_from_json, bytes_to_json
from sr_tf.serving.servable import RefusalError, Servable

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<action>:predict|/metadata)?"
)
_HTTP = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 503}


def answer(servable: Servable, method: str, path: str, body: bytes) -> tuple[int, dict]:
    """Answers one request.

    Args:
        servable: the exported generator that is served.
        method: the HTTP method, for instance "POST".
        path: the path of the URL, decoded.
        body: the request's body.

    Returns:
        The HTTP status and the JSON object of the answer.
    """
    try:
        match = _PATH.fullmatch(path)
        if not match or method != ("POST" if match["action"] == ":predict" else "GET"):
            raise RefusalError("INVALID_ARGUMENT", f"Malformed request: {method} {path}")
        spec = model_pb2.ModelSpec(name=match["name"], version_label=match["label"] or "")
        if match["version"]:
            spec.version.value = int(match["version"])
        if match["action"] == ":predict":
            return 200, _predict(servable, spec, body)
        if match["action"] == "/metadata":
            request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
            return 200, _metadata(_as_json(servable.metadata(request)))
        return 200, _as_json(servable.status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec)))
    except RefusalError as error:
        return _HTTP.get(error.code, 500), {"error": error.message}


def _predict(servable: Servable, spec: model_pb2.ModelSpec, body: bytes) -> dict:
    if len(body) > LARGEST_BODY:
        raise RefusalError("INVALID_ARGUMENT", f"found {len(body)} bytes, expected at most {LARGEST_BODY}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError("INVALID_ARGUMENT", f"JSON Parse error: {error}") from error
    formats = {"instances", "inputs"} & set(content) if isinstance(content, dict) else set()
    if len(formats) != 1:
        raise RefusalError("INVALID_ARGUMENT", "expected an object with either 'instances' or 'inputs'")
    signature = content.get("signature_name", FLOAT)
    if not isinstance(signature, str):
        raise RefusalError("INVALID_ARGUMENT", f"'signature_name': found {signature!r:.80}, expected a name")
    types = servable.input_types(signature)
    by_row = formats == {"instances"}
    columns = _columns_of_rows(content["instances"], types) if by_row else _columns(content["inputs"], types)
    outputs = servable.call(spec, signature, {name: _array(name, value, types) for name, value in columns.items()})
    shown = {name: _listed(name, value) for name, value in outputs.items()}
    if len(shown) == 1:
        shown = next(iter(shown.values()))
    elif by_row:
        shown = [dict(zip(shown, row, strict=True)) for row in zip(*shown.values(), strict=True)]
    return {"predictions" if by_row else "outputs": shown}


def _columns(inputs, types: dict) -> dict:
    if isinstance(inputs, dict) and "b64" not in inputs:
        return inputs
    return {next(iter(types), "input"): inputs}


def _columns_of_rows(rows, types: dict) -> dict:
    if not isinstance(rows, list) or not rows:
        raise RefusalError("INVALID_ARGUMENT", "'instances': expected a non-empty list")
    if not isinstance(rows[0], dict) or "b64" in rows[0]:
        return {next(iter(types), "input"): rows}
    if any(not isinstance(row, dict) or row.keys() != rows[0].keys() for row in rows):
        raise RefusalError("INVALID_ARGUMENT", "'instances': expected the same inputs in each instance")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _array(name: str, value, types: dict) -> np.ndarray:
    kind = types.get(name, np.dtype(np.float32))
    try:
        return np.array(_decoded(value), kind) if kind.hasobject else np.asarray(value, kind)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RefusalError("INVALID_ARGUMENT", f"{name}: is not a tensor of {kind} ({error})") from error


def _decoded(value):
    """Nested lists of strings and `{"b64": …}` → nested lists of bytes."""
    if isinstance(value, list):
        return [_decoded(element) for element in value]
    if isinstance(value, dict) and value.keys() == {"b64"}:
        return bytes_from_json(value)
    if isinstance(value, str):
        return value.encode()
    raise TypeError('expected strings or {"b64": …}')


def _listed(name: str, value: np.ndarray):
    if value.dtype != object:
        return value.tolist()
    # TF Serving's rule: outputs whose names end in `_bytes` are binary data.
    return [bytes_to_json(v) if name.endswith("_bytes") else v.decode() for v in value.tolist()]


def _as_json(message) -> dict:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _metadata(content: dict) -> dict:
    # TF Serving's answer does not contain the message's type.
    content["metadata"]["signature_def"].pop("@type")
    return content
