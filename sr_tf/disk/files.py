"""Writing files so that nobody ever sees half of one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from sr_tf.errors import UserError


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Writes `content` to `path`: temporary name, fsync, rename.

    Args:
        path: the file to create or replace; its folder is created if absent.
        content: bytes as they are, or text encoded as UTF-8.

    Raises:
        UserError: the folder cannot be created or written to.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    replace_atomically(path, lambda temporary: temporary.write_bytes(data))


def replace_atomically(path: str | Path, write: Callable[[Path], object], alone: bool = False) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it to `path`.

    Args:
        path: the file to create or replace. The temporary file keeps its suffix, for writers that look at it.
        write: called with the temporary path; it must leave a complete file there.
        alone: the caller holds a lock, so that nobody else writes `path` now. The temporary file's name is then the
            same each time: what a killed process left of it is overwritten, and does not pile up.

    Raises:
        UserError: the folder cannot be created or written to.
    """
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f".{path.stem}.new{path.suffix}") if alone else _new_name(path)
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _new_name(path: Path) -> Path:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write here ({error.strerror})") from error
    os.close(descriptor)
    return Path(name)


def make_folder(path: str | Path) -> Path:
    """Creates a folder and checks that it can be written to.

    Returns:
        The folder's path.

    Raises:
        UserError: it is a file, cannot be created or is not writable.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"{path}: is a file, expected a folder to write to") from error
    except OSError as error:
        raise UserError(f"{path}: cannot create this folder ({error.strerror})") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{path}: this folder is not writable")
    return path


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
