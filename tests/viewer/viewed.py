"""A running viewer, and a client that sends any request."""

import http.client
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np

from sr_tf.viewer.app import make_app
from sr_tf.viewer.guard import Guard
from sr_tf.viewer.levels import TILE, Levels
from sr_tf.viewer.server import listening, make_server


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def pixels(self) -> np.ndarray:
        """uint8 [h, w, 3] RGB of a PNG file."""
        return cv2.imdecode(np.frombuffer(self.body, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@dataclass
class Running:
    port: int
    cookie: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**self.cookie, **named})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


def whole_level(server: Running, layer: str, levels: Levels, level: int) -> np.ndarray:
    """A level of a layer, put together from its tiles, uint8 [h, w, 3]."""
    width, height = levels.size(level)
    whole = np.zeros((height, width, 3), np.uint8)
    columns, rows = levels.tiles(level)
    for row in range(rows):
        for column in range(columns):
            pixels = server.ask(f"/tiles/{layer}/{level}/{column}/{row}.png").pixels
            y, x = row * TILE, column * TILE
            whole[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    return whole


@contextmanager
def running(source, token: str | None = None, workers: int = 2, site: str | None = None):
    """Runs the viewer's server for a source in a thread of this process."""
    with running_app(make_app(source, workers, open_to_sites=site is not None), token, site) as server:
        yield server


@contextmanager
def running_app(app, token: str | None = None, site: str | None = None):
    """Runs the viewer's server for an application in a thread of this process."""
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        server = make_server(Guard(app, port, token, site))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Running(port)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
