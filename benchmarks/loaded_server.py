"""A running viewer that is attacked, another user of it, and its memory meanwhile."""

import contextlib
import http.client
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
from commands import sr_tf


class Server:
    """A running `sr-tf view`; a context manager that stops it.

    Args:
        archive: the archive that it shows.
    """

    def __init__(self, archive: Path):
        self._process = subprocess.Popen(
            sr_tf("view", archive, "--no-browser"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        address = re.search(r":(\d+)/", self._process.stdout.readline())
        if not address:
            sys.exit("the server did not start")
        self.port = int(address[1])
        self._usage = psutil.Process(self._process.pid)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self._process.terminate()
        self._process.wait(60)

    @property
    def megabytes(self) -> float:
        """The server's memory."""
        return self._usage.memory_info().rss / 1e6

    @property
    def connections(self) -> int:
        """The number of clients' connections that it holds open."""
        return sum(one.status == psutil.CONN_ESTABLISHED for one in self._usage.net_connections("tcp"))

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        """A connection from an address of the loopback network."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(source, 0))


class User:
    """Another user, who requests a tile again and again; a context manager that ends with him.

    Attributes:
        waits: the seconds of each request.
        failed: what was wrong with each request that was not answered by 200.
    """

    def __init__(self, server: Server, path: str):
        self._server, self._path, self._stop = server, path, threading.Event()
        self.waits: list[float] = []
        self.failed: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "User":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            start = time.perf_counter()
            try:
                status = get(self._server.connect("127.0.0.2"), self._path)
                if status != 200:
                    self.failed.append(str(status))
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(type(error).__name__)
            self.waits.append(time.perf_counter() - start)


class Memory:
    """Samples the server's memory until it is asked for; a context manager."""

    def __init__(self, server: Server):
        self._server, self._stop = server, threading.Event()
        self.samples = [server.megabytes]
        self.most_connections = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()
        self.samples.append(self._server.megabytes)

    def _run(self) -> None:
        while not self._stop.wait(0.25):
            self.samples.append(self._server.megabytes)
            self.most_connections = max(self.most_connections, self._server.connections)

    def thirds(self) -> tuple[float, float, float]:
        """The memory in MB at the start, in the middle and at the end."""
        return self.samples[0], self.samples[len(self.samples) // 2], self.samples[-1]


def get(connection: http.client.HTTPConnection, path: str) -> int:
    """Sends one request and closes the connection; returns the status."""
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
