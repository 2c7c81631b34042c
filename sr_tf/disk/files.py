"""Writing files atomically, and one wording for input files that cannot be read."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sr_tf.errors import UserError, reason, unreadable, unwritable


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Writes `content` to `path`: temporary file, fsync, rename.

    Args:
        path: the file to create or replace. Its folder is created if it does not exist.
        content: bytes, or text that is encoded as UTF-8.

    Raises:
        UserError: the folder cannot be created or the file cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    replace_atomically(path, lambda temporary: temporary.write_bytes(data))


def replace_atomically(path: str | Path, write: Callable[[Path], object], alone: bool = False) -> None:
    """Calls `write` with a temporary file beside `path`, then renames that file to `path` and syncs the folder.

    Readers see the old file or the new one, never a part of it. The temporary file is created here, through no link;
    what has its name already is deleted.

    Args:
        path: the file to create or replace. Its folder is created if it does not exist.
        write: called with the temporary path, which has the same suffix as `path`. It must write the complete file.
        alone: the caller holds a lock, so no other process writes `path`. The temporary file then always has the same
            name: a later run deletes what a killed one left, and such files do not accumulate.

    Raises:
        UserError: the folder cannot be created, the file cannot be written, or `path` is a device or another special
            file.
    """
    path = Path(path)
    make_folder(path.parent)
    with contextlib.suppress(OSError):  # most often: it does not exist
        refuse_special_target(path, path.stat().st_mode)
    temporary = _new_draft(path) if alone else _new_name(path)
    try:
        write(temporary)
        _sync(temporary, os.O_RDWR | os.O_NOFOLLOW)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """The temporary file of a caller that holds a lock; see `replace_atomically`."""
    return path.with_name(f".{path.stem}.new{path.suffix}")


def refuse_special_target(path: Path, mode: int) -> None:
    """Raises a `UserError` for a device, FIFO or socket: renaming would replace it for the whole machine."""
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{path}: is a device, pipe or socket, expected a file or a new name")


def _new_draft(path: Path) -> Path:
    draft = draft_of(path)
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise unwritable(draft, error) from error
    return draft


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    """Makes a renaming last through a power failure, where the file system can sync folders."""
    try:
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise


def _new_name(path: Path) -> Path:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise UserError(f"{path.parent}: cannot write to this folder ({reason(error)})") from error
    os.close(descriptor)
    return Path(name)


def make_folder(path: str | Path) -> Path:
    """Creates a folder if it does not exist and checks that it is writable.

    Returns:
        The folder's path.

    Raises:
        UserError: the path is a file, or the folder cannot be created or is not writable.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"{path}: is a file, expected a folder to write to") from error
    except OSError as error:
        raise UserError(f"{path}: cannot create this folder ({reason(error)})") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{path}: this folder is not writable")
    return path


def read_at_most(path: Path, most: int, expected: str) -> bytes:
    """Reads a whole file that must not be large.

    Args:
        path: the file.
        most: the most bytes that it may have.
        expected: the end of the message: "expected the scores of a run".

    Raises:
        UserError: see `input_file`; or the file is larger.
    """
    with input_file(path, expected), path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"{path}: has more than {most:,} bytes, {expected}")
    return content


@contextmanager
def input_file(path: Path, expected: str) -> Iterator[None]:
    """Turns the `OSError`s of a block that reads a file into `UserError`s.

    Args:
        path: the file that the block reads.
        expected: the end of the message: "expected an image".

    Raises:
        UserError: the path is a folder, a device or another special file, the file does not exist, or it cannot be
            read.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a null character in the name
        raise UserError(f"{str(path)!r}: is no name of a file, {expected}") from error
    except OSError:
        mode = stat.S_IFREG  # the block meets the error again
    _refuse_special_source(path, mode, expected)
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file, {expected}") from error
    except OSError as error:
        raise unreadable(path, error) from error


def _refuse_special_source(path: Path, mode: int, expected: str) -> None:
    """Raises a `UserError` for a folder, and for what may never end or never begin."""
    if stat.S_ISDIR(mode):
        raise UserError(f"{path}: is a folder, {expected}")
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: is a device, pipe or socket, {expected}")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
