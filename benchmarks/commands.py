"""Runs `sr-tf` in processes of its own, as a user does."""

import os
import subprocess
import sys
import time
from pathlib import Path

from sr_tf.archive.cost import shares
from sr_tf.archive.reader import ArchiveFile


def sr_tf(*arguments: object) -> list[str]:
    """The command line of `sr-tf` with arguments."""
    return [str(Path(sys.executable).with_name("sr-tf")), *map(str, arguments)]


def measured(*arguments: object) -> tuple[float, float]:
    """Runs `sr-tf` and returns its seconds and its peak memory in MB. Ends the program if the command fails."""
    command = sr_tf(*arguments)
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"{' '.join(command)}: failed")
    return seconds, usage.ru_maxrss / 1024


def stored_as(path: Path) -> str:
    """How the blocks of an archive are stored, in one line."""
    with ArchiveFile(path) as archive:
        return "; ".join(f"{share.name} {share.blocks or ''} ({share.bytes:,} bytes)" for share in shares(archive))
