"""Cases about servers and their clients."""

import http.server
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request

from reported.case import Case, check, expect


@check("savedmodel-rank3-abort")
def _(case: Case) -> str:
    case.done("export", "served", "--model", "small", seconds=200)
    program = (
        "import sys, tensorflow as tf\n"
        "f = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "try: f(images=tf.zeros((8, 8, 3)))\n"
        "except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error: print(type(error).__name__)"
    )
    result = case.python(program, case.work / "served" / "1", seconds=200)
    expect(result.code == 0 and result.out.strip(), f"exit {result.code}: {result.out}")
    return result.out.strip()


@check("serving-down-300s")
def _(case: Case) -> str:
    took = []
    for protocol in ("http", "grpc"):
        start = time.monotonic()
        case.refused("upscale", case.picture(), "s.png", "--serving", f"{protocol}://127.0.0.1:1", seconds=60)
        took.append(f"{protocol} after {time.monotonic() - start:.0f} s")
    return "told: " + ", ".join(took)


_BOMB = """
import sys, zlib, struct, os
import numpy as np
from pathlib import Path
from sr_tf.messages import load_tensorflow
load_tensorflow()
from sr_tf.serving.servable import RefusalError, Servable
from sr_tf.serving.rest import answer
from tensorflow_serving.apis import model_pb2
servable = Servable(Path(sys.argv[1]))
def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
for width, height, rows in ((2**31 - 1, 1, 0), (3000, 3000, 3000)):
    coder = zlib.compressobj(9)
    data = b"".join(coder.compress(bytes(1 + 3 * width)) for _ in range(rows)) + coder.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    png = b"\\x89PNG\\r\\n\\x1a\\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    try:
        servable.call(model_pb2.ModelSpec(name="small"), "encoded", {"image_bytes": np.array([png], object)})
        print("answered")
    except RefusalError as error:
        print("refused")
for body in (b'{"instances":' + b"[" * 100000 + b"]" * 100000 + b"}", b'{"signature_name":[1],"instances":[1]}',
             b'{"instances":[[[[NaN,1,1]]]]}'):
    print(answer(servable, "POST", "/v1/models/small:predict", body)[0])
"""


@check("serving-image-bomb")
def _(case: Case) -> str:
    case.done("export", case.work / "e" / "small", "--model", "small", seconds=200)
    result = case.python(_BOMB, case.work / "e" / "small", seconds=200)
    lines = result.out.split()
    expect(result.code == 0 and lines[:2] == ["refused"] * 2, f"exit {result.code}: {lines} {result.message[:100]}")
    expect(all(line.startswith("4") for line in lines[2:]), f"answers {lines[2:]}, expected 4xx")
    expect(result.megabytes < 2000, f"{result.megabytes:.0f} MB")
    return f"both images refused, {', '.join(lines[2:])} for malformed requests, {result.megabytes:.0f} MB"


def _answer(port: int, extra: bytes = b"", path: str = "/", timeout: float = 10) -> str:
    """The first line and the headers that a server answers, or the name of the error."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() + extra + b"\r\n")
            received = b""
            while part := one.recv(9999):
                received += part
            return received.decode("latin-1")
    except OSError as error:
        return type(error).__name__


@check("viewer-connections")
def _(case: Case) -> str:
    archive = case.archived()
    with case.viewer(archive, "--host", "127.0.0.1", "--port", "0") as (process, address):
        port = int(re.search(r":(\d+)/", address)[1])
        held = []
        for _ in range(1300):
            try:
                one = socket.create_connection(("127.0.0.1", port), timeout=3)
                one.sendall(b"GET / HTTP/1.1\r\nX: ")
                held.append(one)
            except OSError:
                break
        during = _answer(port)[:12]
        time.sleep(15)
        after = _answer(port)[:12]
        files = len(os.listdir(f"/proc/{process.pid}/fd"))
        for one in held:
            one.close()
        large = _answer(port, b"A: " + b"a" * 20_000 + b"\r\n")[:12]
    expect(after.startswith("HTTP/1.1 "), f"after 15 s others get {after!r}")
    expect(not after.startswith("HTTP/1.1 503"), "after 15 s others still get 503")
    expect(files < 300, f"{files} files open after 15 s")
    expect(not large.startswith("HTTP/1.1 2"), "a header of 20 kB was accepted")
    return f"1,300 slow heads: others get {during[9:] or during} at once, {after[9:]} after 15 s, {files} files open"


@check("viewer-cookies-and-redirect")
def _(case: Case) -> str:
    archive = case.archived()
    with case.viewer(archive, "--host", "127.0.0.1", "--port", "0") as (_, address):
        port, token = re.search(r":(\d+)/\?token=(\S+)", address).groups()
        mine = f"sr_tf_view_{port}={token}"
        for cookies in (mine, 'prefs={"a":[1]}; ' + mine, "a/b=1; " + mine, mine + '; prefs={"a":[1]}'):
            found = _answer(int(port), f"Cookie: {cookies}\r\n".encode(), "/slide.json")
            expect(found.startswith("HTTP/1.1 200"), f"{cookies.replace(token, 'TOKEN')}: {found[:12]}")
        found = _answer(int(port), f"Cookie: {mine}\r\n".encode(), "/tiles/restored/0/0/0.png/")
        expect("location:" not in found.lower(), "redirected by the Host header")
    return f"other programs' cookies do not matter; a path with a slash too many: {found[9:12]}"


@check("viewer-prefix")
def _(case: Case) -> str:
    archive = case.archived()
    with case.viewer(archive, "--port", "0") as (_, address):
        port = int(re.search(r":(\d+)/", address)[1])

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if not self.path.startswith("/slides/"):
                    self.send_error(404)
                    return
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}{self.path[7:]}") as answer:
                        body = answer.read()
                        self.send_response(answer.status)
                        self.send_header("Content-Type", answer.headers["Content-Type"])
                        self.end_headers()
                        self.wfile.write(body)
                except urllib.error.HTTPError as error:
                    self.send_error(error.code)

            def log_message(self, *_):
                pass

        proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{proxy.server_port}/slides/"
        page = urllib.request.urlopen(base).read().decode()
        references = set(re.findall(r'(?:src|href)="([^"#]+)"', page)) | {"slide.json"}
        for reference in references:
            expect(not reference.startswith("/"), f"{reference}: an absolute address")
            urllib.request.urlopen(base + reference).read()
        proxy.shutdown()
    return f"{len(references)} addresses work behind a proxy's path"
