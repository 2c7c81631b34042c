"""What TF Serving's own server needs beside the versions: its configuration, and how to start it."""

import json
import re
from pathlib import Path

from sr_tf.disk.files import write_atomically
from sr_tf.errors import UserError

# TensorFlow's version, whose SavedModels a server of the same version reads.
IMAGE_TAG = "2.21.0"
METRICS = "/monitoring/prometheus/metrics"

_MODELS = """\
# --model_config_file: the newest version is served; the server looks for newer ones by itself.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""

_BATCHING = """\
# --enable_batching --batching_parameters_file: here for the bounded queue, not for batches. Images of different sizes
# cannot share a batch (the server fails both with FAILED_PRECONDITION, and padding would change pixels), and a tile
# keeps all cores busy by itself. So: one image in a request; when the queue is full the answer is UNAVAILABLE.
max_batch_size { value: 1 }
batch_timeout_micros { value: 0 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 64 }
"""

_MONITORING = f"""\
# --monitoring_config_file: metrics for Prometheus on the REST port.
prometheus_config {{
  enable: true
  path: "{METRICS}"
}}
"""

_COMPOSE = """\
# docker compose up: gRPC on 8500, REST on 8501, this machine only. Nobody is asked for a password: before you open the
# ports to others, put something in front that does.
services:
  serving:
    image: tensorflow/serving:${{TF_SERVING_VERSION:-{tag}}}
    command:
      - --model_config_file=/models/{name}/models.config
      - --enable_batching=true
      - --batching_parameters_file=/models/{name}/batching.config
      - --monitoring_config_file=/models/{name}/monitoring.config
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - type: bind
        source: .
        target: /models/{name}
        read_only: true
    healthcheck:
      # The image has no curl; bash opens sockets itself.
      test:
        - CMD
        - bash
        - -c
        - {health}
      interval: 10s
      timeout: 5s
      start_period: 60s
    restart: unless-stopped
"""


def health_command(name: str, port: int = 8501) -> str:
    """A line for bash that succeeds when the server has a version of the model ready."""
    ask = rf"printf 'GET /v1/models/{name} HTTP/1.0\r\n\r\n' >&3"
    return f"exec 3<>/dev/tcp/127.0.0.1/{port} && {ask} && grep -q AVAILABLE <&3"


def model_name(folder: Path) -> str:
    """The name under which a servable is served: its folder's.

    Raises:
        UserError: that name cannot stand in a URL.
    """
    name = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UserError(f"{folder}: the folder's name is the model's; expected letters, digits, '_', '-' and '.' alone")
    return name


def write_server_files(folder: Path) -> None:
    """Writes `models.config`, `batching.config`, `monitoring.config` and `compose.yaml`; those that exist are kept.

    Args:
        folder: of the servable; its name is the model's.

    Raises:
        UserError: the folder cannot be written to.
    """
    name = model_name(folder)
    # Strings of JSON are strings of YAML.
    compose = _COMPOSE.format(tag=IMAGE_TAG, name=name, health=json.dumps(health_command(name)))
    files = {
        "models.config": _MODELS.format(name=name),
        "batching.config": _BATCHING,
        "monitoring.config": _MONITORING,
        "compose.yaml": compose,
    }
    for file, content in files.items():
        # The next version must not undo what an operator has changed.
        if not (folder / file).exists():
            write_atomically(folder / file, content)
