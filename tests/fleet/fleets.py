"""What the tests of fleets share: drawn slides, the command, and processes to kill."""

import csv
import subprocess
import sys
import time
from pathlib import Path

from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

FLEET = [sys.executable, "-m", "sr_tf.cli.main", "fleet", "--models", "", "--slides-at-once", "2", "--workers", "1"]


def draw(path: Path, seed: int, height: int = 300, width: int = 400) -> Path:
    """Writes a drawn slide."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, render_smear(seed, height, width))
    return path


def fleet(*arguments, **options) -> subprocess.CompletedProcess:
    """Runs `sr-tf fleet` to its end."""
    return subprocess.run([*FLEET, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


def begin(*arguments) -> subprocess.Popen:
    """Starts `sr-tf fleet`."""
    command = [*FLEET, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def table(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of fleet.csv by their names."""
    with (folder / "fleet.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def workers(parent: int) -> list[int]:
    """The processes of `parent` that archive slides."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if fields[1] == str(parent) and fields[0] != "Z" and b"spawn_main" in command:
            found.append(int(status.parent.name))
    return found


def alive(process: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds: float = 120) -> None:
    """Waits until a function returns something true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def journals(folder: Path) -> list[Path]:
    """The journals of unfinished archives that hold a finished block."""
    return [path for path in folder.rglob(".*.journal") if path.stat().st_size > 2000]
