"""Times `sr-tf view`'s tiles over HTTP, cold and warm, and lets several people look at the same time.

    python benchmarks/viewer.py --archive=slide.sr.zip --seconds=60

Starts the server as a user would. Cold: one tile each of blocks that lie apart, so that no guess has made them before,
with pauses in which the server's guesses end. Warm: tiles that were asked for before, by one client, one after another.
Then clients that pan: screens of 5×4 tiles at the three finest levels, as fast as they come, a quarter of a second's
look at each. Exit code 1 where one of their requests failed.
"""

import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
from absl import app, flags

flags.DEFINE_string("archive", None, "To look at.", required=True)
flags.DEFINE_integer("cold", 8, "Blocks of each representation that are timed.")
flags.DEFINE_integer("warm", 2000, "Requests for warm tiles.")
flags.DEFINE_integer("clients", 4, "That pan at the same time.")
flags.DEFINE_float("seconds", 60, "That they pan for.")
flags.DEFINE_integer("seed", 0, "Of blocks and of ways to pan.")

SR_TF = Path(sys.executable).with_name("sr-tf")
_ACROSS, _DOWN = 5, 4
_LOOK, _PAUSE, _BREATH = 0.25, 4.0, 0.003
"""Seconds: at a screen; between cold tiles; between warm ones, to stay below the server's limit for one address."""


class Client:
    """A connection that is kept open, as a browser keeps it.

    Args:
        port: of the server on this machine.
    """

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def get(self, path: str) -> tuple[int, bytes, float]:
        """(status, body, milliseconds)."""
        start = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, body, 1000 * (time.perf_counter() - start)


def main(_) -> None:
    """Runs all three."""
    command = [SR_TF, "view", flags.FLAGS.archive, "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        told = re.search(r":(\d+)/", process.stdout.readline())
        if not told:
            sys.exit(1)
        port = int(told.group(1))
        client, draw = Client(port), random.Random(flags.FLAGS.seed)
        slide = json.loads(client.get("/slide.json")[1])
        places = _cold(client, draw, slide, json.loads(client.get("/map.json")[1])["kinds"])
        _warm(client, draw, places)
        failed = _crowd(port, slide, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)
    sys.exit(bool(failed))


def _cold(client: Client, draw: random.Random, slide: dict, kinds: list[list[int]]) -> list[tuple[int, int]]:
    """Times tiles that nobody asked for; returns their blocks."""
    taken: list[tuple[int, int]] = []
    for kind in slide["archive"]["kinds"]:
        alike = [(r, c) for r, line in enumerate(kinds) for c, code in enumerate(line) if code == kind["code"]]
        draw.shuffle(alike)
        times = []
        for row, column in alike:
            if len(times) == flags.FLAGS.cold or any(abs(row - r) < 2 and abs(column - c) < 2 for r, c in taken):
                continue
            taken.append((row, column))
            times.append(client.get(_tile(0, 2 * column, 2 * row))[2])
            time.sleep(_PAUSE)
        if times:
            print(f"cold, {kind['name']}: {_spread(times)}", flush=True)
    return taken


def _warm(client: Client, draw: random.Random, places: list[tuple[int, int]]) -> None:
    tiles = [_tile(0, 2 * column, 2 * row) for row, column in places]
    times = []
    for _ in range(flags.FLAGS.warm):
        status, _, milliseconds = client.get(draw.choice(tiles))
        if status != 200:
            sys.exit(f"a warm tile was answered by {status}")
        times.append(milliseconds)
        time.sleep(_BREATH)
    print(f"warm, full size: {_spread(times)}", flush=True)


def _crowd(port: int, slide: dict, process: psutil.Process) -> int:
    """Lets clients pan, prints what they saw; returns how many requests failed."""
    times, failed, memory = [], [], []
    end = time.monotonic() + flags.FLAGS.seconds

    def pan(seed: int) -> None:
        client, draw = Client(port), random.Random(seed)
        column, row, level = 0, 0, 0
        while time.monotonic() < end:
            if draw.random() < 0.15:  # look elsewhere, at another magnification
                column, row, level = draw.randrange(10**6), draw.randrange(10**6), draw.randrange(3)
            columns, rows = (-(-slide[side] // 2**level // slide["tile"]) for side in ("width", "height"))
            column = (column + draw.choice((-_ACROSS, 0, _ACROSS))) % columns
            row = (row + draw.choice((-_DOWN, 0, _DOWN))) % rows
            for y in range(row, min(rows, row + _DOWN)):
                for x in range(column, min(columns, column + _ACROSS)):
                    path = _tile(level, x, y)
                    status, _, milliseconds = client.get(path)
                    times.append(milliseconds)
                    if status != 200:
                        failed.append(f"{path}: {status}")
            time.sleep(_LOOK)

    threads = [threading.Thread(target=pan, args=(flags.FLAGS.seed + n,)) for n in range(flags.FLAGS.clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append(process.memory_info().rss / 1e6)
        time.sleep(1)
    for thread in threads:
        thread.join()
    print(f"{flags.FLAGS.clients} clients, {flags.FLAGS.seconds:g} s: {_spread(times)}, {len(failed)} errors")
    print(*failed[:10], sep="\n", end="\n" * bool(failed))
    quarters = [memory[round(share * (len(memory) - 1))] for share in (0, 0.25, 0.5, 0.75, 1)]
    print("the server's memory, MB, in quarters of that time: " + ", ".join(f"{value:.0f}" for value in quarters))
    return len(failed)


def _tile(level: int, column: int, row: int) -> str:
    return f"/tiles/restored/{level}/{column}/{row}.png"


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"{len(times)} tiles, median {statistics.median(times):.1f} ms, p95 {late:.1f} ms, longest {ordered[-1]:.1f} ms"
    )


if __name__ == "__main__":
    app.run(main)
