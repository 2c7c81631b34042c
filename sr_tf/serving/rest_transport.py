"""TF Serving's REST protocol: JSON in column format over pooled connections, without TensorFlow."""

import base64
import json
from urllib.parse import quote

import numpy as np
import urllib3

from sr_tf.errors import UserError
from sr_tf.serving.contract import OUTPUTS
from sr_tf.serving.retry import NotFoundError, UnavailableError

_LATER = (429, 503)


class RestTransport:
    """Connections to one model of one server; threads may share it.

    Args:
        address: host:port.
        model: the name under which it is served.
        connections: kept open at most, one for each thread that calls.
    """

    def __init__(self, address: str, model: str, connections: int):
        self.target = f"http://{address}"
        self._url = f"{self.target}/v1/models/{quote(model, safe='')}"
        self._pool = urllib3.PoolManager(maxsize=connections, block=True, retries=False)

    def predict(self, signature: str, inputs: dict[str, np.ndarray], timeout: float) -> dict[str, np.ndarray]:
        """Calls a signature; arguments, answer and errors are those of `GrpcTransport.predict`."""
        columns = {name: _to_json(value.tolist()) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        answer = self._call("POST", ":predict", timeout, body)
        try:
            # A signature with one output is answered without the output's name.
            names = OUTPUTS[signature]
            outputs = {names[0]: answer["outputs"]} if len(names) == 1 else answer["outputs"]
            return {name: _from_json(outputs[name]) for name in names}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.target}: the answer is not of TF Serving's form ({error!r})") from error

    def status(self, timeout: float) -> dict[int, str]:
        """The state of each version of the model."""
        answer = self._call("GET", "", timeout)
        try:
            return {int(version["version"]): version["state"] for version in answer["model_version_status"]}
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{self.target}: the answer is not of TF Serving's form ({error!r})") from error

    def close(self) -> None:
        """Ends the connections."""
        self._pool.clear()

    def _call(self, method: str, action: str, timeout: float, body: bytes | None = None) -> dict:
        try:
            answer = self._pool.request(
                method, self._url + action, body=body, timeout=urllib3.Timeout(total=timeout), redirect=False,
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
        except (urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ConnectTimeoutError) as error:
            # urllib3 counts refused connections among those that took too long.
            if isinstance(error, urllib3.exceptions.NewConnectionError):
                raise UnavailableError(f"{self.target}: cannot be reached ({error})") from error
            raise UserError(f"{self.target}: no answer within {timeout:.3g} s") from error
        except urllib3.exceptions.HTTPError as error:
            raise UnavailableError(f"{self.target}: cannot be reached ({error})") from error
        try:
            content = json.loads(answer.data)
        except ValueError:
            content = {"error": f"answered {answer.data[:80]!r}, expected JSON"}
        if answer.status == 200 and isinstance(content, dict) and "error" not in content:
            return content
        reason = content.get("error", content) if isinstance(content, dict) else content
        if answer.status in _LATER:
            raise UnavailableError(f"{self.target}: HTTP {answer.status}: {reason}")
        if answer.status == 404:
            raise NotFoundError(reason)
        raise UserError(f"{self.target}: HTTP {answer.status}: {reason}")


def _to_json(value):
    """Nested lists with bytes → the same with TF Serving's `{"b64": …}`."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode("ascii")}
    # Lists of numbers may be long and are JSON already.
    if isinstance(value, list) and value and isinstance(value[0], list | bytes):
        return [_to_json(element) for element in value]
    return value


def _from_json(value) -> np.ndarray:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([base64.b64decode(element["b64"], validate=True) for element in value], object)
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array
