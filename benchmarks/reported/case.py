"""What a check works with: a scratch folder, the case's files, and `sr-tf` as a user runs it."""

import contextlib
import importlib.util
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from commands import sr_tf
from PIL import Image

from sr_tf.data.smear import render_smear


class CaseError(Exception):
    """A command did not do what the case expects."""


@dataclass(frozen=True)
class Result:
    """What a command did.

    Attributes:
        code: exit code; negative: the signal that ended it.
        out: its standard output.
        err: its standard error.
        seconds: how long it took.
        megabytes: its peak memory.
    """

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float

    @property
    def message(self) -> str:
        """The last line of its standard error, progress bars left out."""
        lines = [line for line in self.err.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
        return lines[-1].strip() if lines else ""


@dataclass(frozen=True)
class Case:
    """One case while it is checked.

    Attributes:
        files: the case's own folder.
        work: an empty folder.
    """

    files: Path
    work: Path

    @property
    def data(self) -> Path:
        """The folder of the real images that some cases need."""
        return self.files.parents[1] / "data"

    def run(self, *arguments: object, seconds: float = 120, **options: object) -> Result:
        """Runs `sr-tf` in the scratch folder.

        Args:
            arguments: its arguments.
            seconds: when it is stopped; the case then fails.
            options: see `subprocess.Popen`.
        """
        return self.process(sr_tf(*arguments), seconds, **options)

    def python(self, program: str, *arguments: object, seconds: float = 120) -> Result:
        """Runs a Python program, given as text, in the scratch folder."""
        return self.process([sys.executable, "-c", program, *map(str, arguments)], seconds)

    def process(self, command: list[str], seconds: float, **options: object) -> Result:
        """Runs any command in the scratch folder."""
        out, err = self.work / ".out", self.work / ".err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            start = time.monotonic()
            streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": stderr, **options}
            child = subprocess.Popen(command, cwd=self.work, **streams)
            timer = threading.Timer(seconds, child.send_signal, [signal.SIGKILL])
            timer.start()
            megabytes = 0.0
            while child.poll() is None:
                megabytes = max(megabytes, _peak_megabytes(child.pid))
                time.sleep(0.01)
            timer.cancel()
        took = time.monotonic() - start
        texts = [file.read_text(errors="replace") for file in (out, err)]
        if took >= seconds:
            raise CaseError(f"not finished after {seconds:.0f} s")
        if "Traceback" in texts[1]:
            raise CaseError(f"a traceback: {texts[1].strip().splitlines()[-1][:120]}")
        return Result(child.returncode, *texts, took, megabytes)

    def done(self, *arguments: object, **options: object) -> Result:
        """Runs `sr-tf`, which must succeed."""
        result = self.run(*arguments, **options)
        expect(result.code == 0, f"exit {result.code}: {result.message}")
        return result

    def refused(self, *arguments: object, megabytes: float = 1000, seconds: float = 60, **options: object) -> str:
        """Runs `sr-tf`, which must refuse in one line, within bounds. Returns the line."""
        return is_refusal(self.run(*arguments, seconds=seconds, **options), megabytes)

    def picture(self, height: int = 240, width: int = 320) -> Path:
        """A PNG of drawn cells."""
        path = self.work / f"picture{width}.png"
        if not path.exists():
            Image.fromarray(render_smear(1, height, width)).save(path)
        return path

    def archived(self, name: str = "a", *options: object, slide: Path | None = None) -> Path:
        """An archive, made without generators."""
        target = self.work / f"{name}.zip"
        self.done("archive", slide or self.picture(), target, "--models", "", *options)
        return target

    def generator(self, path: Path) -> None:
        """Writes a tiny generator with random weights."""
        program = (
            "import sys; from sr_tf.messages import load_tensorflow; load_tensorflow()\n"
            "from sr_tf.models.edsr import EDSR\n"
            "model = EDSR(1, 4, 4, 1.0, True); model.build((None, None, None, 3)); model.save(sys.argv[1])"
        )
        result = self.python(program, path)
        expect(result.code == 0, f"no generator could be made: {result.message}")

    def forge(self) -> ModuleType:
        """The program that rebuilds archives with every hash right; it lies beside the cases."""
        specification = importlib.util.spec_from_file_location("forge", self.files.parent / "forge.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    @contextlib.contextmanager
    def viewer(self, *arguments: object) -> Iterator[tuple[subprocess.Popen, str]]:
        """Runs `sr-tf view` and gives its process and the address that it prints."""
        command = sr_tf("view", *arguments, "--no-browser")
        with (self.work / ".viewer").open("wb") as stderr:
            child = subprocess.Popen(command, cwd=self.work, stdout=subprocess.PIPE, stderr=stderr, text=True)
            try:
                line = child.stdout.readline()
                expect("http" in line, f"the viewer printed {line!r}")
                yield child, "http" + line.split("http", 1)[1].split()[0]
            finally:
                child.terminate()
                child.wait(20)


def _peak_megabytes(process: int) -> float:
    """The peak memory of a process that runs; 0 if it has ended. Unlike `ru_maxrss`, without its parent's."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


CHECKS: dict[str, Callable[[Case], str]] = {}
"""The checks by the names of their cases; each returns what was found, or raises."""


def check(name: str) -> Callable:
    """Registers the check of a case."""

    def register(function: Callable[[Case], str]) -> Callable[[Case], str]:
        CHECKS[name] = function
        return function

    return register


def expect(holds: object, otherwise: str) -> None:
    """Raises `CaseError` with a text unless something holds."""
    if not holds:
        raise CaseError(otherwise)


def is_refusal(result: Result, megabytes: float = 1000) -> str:
    """Checks that a command refused in one line with exit code 2. Returns the line."""
    lines = [line for line in result.err.replace("\r", "\n").splitlines() if ": error: " in line]
    expect(result.code == 2 and len(lines) == 1, f"exit {result.code}, {len(lines)} lines: {result.message[:120]}")
    expect(result.megabytes <= megabytes, f"refused, but after {result.megabytes:.0f} MB")
    return lines[0]


def same(found: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Raises `CaseError` unless two images are equal."""
    expect(found.shape == expected.shape, f"{what}: {found.shape}, expected {expected.shape}")
    expect(np.array_equal(found, expected), f"{what}: pixels differ")
