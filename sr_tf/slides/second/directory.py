"""Parses the directories of a TIFF file: a parser of its own, because the first reader relies on tifffile."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sr_tf.slides.second.errors import NoSecondReader

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, DESCRIPTION = 256, 257, 258, 259, 262, 270
STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_COUNTS, PLANES, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
KIND, ORIENTATION, JPEG_TABLES, XMP = 254, 274, 347, 700
"""Codes of TIFF tags."""

_NUMBERS = {
    1: "u1", 2: "u1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8",
}  # fmt: skip
_MOST_DIRECTORIES = 10_000


class RandomAccess:
    """A file, read at any place from any thread.

    Args:
        path: the file.
    """

    def __init__(self, path: Path):
        self._number = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._number).st_size

    def at(self, offset: int, count: int) -> bytes:
        """Reads `count` bytes.

        Raises:
            ValueError: the file ends before.
        """
        found = os.pread(self._number, count, offset) if offset >= 0 and 0 <= count <= self.size else b""
        if len(found) != count:
            raise ValueError(f"the file has no {count:,} bytes at {offset:,}")
        return found

    def close(self) -> None:
        """Closes the file."""
        os.close(self._number)


class Directory:
    """The tags of one image of a TIFF file.

    Args:
        file: the file.
        order: "<" or ">".
        entries: type, count and value or offset of each tag, by its code.
    """

    def __init__(self, file: RandomAccess, order: str, entries: dict[int, tuple[int, int, bytes]]):
        self._file, self._order, self._entries = file, order, entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int) -> np.ndarray:
        """The integers of a tag, int64; empty if the directory lacks the tag."""
        kind, _, _ = self._entries.get(tag, (3, 0, b""))
        if kind not in _NUMBERS:
            raise ValueError(f"TIFF tag {tag} has type {kind}, expected integers")
        return np.frombuffer(self.content(tag), np.dtype(self._order + _NUMBERS[kind])).astype(np.int64)

    def number(self, tag: int, default: int) -> int:
        """The first integer of a tag."""
        found = self.numbers(tag)
        return int(found[0]) if found.size else default

    def content(self, tag: int) -> bytes:
        """The bytes of a tag; b"" if the directory lacks the tag."""
        kind, count, value = self._entries.get(tag, (7, 0, b""))
        size = count * np.dtype(_NUMBERS.get(kind, "u1")).itemsize
        if size <= len(value):
            return value[:size]
        place = int.from_bytes(value, "little" if self._order == "<" else "big")
        return self._file.at(place, size)

    def text(self, tag: int) -> str:
        """A text tag; "" if the directory lacks the tag."""
        return self.content(tag).rstrip(b"\0").decode("utf-8", "replace")


def read_directories(file: RandomAccess) -> list[Directory]:
    """Reads the main chain of directories.

    Raises:
        NoSecondReader: the file is not a TIFF.
        ValueError: the chain is broken.
    """
    return list(_directories(file))


def _directories(file: RandomAccess) -> Iterator[Directory]:
    head = file.at(0, min(16, file.size))
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0] if order else 0
    if version not in (42, 43):
        raise NoSecondReader("the file is not a TIFF")
    big = version == 43
    formats = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    pointer, counter, entry = (order + one for one in formats)
    (place,) = struct.unpack_from(pointer, head, 8 if big else 4)
    for _ in range(_MOST_DIRECTORIES):
        if not place:
            return
        (count,) = struct.unpack(counter, file.at(place, struct.calcsize(counter)))
        start, length = place + struct.calcsize(counter), struct.calcsize(entry)
        table = file.at(start, count * length)
        found = (struct.unpack_from(entry, table, index * length) for index in range(count))
        yield Directory(file, order, {tag: (kind, number, value) for tag, kind, number, value in found})
        (place,) = struct.unpack(pointer, file.at(start + count * length, struct.calcsize(pointer)))
    raise ValueError(f"more than {_MOST_DIRECTORIES:,} TIFF directories")
