"""A journal of finished pieces of work that outlives the process that wrote it."""

import fcntl
import hashlib
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import BinaryIO, Self

from sr_tf.disk.files import make_folder
from sr_tf.errors import UserError

_MAGIC = b"SRTFSPL1"
_PARTS = 4
# How many of the key's parts count, the parts, the payload's length and CRC32; then the CRC32 of all these, so that a
# damaged length is known before anything of that length is read.
_HEADER = struct.Struct(f"<B{_PARTS}IQI")
_CHECK = struct.Struct("<I")
_PREFIX = _HEADER.size + _CHECK.size


class Spool:
    """Append-only store of payloads by key on disk; what a killed process had put before is there again.

    `put` hands each record to the operating system at once, so a killed process (`kill -9` included) loses nothing
    that `put` returned from. Nothing is synced to the disk record by record, which would cost more than the work that
    is kept: after a power failure the last records may be missing or damaged. Every record has a checksum, and whoever
    takes up the file cuts it at the first record that is not whole. Memory holds an offset for each key, no payload.

    All methods but `close` and `remove` may be called from several threads.

    Args:
        path: the file; it is created, with its folder, or taken up.
        settings: everything the payloads depend on, for instance options and the source's hash as JSON. A file with
            other settings, or one that is no spool, is emptied.

    Raises:
        UserError: another process (or another `Spool` of this one) holds the file, or it cannot be written.
    """

    def __init__(self, path: str | Path, settings: str):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._index: dict[tuple[int, ...], int] = {}
        self._file = _open_locked(self.path)
        try:
            self._end = self._take_up(_MAGIC + hashlib.sha256(settings.encode("utf-8")).digest())
        except BaseException as error:
            self._file.close()
            if isinstance(error, OSError):
                raise self._unwritable(error) from error
            raise

    def __contains__(self, key: tuple[int, ...]) -> bool:
        return key in self._index

    def __len__(self) -> int:
        return len(self._index)

    def keys(self) -> list[tuple[int, ...]]:
        """The keys that are present now, in the order in which each was first put."""
        return list(self._index)

    def put(self, key: tuple[int, ...], payload: bytes) -> None:
        """Appends a payload; a later one of the same key replaces the earlier.

        Args:
            key: one to four integers from 0 to 2³² − 1.
            payload: any bytes.

        Raises:
            ValueError: no such key, or the spool is closed.
            UserError: the disk is full or fails; what was put before stays.
        """
        record = _record(key, payload)
        with self._lock:
            try:
                _write(self._file.fileno(), record, self._end)
            except OSError as error:
                raise self._unwritable(error) from error
            # Only now: what an interrupted write left is overwritten by the next one.
            self._index[tuple(key)] = self._end
            self._end += len(record)

    def get(self, key: tuple[int, ...]) -> bytes:
        """The payload that was put last.

        Raises:
            KeyError: nothing was put.
            ValueError: the spool is closed.
            UserError: the record was damaged on disk since it was put, or cannot be read.
        """
        offset = self._index[key]
        try:
            record = _read_record(self._file.fileno(), offset)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if record is None:
            raise UserError(f"{self.path}: damaged at byte {offset}; delete this file and start again")
        return record[1]

    def close(self) -> None:
        """Closes the file, keeps it and lets others have it."""
        self._file.close()

    def remove(self) -> None:
        """Closes and deletes the file."""
        # In this order: nobody else can have taken up the file between the two.
        self.path.unlink(missing_ok=True)
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_up(self, start: bytes) -> int:
        """Fills the index from the file, cuts it after the last whole record and returns its length."""
        descriptor = self._file.fileno()
        end = len(start)
        if _read(descriptor, end, 0) == start:
            while record := _read_record(descriptor, end):
                key, payload = record
                self._index[key] = end
                end += _PREFIX + len(payload)
            os.ftruncate(descriptor, end)
        else:
            os.ftruncate(descriptor, 0)
            _write(descriptor, start, 0)
        return end

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(f"{self.path}: cannot be written ({error.strerror or error})")


def _open_locked(path: Path) -> BinaryIO:
    make_folder(path.parent)
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "rb+", buffering=0)
        except OSError as error:
            raise UserError(f"{path}: cannot be opened for writing ({error.strerror})") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            file.close()
            raise UserError(f"{path}: is being written by another process") from error
        except OSError as error:
            file.close()
            raise UserError(f"{path}: cannot be locked ({error.strerror})") from error
        # Its last holder deleted it after it was opened here: what now bears the name is another file, or none does.
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
    """Key and payload of the record at `offset`; None where no whole and undamaged one is."""
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
    """Up to `size` bytes from `offset`; fewer only at the file's end."""
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
