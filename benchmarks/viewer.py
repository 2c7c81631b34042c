"""Times the tiles of `sr-tf view` over HTTP, cold and warm, and with several clients at the same time.

    python benchmarks/viewer.py --archive=slide.sr.zip --seconds=60

Starts the server as a user does. First look: all tiles of the finest level that has at most 1024 pixels in a
direction, one after another. Cold: one tile of each of several blocks that are not neighbours, so that the server
has not prefetched them, with pauses in which prefetching ends. Warm: tiles that were requested before, by one client,
one after another. Then clients pan: they request screens of 5×4 tiles at the three finest levels as fast as the server
answers, and pause for a quarter of a second at each. The exit code is 1 if a request fails.
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

import psutil
from absl import app, flags
from commands import sr_tf

flags.DEFINE_string("archive", None, "The archive to view.", required=True)
flags.DEFINE_integer("cold", 8, "Timed blocks of each representation.")
flags.DEFINE_integer("warm", 2000, "Requests for warm tiles.")
flags.DEFINE_integer("clients", 4, "Clients that pan at the same time.")
flags.DEFINE_float("seconds", 60, "Seconds for which they pan.")
flags.DEFINE_integer("seed", 0, "Seed of the random blocks and movements.")

_ACROSS, _DOWN = 5, 4
_LOOK, _COLD_PAUSE, _WARM_PAUSE = 0.25, 4.0, 0.003
"""Seconds at a screen, between cold tiles, and between warm tiles (to stay below the server's limit per address)."""


class Client:
    """A connection that stays open, as in a browser.

    Args:
        port: the server's port on this machine.
    """

    def __init__(self, port: int):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def get(self, path: str) -> tuple[int, bytes, float]:
        """Requests a path; returns status, body and milliseconds."""
        start = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, body, 1000 * (time.perf_counter() - start)


def main(_) -> None:
    """Runs all four measurements."""
    command = sr_tf("view", flags.FLAGS.archive, "--no-browser")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r":(\d+)/", process.stdout.readline())
        if not address:
            sys.exit("the server did not start")
        port = int(address.group(1))
        client, draw = Client(port), random.Random(flags.FLAGS.seed)
        slide = json.loads(client.get("/slide.json")[1])
        _first_look(client, slide)
        blocks = _cold(client, draw, slide, json.loads(client.get("/map.json")[1])["kinds"])
        _warm(client, draw, blocks)
        failed = _crowd(port, slide, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)
    sys.exit(bool(failed))


def _first_look(client: Client, slide: dict) -> None:
    """Times the whole slide, as small as a browser first shows it."""
    level = max(0, (-(-max(slide["width"], slide["height"]) // 1024) - 1).bit_length())
    columns, rows = (-(-slide[side] // 2**level // slide["tile"]) for side in ("width", "height"))
    answers = [client.get(_tile(level, x, y)) for y in range(rows) for x in range(columns)]
    if bad := [status for status, *_ in answers if status != 200]:
        sys.exit(f"a tile of the first look was answered by {bad[0]}")
    times = [milliseconds for *_, milliseconds in answers]
    print(f"first look, level {level}: {len(times)} tiles, {sum(times):.0f} ms", flush=True)


def _cold(client: Client, draw: random.Random, slide: dict, kinds: list[list[int]]) -> list[tuple[int, int]]:
    """Times tiles that were not requested before; returns their blocks."""
    used: list[tuple[int, int]] = []
    for kind in slide["archive"]["kinds"]:
        candidates = [(r, c) for r, line in enumerate(kinds) for c, code in enumerate(line) if code == kind["code"]]
        draw.shuffle(candidates)
        times = []
        for row, column in candidates:
            if len(times) == flags.FLAGS.cold or any(abs(row - r) < 2 and abs(column - c) < 2 for r, c in used):
                continue
            used.append((row, column))
            times.append(client.get(_tile(0, 2 * column, 2 * row))[2])
            time.sleep(_COLD_PAUSE)
        if times:
            print(f"cold, {kind['name']}: {_spread(times)}", flush=True)
    return used


def _warm(client: Client, draw: random.Random, blocks: list[tuple[int, int]]) -> None:
    tiles = [_tile(0, 2 * column, 2 * row) for row, column in blocks]
    times = []
    for _ in range(flags.FLAGS.warm):
        status, _, milliseconds = client.get(draw.choice(tiles))
        if status != 200:
            sys.exit(f"a warm tile was answered by {status}")
        times.append(milliseconds)
        time.sleep(_WARM_PAUSE)
    print(f"warm, full size: {_spread(times)}", flush=True)


def _crowd(port: int, slide: dict, process: psutil.Process) -> int:
    """Lets clients pan and prints their times; returns the number of failed requests."""
    times, failed, memory = [], [], []
    end = time.monotonic() + flags.FLAGS.seconds

    def pan(seed: int) -> None:
        client, draw = Client(port), random.Random(seed)
        column, row, level = 0, 0, 0
        while time.monotonic() < end:
            if draw.random() < 0.15:  # jump to another place and magnification
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
    print(
        "memory of the server in MB at the start and after each quarter: "
        + ", ".join(f"{value:.0f}" for value in quarters)
    )
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
