"""Runs a worker process and ends it where an input takes too much time or memory, or makes it crash."""

import contextlib
import multiprocessing
import os
import shutil
import tempfile
import time
from pathlib import Path

from fuzzing.worker import Outcome, work

_AGAIN = ("time", "memory", "crash")
_WITH_GENERATORS = ("archive-hashes", "archive-header", "keras", "json")
_WAITING = 6
"""A command that uses no processor is ended after so many times the longest time."""

_INPUTS_OF_A_WORKER = 400
"""A worker is replaced after so many inputs, so that what earlier ones left behind cannot hide a fault."""


class Supervisor:
    """One worker process at a time; a context manager that ends it.

    Args:
        bases: the folder of intact files.
        seed: of the inputs.
        megabytes: the most memory of a command.
        seconds: the longest time of a command: of the processor, so that other programs do not count.
    """

    def __init__(self, bases: Path, seed: int, megabytes: int, seconds: float):
        self._bases, self._seed, self._megabytes, self._seconds = bases, seed, megabytes, seconds
        self._context = multiprocessing.get_context("spawn")
        self._process, self._pipe, self._done, self._generators = None, None, 0, False
        self.scratch = Path(tempfile.mkdtemp(prefix="fuzz-worker-"))

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_) -> None:
        self._end()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def run(self, kind: str, number: int) -> Outcome:
        """Runs one input. What took too long, too much memory or crashed runs once more, in a new process."""
        outcome = self._run(kind, number)
        if outcome.result in _AGAIN:
            second = self._run(kind, number)
            if second.result == "crash" or outcome.result != "crash":
                return second
        return outcome

    @property
    def files(self) -> Path:
        """The folder with the files of the last input."""
        return self.scratch / "input"

    def _run(self, kind: str, number: int) -> Outcome:
        generators = kind in _WITH_GENERATORS
        if self._process is None or self._done >= _INPUTS_OF_A_WORKER or generators > self._generators:
            self._start(kind, generators)
        self._done += 1
        return self._ask(kind, number)

    def _start(self, kind: str, generators: bool) -> None:
        self._end()
        self._generators = generators
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=work, args=(theirs, self._bases, self.scratch, self._seed, generators), daemon=True
        )
        self._process.start()
        theirs.close()
        self._done = 0
        # An intact file first: the time that libraries take to load is not that of an input.
        self._ask(kind, 0, seconds=300)

    def _ask(self, kind: str, number: int, seconds: float | None = None) -> Outcome:
        seconds = seconds or self._seconds
        command = "the start"
        try:
            self._pipe.send((kind, number))
            started, used_before = time.monotonic(), self._processor_seconds()
            while True:
                if self._pipe.poll(0.05):
                    found = self._pipe.recv()
                    if isinstance(found, Outcome):
                        if found.megabytes > self._megabytes:
                            return Outcome("memory", f"{command}: {found.megabytes} MB", found.megabytes)
                        return found
                    command, started, used_before = found, time.monotonic(), self._processor_seconds()
                elif (
                    self._processor_seconds() - used_before > seconds or time.monotonic() - started > _WAITING * seconds
                ):
                    return self._kill(Outcome("time", f"{command}: over {seconds:g} s"))
                elif (used := self._memory()) > self._megabytes:
                    return self._kill(Outcome("memory", f"{command}: {used} MB", used))
        except (EOFError, ConnectionError):
            self._process.join(10)
            code = self._process.exitcode
            return self._kill(Outcome("crash", f"{command}: the process ended with {code}"))

    def _memory(self) -> int:
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * 4096 // 1_000_000

    def _processor_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _kill(self, outcome: Outcome) -> Outcome:
        self._end(kill=True)
        return outcome

    def _end(self, kill: bool = False) -> None:
        if self._process is not None:
            if not kill:
                with contextlib.suppress(OSError):
                    self._pipe.send(None)
                self._process.join(5)
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None
