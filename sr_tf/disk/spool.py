"""A journal of finished work on disk that survives the death of its process."""

import errno
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError, reason, unreadable, unwritable

try:
    import fcntl
except ImportError:  # Windows; see `require_file_locks`
    fcntl = None

_FAMILY = b"SRTFSPL"
"""Begins the spools of every version of this program."""
_MAGIC = _FAMILY + b"2"
_SETTINGS = struct.Struct("<II")
"""Length and CRC32 of the settings, which follow the magic bytes as JSON."""
_LONGEST_SETTINGS = 2**20
_SHOWN = 3
"""Number of differences in the settings that an error names."""
_LONGEST_VALUE = 40
_PARTS = 4
# The number of key parts in use, the parts, the payload's length and its CRC32. The CRC32 of these follows, so that a
# damaged length is detected before that many bytes are read.
_HEADER = struct.Struct(f"<B{_PARTS}IQI")
_CHECK = struct.Struct("<I")
_PREFIX = _HEADER.size + _CHECK.size


class Spool:
    """An append-only store of payloads by key in one file, which a later process can open and continue.

    `put` passes each record to the operating system at once. If the process is killed, even by `kill -9`, every payload
    whose `put` returned is still there. Records are not synced to the disk one by one, which would cost more than doing
    the work again: after a power failure the last ones may be missing or damaged. Every record has a checksum, and
    opening a file cuts it at the first incomplete or damaged record. Memory holds one offset for each key, no payload.

    All methods except `close` and `remove` may be called from several threads.

    Args:
        path: the file. It is created, with its folder, if it does not exist; otherwise it is continued.
        settings: everything the payloads depend on, for instance options and the source's hash: JSON values by names
            that people understand. They are stored in the file.

    Raises:
        UserError: the file was written with other settings or by another version, or is no spool; it is left as it is.
            Or another process, or another `Spool` of this process, has it open; it is a link, so that writing would
            change another file; or it cannot be written.
    """

    def __init__(self, path: str | Path, settings: Mapping[str, object]):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._index: dict[tuple[int, ...], int] = {}
        self._file = open_locked(self.path)
        try:
            self._end = self._load(settings)
        except BaseException as error:
            self._file.close()
            if isinstance(error, OSError):
                raise unwritable(self.path, error) from error
            raise

    def __contains__(self, key: tuple[int, ...]) -> bool:
        return key in self._index

    def __len__(self) -> int:
        return len(self._index)

    def keys(self) -> list[tuple[int, ...]]:
        """The keys, in the order in which they were first put."""
        return list(self._index)

    def put(self, key: tuple[int, ...], payload: bytes) -> None:
        """Appends a payload. It replaces an earlier one with the same key.

        Args:
            key: one to four integers from 0 to 2³² − 1.
            payload: any bytes.

        Raises:
            ValueError: the key is not allowed, or the spool is closed.
            UserError: the disk is full or fails. Earlier payloads are kept.
        """
        record = _record(key, payload)
        with self._lock:
            try:
                _write(self._file.fileno(), record, self._end)
            except OSError as error:
                raise unwritable(self.path, error) from error
            # After the write, so that the next record overwrites an incomplete one.
            self._index[tuple(key)] = self._end
            self._end += len(record)

    def get(self, key: tuple[int, ...]) -> bytes:
        """The payload of a key.

        Raises:
            KeyError: the key has no payload.
            ValueError: the spool is closed.
            UserError: the record was damaged on disk or cannot be read.
        """
        offset = self._index[key]
        try:
            record = _read_record(self._file.fileno(), offset)
        except OSError as error:
            raise unreadable(self.path, error) from error
        if record is None:
            raise UserError(f"{self.path}: damaged at byte {offset}; delete this file and start again")
        return record[1]

    def close(self) -> None:
        """Closes the file, which stays on disk, and releases its lock."""
        self._file.close()

    def remove(self) -> None:
        """Closes and deletes the file."""
        # Deleted before the lock is released, so that no other process can open the file in between.
        self.path.unlink(missing_ok=True)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _load(self, settings: Mapping[str, object]) -> int:
        """Fills the index from the file, cuts the file after the last complete record and returns its length."""
        descriptor = self._file.fileno()
        text = json.dumps(settings, sort_keys=True).encode("ascii")
        start = _MAGIC + _SETTINGS.pack(len(text), zlib.crc32(text)) + text
        end = len(start)
        found = _read(descriptor, end, 0) if os.fstat(descriptor).st_size else b""
        if found == start:
            while record := _read_record(descriptor, end):
                key, payload = record
                self._index[key] = end
                end += _PREFIX + len(payload)
            os.ftruncate(descriptor, end)
        elif start.startswith(found):  # new, or its process was killed before it had put anything
            os.ftruncate(descriptor, 0)
            _write(descriptor, start, 0)
        else:
            raise UserError(f"{self.path}: {self._objection(found, json.loads(json.dumps(settings)))}")
        return end

    def _objection(self, found: bytes, settings: dict) -> str:
        """Why a file that begins with `found` cannot be continued with these settings."""
        if not found.startswith(_FAMILY):
            return "is not a file that sr-tf wrote, so it is not touched; expected no file of this name, move it away"
        if not found.startswith(_MAGIC):
            what = "another version of sr_tf"
        elif (stored := self._stored_settings()) is None:
            return "is damaged at its beginning; delete this file to start anew"
        else:
            what = f"another call ({'; '.join(_differences(stored, settings))})"
        return f"holds the unfinished work of {what}; repeat that call to go on, or delete this file to start anew"

    def _stored_settings(self) -> dict | None:
        """The settings that the file was written with; None if they are damaged."""
        prefix = _read(self._file.fileno(), _SETTINGS.size, len(_MAGIC))
        length, checksum = _SETTINGS.unpack(prefix.ljust(_SETTINGS.size, b"\0"))
        text = _read(self._file.fileno(), min(length, _LONGEST_SETTINGS), len(_MAGIC) + _SETTINGS.size)
        if len(text) != length or zlib.crc32(text) != checksum:
            return None
        try:
            stored = json.loads(text)
        except ValueError:
            return None
        return stored if isinstance(stored, dict) else None


def require_file_locks() -> None:
    """Checks that this system has the file locks without which two processes could write the same file.

    Raises:
        UserError: it has none.
    """
    if fcntl is None:
        raise UserError("this system has no file locks (Python's module fcntl), expected Linux or macOS")


def _differences(stored: dict, settings: dict) -> list[str]:
    """Says for each setting that differs what is stored and what is expected."""
    found, expected = dict(_leaves(stored)), dict(_leaves(settings))
    all_ = [
        f"{name} {_words(found.get(name))}, expected {_words(expected.get(name))}"
        for name in dict.fromkeys([*expected, *found])
        if found.get(name) != expected.get(name)
    ]
    return [*all_[:_SHOWN], f"and {len(all_) - _SHOWN} more"] if len(all_) > _SHOWN else all_


def _leaves(settings: dict, before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def _words(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    text = str(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:12]}…"


def open_locked(path: Path) -> BinaryIO:
    """Opens a file, which is created if it does not exist, and locks it until it is closed.

    Raises:
        UserError: another process has locked it, it is a link or has several names, or it cannot be opened.
    """
    require_file_locks()
    make_folder(path.parent)
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            file = os.fdopen(descriptor, "rb+", buffering=0)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UserError(f"{path}: is a symbolic link, expected a journal; delete it") from error
            raise UserError(f"{path}: cannot be opened for writing ({reason(error)})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(file.fileno())
            if os.path.samestat(status, os.lstat(path)):
                if status.st_nlink > 1:
                    file.close()
                    raise UserError(f"{path}: has {status.st_nlink} names (hard links), expected one; delete this one")
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            file.close()
            raise UserError(f"{path}: is being written by another process") from error
        except OSError as error:
            file.close()
            raise UserError(f"{path}: cannot be locked ({reason(error)})") from error
        # Another process deleted the file after it was opened here. Now the path has a new file or none.
        file.close()


def _record(key: tuple[int, ...], payload: bytes) -> bytes:
    if not 1 <= len(key) <= _PARTS:
        raise ValueError(f"key {key}: expected one to {_PARTS} integers")
    parts = (*key, *(0,) * (_PARTS - len(key)))
    try:
        header = _HEADER.pack(len(key), *parts, len(payload), zlib.crc32(payload))
    except struct.error as error:
        raise ValueError(f"key {key}: expected integers from 0 to {2**32 - 1}") from error
    return b"".join((header, _CHECK.pack(zlib.crc32(header)), payload))


def _read_record(descriptor: int, offset: int) -> tuple[tuple[int, ...], bytes] | None:
    """The key and payload of the record at `offset`, or None if there is no complete and undamaged record."""
    prefix = _read(descriptor, _PREFIX, offset)
    header, check = prefix[: _HEADER.size], prefix[_HEADER.size :]
    if check != _CHECK.pack(zlib.crc32(header)):
        return None
    count, *parts, length, checksum = _HEADER.unpack(header)
    payload = _read(descriptor, length, offset + _PREFIX)
    if len(payload) != length or zlib.crc32(payload) != checksum:
        return None
    return tuple(parts[:count]), payload


def _read(descriptor: int, size: int, offset: int) -> bytes:
    """Reads `size` bytes that begin at `offset`; fewer only at the end of the file."""
    content = os.pread(descriptor, size, offset)
    while len(content) < size:
        # One call reads at most 2 GiB.
        more = os.pread(descriptor, size - len(content), offset + len(content))
        if not more:
            break
        content += more
    return content


def _write(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
