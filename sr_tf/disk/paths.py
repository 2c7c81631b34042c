"""Paths that no program should open or store: named pipes, devices, sockets, and names that are not UTF-8."""

import os
import stat
from pathlib import Path

from sr_tf.errors import UserError

_KINDS = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
          (stat.S_ISSOCK, "a socket"))  # fmt: skip


def check_name(path: Path) -> None:
    """Raises a `UserError` for a name that is not UTF-8."""
    try:
        path.name.encode()  # archives and restored files store the name, as UTF-8
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise UserError(f"{shown}: the name is not UTF-8, expected one that is; rename the file") from error


def refuse_special(path: Path) -> None:
    """Raises a `UserError` for a named pipe, a device or a socket, which may never end or never begin."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # not there, or not to be read: the command says so
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise UserError(f"{path}: is {kind}, expected a file or a folder")
