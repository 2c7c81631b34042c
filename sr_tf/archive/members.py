"""The members of an archive's ZIP file: their directory is checked before it is used, and each is read within a limit.

A directory can state any size and any place, and a few kilobytes of deflated data can become gigabytes. Only what
`sr_tf.archive.container.Writer` writes is accepted: members one behind the other, stored or deflated, each name once.
"""

import struct
import threading
import zipfile
from pathlib import Path

from sr_tf.archive.schema import LARGEST_HEADER

MOST_MEMBERS = 128
_LARGEST_DIRECTORY = 1 << 18
_LARGEST_RATIO = 1032
"""Deflate cannot make more bytes than this of one byte."""

_ENCRYPTED = 0x41
"""Flags of a ZIP member: encrypted, with strong encryption."""

LIMITS = {
    "README.txt": 1 << 16,
    "archive.json": LARGEST_HEADER,
    "preview.jpg": 1 << 20,
    "overview.avif": 4 << 20,
    "profile.icc": 16 << 20,
}
"""Most bytes of the members of a fixed name whose size does not follow from the slide's."""

LARGEST_ASSOCIATED = 256 << 20
"""Most bytes of a label, macro or thumbnail image."""

_END = struct.Struct("<IHHHHIIH")
_END64_PLACE = struct.Struct("<IIQI")
_END64 = struct.Struct("<IQHHIIQQQQ")
_END_MARK, _END64_PLACE_MARK, _END64_MARK = 0x06054B50, 0x07064B50, 0x06064B50
_LOCAL = struct.Struct("<IHHHHHIIIHH")


class Members:
    """The members of an archive's file; thread-safe.

    Args:
        path: the archive's file.
        comment_length: length of the comment at the file's end in bytes.

    Attributes:
        names: the members' names.
        comment: the comment at the file's end.
        limits: most bytes of members by name; of those that are not named, `LARGEST_ASSOCIATED`.

    Raises:
        ValueError, zipfile.BadZipFile, OSError: the file is not a ZIP file of that form.
    """

    def __init__(self, path: Path, comment_length: int):
        with path.open("rb") as file:
            directory = _check_end(file, path.stat().st_size, comment_length)
        self._lock = threading.Lock()
        self.limits = dict(LIMITS)
        self._zip = zipfile.ZipFile(path)
        try:
            if len(self._zip.infolist()) > MOST_MEMBERS:
                raise ValueError(f"{len(self._zip.infolist()):,} members, expected at most {MOST_MEMBERS}")
            self._starts = self._check_members(directory)
        except BaseException:
            self._zip.close()
            raise
        self.names = frozenset(self._starts)
        self.comment = self._zip.comment

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def size(self, name: str) -> int:
        """The size of a member in bytes, as the directory states it."""
        return self._zip.getinfo(name).file_size

    def stored_size(self, name: str) -> int:
        """The number of bytes of a member in the file."""
        return self._zip.getinfo(name).compress_size

    def start(self, name: str) -> int:
        """The offset in the file at which the bytes of an uncompressed member begin.

        Raises:
            ValueError: the member is compressed.
        """
        if self._zip.getinfo(name).compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed, expected it stored")
        return self._starts[name]

    def at(self, offset: int, length: int) -> bytes:
        """Some bytes of the file."""
        with self._lock:
            self._zip.fp.seek(offset)
            return self._zip.fp.read(length)

    def read(self, name: str) -> bytes:
        """Reads a member.

        Raises:
            ValueError: the member is larger than its limit, or its size is not the one that the directory states.
            KeyError: there is no such member.
        """
        limit = self.limits.get(name, LARGEST_ASSOCIATED)
        size = self.size(name)
        if size > limit:
            raise ValueError(f"{name} has {size:,} bytes, expected at most {limit:,}")
        with self._lock, self._zip.open(name) as member:
            # Given a number, zipfile inflates no more than it, whatever follows.
            content = member.read(size)
        if len(content) != size:
            raise ValueError(f"{name} has {len(content):,} bytes, expected {size:,}")
        return content

    def _check_members(self, directory: int) -> dict[str, int]:
        """Where the content of each member begins. `directory`: the offset of the ZIP's directory."""
        starts, place = {}, 0
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            name = info.filename
            if info.filename in starts:
                raise ValueError(f"two members are named {name}")
            if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is encrypted or compressed by another method than deflate")
            if info.header_offset != place:
                raise ValueError(f"{name} begins at byte {info.header_offset}, expected {place}")
            local = _LOCAL.unpack(self.at(place, _LOCAL.size))
            starts[info.filename] = place + _LOCAL.size + local[-2] + local[-1]
            place = starts[info.filename] + info.compress_size
            deflated = info.compress_type == zipfile.ZIP_DEFLATED
            most = info.compress_size * _LARGEST_RATIO if deflated else info.compress_size
            if info.file_size > most or (not deflated and info.file_size != most):
                raise ValueError(f"{name} claims {info.file_size:,} bytes of {info.compress_size:,}")
        if place != directory:
            raise ValueError(f"its members end at byte {place}, expected {directory}")
        return starts


def check_written(name: str, size: int) -> None:
    """Checks that a reader accepts a member of this size.

    Raises:
        ValueError: it does not.
    """
    limit = LIMITS.get(name, LARGEST_ASSOCIATED if name.startswith("associated/") else size)
    if size > limit:
        raise ValueError(f"{name} has {size:,} bytes, expected at most {limit:,}")


def _check_end(file, size: int, comment_length: int) -> int:
    """Checks what a ZIP file states about its directory, before `zipfile` reads it.

    Returns:
        The directory's offset in the file.

    Raises:
        ValueError: it cannot be the directory of an archive.
    """
    place = size - comment_length - _END.size
    if place < 0:
        raise ValueError("its end is missing")
    before = max(0, place - _END64_PLACE.size)
    file.seek(before)
    tail = file.read()
    locator, end_record = tail[: place - before], tail[place - before :]
    mark, disk, first, here, count, length, offset, comment = _END.unpack(end_record[: _END.size])
    # `zipfile` searches for the mark from the end on, and follows a ZIP64 locator whatever the record says.
    if mark != _END_MARK or comment != comment_length or struct.pack("<I", _END_MARK) in end_record[4:]:
        raise ValueError("its end is missing")
    end = place
    if locator.startswith(struct.pack("<I", _END64_PLACE_MARK)):
        end = before - _END64.size
        file.seek(max(0, end))
        mark, _, _, _, disk, first, here, count, length, offset = _END64.unpack(file.read(_END64.size))
        if mark != _END64_MARK or _END64_PLACE.unpack(locator)[2] != end:
            raise ValueError("its directory is not where it is expected")
    if (disk, first) != (0, 0) or here != count or count > MOST_MEMBERS or length > _LARGEST_DIRECTORY:
        raise ValueError(f"a directory of {count:,} members and {length:,} bytes, expected at most {MOST_MEMBERS}")
    if offset + length != end:
        raise ValueError(f"its directory ends at byte {offset + length}, expected {end}")
    return offset
