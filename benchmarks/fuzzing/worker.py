"""A process that runs many inputs, one after another, and judges what the commands do with each."""

import contextlib
import io
import os
import re
import shutil
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from fuzzing.inputs import Command, Input, make_input
from fuzzing.readers import Reader
from sr_tf.messages import load_backend

ACCEPTED, REFUSED = "accepted", "refused"
FAULTS = ("traceback", "crash", "memory", "time", "half file", "message")
"""What must not happen; `crash`, `memory` and `time` are noticed by the process that started the worker."""
_ERROR = re.compile(r"^(sr-tf|train\.py|rate-distortion)[^:]*: error: \S")


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        result: `ACCEPTED`, `REFUSED` or one of `FAULTS`.
        detail: the error's line, or the command and the last lines of its traceback.
        megabytes: the most memory that the process had meanwhile.
    """

    result: str
    detail: str
    megabytes: int = 0


def work(pipe: Connection, bases: Path, scratch: Path, seed: int, generators: bool) -> None:
    """Runs the inputs that are named through the pipe, as (kind, number), until None is named.

    Before each command it sends the command's name, after each input its `Outcome`.

    Args:
        pipe: to the process that started this one.
        bases: the folder of intact files.
        scratch: an empty folder; `input` in it holds the files of the present input.
        seed: of the inputs.
        generators: whether to load what runs generators first, which takes longer than a command may.
    """
    log = os.open(scratch / "output", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", line_buffering=True)
    if generators:
        load_backend()
        from sr_tf.generators.load import load_generator

        load_generator("small")
    while (task := pipe.recv()) is not None:
        kind, number = task
        folder = scratch / "input"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        _forget_peak()
        try:
            made = make_input(kind, number, seed, bases, folder)
        except Exception:
            pipe.send(Outcome("traceback", f"fuzz.py itself: {traceback.format_exc(-3)}"))
            continue
        pipe.send(_run_all(made, log, pipe))


def _run_all(made: Input, log: int, pipe: Connection) -> Outcome:
    """Runs the commands of one input; stops at the first fault."""
    result, detail = ACCEPTED, ""
    for index, command in enumerate(made.commands):
        if not isinstance(command, Reader) and command[0] in ("verify", "restore") and not Path(command[1]).exists():
            continue  # the archive was refused
        name = command.name if isinstance(command, Reader) else " ".join(command)
        pipe.send(name)
        before = _files(made.outputs)
        code, output = _run(command, log)
        fault = _fault(code, output)
        if not fault and code:
            fault = _half_files(made.outputs, before, index, command)
        elif not fault and isinstance(command, list) and command[0] == "restore":
            fault = _unreadable(Path(command[2]))
        if fault:
            return Outcome(fault[0], f"{name}: {fault[1]}", _peak())
        if code:
            result, detail = REFUSED, output.strip().splitlines()[-1]
    return Outcome(result, detail, _peak())


def _run(command: Command, log: int) -> tuple[int | None, str]:
    """Runs one command in this process: its exit code, None after an exception, and all that it printed."""
    os.lseek(log, 0, os.SEEK_SET)
    os.ftruncate(log, 0)
    from sr_tf.cli.main import main
    from sr_tf.messages import exit_code

    try:
        code = exit_code(command.name, command.run) if isinstance(command, Reader) else main(command)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        code = None
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    size = os.lseek(log, 0, os.SEEK_END)
    return code, os.pread(log, min(size, 1 << 20), max(0, size - (1 << 20))).decode("utf-8", "replace")


def _fault(code: int | None, output: str) -> tuple[str, str] | None:
    if code is None or "Traceback (most recent call last)" in output:
        return "traceback", "\n".join(output.strip().splitlines()[-12:])
    errors = [line for line in output.splitlines() if _ERROR.match(line)]
    if code == 0:
        return ("message", f"exit code 0, but {errors[0]}") if errors else None
    if code != 2 or len(errors) != 1 or output.strip().splitlines()[-1] != errors[0]:
        return "message", f"exit code {code}, {len(errors)} lines of errors: {output[-500:]}"
    return None


def _half_files(folder: Path, before: set[Path], index: int, command: Command) -> tuple[str, str] | None:
    """A refused command must leave no file, except the journal from which a repeated call goes on."""
    new = sorted(path.name for path in _files(folder) - before if not path.name.endswith((".journal", ".partial")))
    if new:
        return "half file", f"left {', '.join(new)}"
    if (
        index
        and isinstance(command, list)
        and command[0] in ("verify", "restore")
        and command[1].startswith(str(folder))
    ):
        return "half file", "an archive that was written without an error is refused"
    return None


def _unreadable(path: Path) -> tuple[str, str] | None:
    """A restored picture must be whole."""
    import tifffile
    from PIL import Image

    try:
        if path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        else:
            tifffile.imread(path)
    except Exception as error:
        return "half file", f"{path.name}: {error}"
    return None


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most memory of this process since `_forget_peak`, in MB."""
    match = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(match[1]) // 1000 if match else 0
