"""Assets of a few bytes, an empty cache, and an HTTP server with or without support for ranges."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sr_tf.assets.registry import ASSETS, Asset


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache folder of the test, which does not exist yet."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SR_TF_CACHE", str(folder))
    return folder


@pytest.fixture
def publish(monkeypatch):
    """Adds an asset with the given bytes to the registry."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def enter(content, name="tiny", source="http://127.0.0.1:9/tiny.pth", file_name="tiny.pth", algorithm="sha256"):
        digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        asset = Asset(name, "tests", source, "1.0", file_name, len(content), digest, "MIT")
        monkeypatch.setitem(ASSETS, name, asset)
        return asset

    return enter


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, content = self.server, self.server.content
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        if content is None:
            return self.send_error(404)
        start = 0
        if server.knows_ranges and asked:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : server.breaks_at])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """Serves `content` at `url` up to byte `breaks_at`, and records the requested ranges."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.content, http.knows_ranges, http.breaks_at, http.ranges = b"", True, None, []
    http.url = f"http://127.0.0.1:{http.server_port}/tiny.pth"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http
    http.shutdown()
    thread.join()
    http.server_close()
