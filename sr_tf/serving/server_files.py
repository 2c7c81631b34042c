"""The files of TF Serving's own server beside the versions: its configuration and a Compose file."""

import json
from pathlib import Path

from sr_tf.disk.files import write_atomically
from sr_tf.serving.versions import model_name

# A server of the version of TensorFlow that wrote the SavedModel can read it.
IMAGE_TAG = "2.21.0"
METRICS = "/monitoring/prometheus/metrics"

_MODELS = """\
# --model_config_file: the server serves the newest version and looks for newer ones by itself.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
}}
"""

_BATCHING = """\
# --enable_batching --batching_parameters_file: used for the bounded queue, not for batches. Images of different sizes
# cannot share a batch (the server answers both with FAILED_PRECONDITION, and padding would change pixels), and one tile
# keeps all cores busy. Therefore a batch has one image, and a full queue answers UNAVAILABLE.
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
# docker compose up: gRPC on port 8500, REST on port 8501, from this machine only. The server has no authentication: put
# a proxy with authentication in front of it before you open the ports to other machines.
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
      # The image has no curl, but bash can open sockets.
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
    """A bash command that succeeds if a version of the model is ready on the server at this port."""
    ask = rf"printf 'GET /v1/models/{name} HTTP/1.0\r\n\r\n' >&3"
    return f"exec 3<>/dev/tcp/127.0.0.1/{port} && {ask} && grep -q AVAILABLE <&3"


def write_server_files(folder: Path) -> None:
    """Writes `models.config`, `batching.config`, `monitoring.config` and `compose.yaml`. Existing files are kept.

    Args:
        folder: the servable's folder.

    Raises:
        UserError: a file cannot be written.
    """
    name = model_name(folder)
    # A JSON string is a valid YAML string.
    compose = _COMPOSE.format(tag=IMAGE_TAG, name=name, health=json.dumps(health_command(name)))
    files = {
        "models.config": _MODELS.format(name=name),
        "batching.config": _BATCHING,
        "monitoring.config": _MONITORING,
        "compose.yaml": compose,
    }
    for file, content in files.items():
        # An export of the next version must not undo an operator's changes.
        if not (folder / file).exists():
            write_atomically(folder / file, content)
