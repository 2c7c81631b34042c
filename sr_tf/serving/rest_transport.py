"""TF Serving's REST protocol: JSON in column format over pooled connections. It does not import TensorFlow."""

import json
from urllib.parse import quote

import numpy as np
import urllib3

from sr_tf.errors import UserError
from sr_tf.serving.contract import OUTPUTS, bytes_from_json, bytes_to_json
from sr_tf.serving.retry import CONNECTING, NotFoundError, UnavailableError, UnreachableError

_REPEATABLE = (429, 503)


class RestTransport:
    """Connections to one model of one server. It is thread-safe.

    Args:
        address: host:port.
        model: the name under which the model is served.
        connections: the largest number of connections; one for each thread that calls.
    """

    def __init__(self, address: str, model: str, connections: int):
        self.target = f"http://{address}"
        self._url = f"{self.target}/v1/models/{quote(model, safe='')}"
        self._pool = urllib3.PoolManager(maxsize=connections, block=True, retries=False)

    def predict(self, signature: str, inputs: dict[str, np.ndarray], timeout: float) -> dict[str, np.ndarray]:
        """Calls a signature, with the arguments, result and errors of `GrpcTransport.predict`."""
        columns = {name: _to_json(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns}).encode()
        answer = self._call("POST", ":predict", timeout, body)
        try:
            # The answer of a signature with one output does not name the output.
            names = OUTPUTS[signature]
            outputs = {names[0]: answer["outputs"]} if len(names) == 1 else answer["outputs"]
            return {name: _from_json(outputs[name]) for name in names}
        except (KeyError, TypeError, ValueError) as error:
            raise self._malformed(error) from error

    def status(self, timeout: float) -> dict[int, str]:
        """The state of each version of the model. Raises the errors of `predict`."""
        answer = self._call("GET", "", timeout)
        try:
            return {int(version["version"]): version["state"] for version in answer["model_version_status"]}
        except (KeyError, TypeError, ValueError) as error:
            raise self._malformed(error) from error

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _malformed(self, error: Exception) -> UserError:
        return UserError(f"{self.target}: the answer does not have TF Serving's form ({error!r})")

    def _call(self, method: str, action: str, timeout: float, body: bytes | None = None) -> dict:
        limits = urllib3.Timeout(connect=min(timeout, CONNECTING), total=timeout)
        try:
            answer = self._pool.request(
                method, self._url + action, body=body, timeout=limits, redirect=False,
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
        except urllib3.exceptions.ConnectTimeoutError as error:
            # In urllib3 a refused connection is a kind of ConnectTimeoutError.
            raise UnreachableError(f"{self.target}: no server can be reached there ({error})") from error
        except urllib3.exceptions.ReadTimeoutError as error:
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
        if answer.status in _REPEATABLE:
            raise UnavailableError(f"{self.target}: HTTP {answer.status}: {reason}")
        if answer.status == 404:
            raise NotFoundError(reason)
        raise UserError(f"{self.target}: HTTP {answer.status}: {reason}")


def _to_json(values: np.ndarray) -> list:
    return [bytes_to_json(value) for value in values] if values.dtype == object else values.tolist()


def _from_json(values) -> np.ndarray:
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return np.array([bytes_from_json(value) for value in values], object)
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype == np.float64 else array
