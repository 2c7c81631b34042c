"""Opening ZIP files of others without paying more than the file's own size."""

import os
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

# The record at the end of a ZIP file, and the two of large files (APPNOTE 4.3.14 to 4.3.16).
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = 1 << 16
_ENTRY_BYTES = 128
"""The bytes in the directory for one member: 46, and its name."""


def open_stored(path: Path, most: int) -> zipfile.ZipFile:
    """Opens a ZIP file whose members are not compressed, so that none takes more memory than the file has bytes.

    Args:
        path: a regular file.
        most: the largest number of members.

    Raises:
        ValueError: the directory is larger than `most` members need, a name occurs twice, or a member is compressed,
            encrypted or larger than the file.
        zipfile.BadZipFile, NotImplementedError, OSError and others: the file is damaged or no ZIP file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # zipfile reads the whole directory at once, and each of its entries takes half a kilobyte of memory.
        if _directory_size(file, size) > most * _ENTRY_BYTES:
            raise ValueError(f"its directory has more than {most:,} entries")
    opened = zipfile.ZipFile(path)
    try:
        members = opened.infolist()
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two members have the same name")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise ValueError(f"{member.filename[:80]!r} is compressed or encrypted, expected neither")
            if not member.file_size == member.compress_size <= size:
                raise ValueError(f"{member.filename[:80]!r} states {member.file_size:,} bytes, the file has {size:,}")
    except BaseException:
        opened.close()
        raise
    return opened


def _directory_size(file: BinaryIO, size: int) -> int:
    """The length of the directory as the file states it; 0 if no end is found, which zipfile reports."""
    start = max(0, size - _LONGEST_COMMENT - _END.size)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + _END.size:
        return 0
    length = _END.unpack_from(tail, place)[5]
    before = start + place - _LOCATOR.size
    if before >= 0:
        file.seek(before)
        signature, *_ = _LOCATOR.unpack(file.read(_LOCATOR.size))
        if signature == b"PK\6\7":
            # zipfile reads this record where it has to be: just before the locator.
            file.seek(max(0, before - _LARGE_END.size))
            record = file.read(_LARGE_END.size)
            if len(record) == _LARGE_END.size:
                length = max(length if length < 0xFFFFFFFF else 0, _LARGE_END.unpack(record)[8])
    return length
