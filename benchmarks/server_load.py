"""Attacks the server of `sr-tf view` on this machine and measures whether other users are still served.

    python benchmarks/server_load.py
    python benchmarks/server_load.py --archive=slide.sr.zip --clients=50 --seconds=30

Starts the server as a user does, for a drawn slide unless an archive is given. Three tests follow. Slow heads: many
connections that never finish the head of a request, first all from one address, then each from its own. Many addresses:
one request from each of many addresses of the loopback network, 127.0.0.0/8. Clients: many at the same time request
tiles as fast as they are answered. In the first two tests another user requests a tile every 20 ms; his longest wait is
printed. The exit code is 1 if one of his requests fails or takes longer than `--most_wait`, or if the server's memory
grows by more than `--most_growth` from the middle to the end of a test.
"""

import contextlib
import datetime
import http.client
import json
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
from absl import app, flags
from loaded_server import Memory, Server, User, get
from PIL import Image

from sr_tf.messages import markdown_table

flags.DEFINE_string("archive", None, "The archive to view; default: one of a drawn slide.")
flags.DEFINE_integer("connections", 1300, "Connections with slow heads.")
flags.DEFINE_integer("addresses", 10_000, "Addresses that send one request each.")
flags.DEFINE_integer("clients", 50, "Clients that request tiles at the same time.")
flags.DEFINE_float("seconds", 30, "Seconds for which they do.")
flags.DEFINE_float("hold", 15, "Seconds for which slow heads are kept open.")
flags.DEFINE_float("most_wait", 2, "The longest time in seconds in which another user is answered.")
flags.DEFINE_float("most_growth", 32, "The most memory in MB by which the server grows in the second half of a test.")
flags.DEFINE_integer("seed", 0, "Seed of the tiles.")

_UNFINISHED = b"GET /slide.json HTTP/1.1\r\nHost: localhost\r\nX: "
_HEIGHT, _WIDTH = 1200, 1600


def main(_) -> None:
    """Runs the tests and prints their table."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    options = flags.FLAGS
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(options.archive) if options.archive else _drawn(Path(folder))
        with Server(archive) as server:
            connection = server.connect()
            connection.request("GET", "/slide.json")
            slide = json.loads(connection.getresponse().read())
            connection.close()
            layer = "restored"
            first = f"/tiles/{layer}/0/0/0.png"
            rows, broken = [], []
            for name, test in (
                (f"{options.connections:,} slow heads, one address", lambda: _slow_heads(server, first, own=False)),
                (f"{options.connections:,} slow heads, own addresses", lambda: _slow_heads(server, first, own=True)),
                (f"{options.addresses:,} addresses", lambda: _addresses(server, first)),
                (f"{options.clients} clients, {options.seconds:g} s", lambda: _clients(server, slide, layer)),
            ):
                cells, memory, waits, failed = test()
                start, middle, end = memory.thirds()
                waits = sorted(waits)
                late = waits[min(len(waits) - 1, int(0.99 * len(waits)))]
                wait = [statistics.median(waits), late, waits[-1]]
                times = " / ".join(f"{1000 * value:.0f}" for value in wait)
                held = f"{start:.0f} / {middle:.0f} / {end:.0f}"
                rows.append([name, cells, f"{len(waits):,}", str(len(failed)), times, held])
                print("; ".join(rows[-1]), file=sys.stderr, flush=True)
                if failed:
                    broken.append(f"{name}: {dict(Counter(failed))}")
                if "clients" not in name and waits[-1] > options.most_wait:
                    broken.append(f"{name}: another user waited {waits[-1]:.1f} s")
                if end - middle > options.most_growth:
                    broken.append(f"{name}: memory grew by {end - middle:.0f} MB in its second half")
    heads = ["test", "result", "requests", "failed", "median / 99 % / longest, ms", "memory, MB: start / middle / end"]
    print(_protocol(), markdown_table([heads, *rows]), sep="\n\n")
    print("\n" + ("\n".join(broken) or "no rule broken"))
    sys.exit(bool(broken))


def _drawn(folder: Path) -> Path:
    """An archive of a drawn slide; interpolation only, so that no generator uses the processor."""
    from sr_tf.archive.gate import QUALITIES
    from sr_tf.archive.write import Options, write_archive
    from sr_tf.data.smear import render_smear

    slide, archive = folder / "slide.png", folder / "slide.sr.zip"
    Image.fromarray(render_smear(1, _HEIGHT, _WIDTH)).save(slide)
    write_archive(slide, archive, Options(QUALITIES["lossless"], ()))
    return archive


def _address(number: int) -> str:
    """One of the 16 million addresses of the loopback network."""
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def _slow_heads(server: Server, path: str, own: bool) -> tuple:
    """Opens connections that never finish a request's head, and keeps them while another user goes on."""
    waiting = []
    with Memory(server) as memory, User(server, path) as user:
        for number in range(flags.FLAGS.connections):
            source = (_address(number) if own else "127.0.0.1", 0)
            one = socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=source)
            waiting.append(one)
            with contextlib.suppress(ConnectionError):
                one.sendall(_UNFINISHED)
        end = time.monotonic() + flags.FLAGS.hold
        while time.monotonic() < end:
            for one in waiting:
                with contextlib.suppress(OSError):
                    one.sendall(b"a")  # the head goes on, but never ends
            time.sleep(0.5)
    for one in waiting:
        one.close()
    return f"at most {memory.most_connections} open", memory, user.waits, user.failed


def _addresses(server: Server, path: str) -> tuple:
    """Sends a request from each of many addresses, ten at a time, while another user goes on."""
    answers, lock = Counter(), threading.Lock()
    start = time.monotonic()

    def send(first: int) -> None:
        for number in range(first, flags.FLAGS.addresses, 10):
            try:
                answer = str(get(server.connect(_address(number)), "/slide.json"))
            except (OSError, http.client.HTTPException) as error:
                answer = type(error).__name__
            with lock:
                answers[answer] += 1

    with Memory(server) as memory, User(server, path) as user:
        threads = [threading.Thread(target=send, args=(first,)) for first in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rate = flags.FLAGS.addresses / (time.monotonic() - start)
    others = {status: count for status, count in answers.items() if status != "200"}
    failed = [*user.failed, *(f"an address got {status}" for status in Counter(others).elements())]
    return f"{answers['200']:,} answered, {rate:.0f} per s", memory, user.waits, failed


def _clients(server: Server, slide: dict, layer: str) -> tuple:
    """Lets many clients request tiles of all levels, each from its own address."""
    waits: list[float] = []
    failed: list[str] = []
    end = time.monotonic() + flags.FLAGS.seconds

    def look(number: int) -> None:
        draw, connection = random.Random(flags.FLAGS.seed + number), server.connect(_address(number))
        with contextlib.closing(connection):
            while time.monotonic() < end:
                level = draw.randrange(3)
                column, row = (
                    draw.randrange(max(1, -(-slide[side] // (slide["tile"] << level)))) for side in ("width", "height")
                )
                start = time.perf_counter()
                try:
                    connection.request("GET", f"/tiles/{layer}/{level}/{column}/{row}.png")
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status != 200:
                        failed.append(str(answer.status))
                except (OSError, http.client.HTTPException) as error:
                    failed.append(type(error).__name__)
                    connection.close()
                waits.append(time.perf_counter() - start)

    with Memory(server) as memory:
        threads = [threading.Thread(target=look, args=(number,)) for number in range(flags.FLAGS.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return f"{len(waits) / flags.FLAGS.seconds:.0f} tiles per s", memory, waits, failed


def _protocol() -> str:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    what = "the given archive" if flags.FLAGS.archive else f"a drawn slide of {_WIDTH}×{_HEIGHT} pixels"
    return (
        f"`python benchmarks/server_load.py`, {what}, {psutil.cpu_count()} CPU cores for server and clients together, "
        f"commit {commit or 'unknown'} ({datetime.date.today()}):"
    )


if __name__ == "__main__":
    app.run(main)
