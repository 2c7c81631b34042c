"""Keeps tiles that were made, in memory and on disk, each up to a limit."""

import contextlib
import os
import tempfile
import threading
from collections import OrderedDict, deque

from sr_tf.viewer.levels import Tile

MEMORY = 128 << 20
"""Most bytes of tiles in memory."""

DISK = 1 << 30
"""Most bytes of tiles on disk."""


class TileCache:
    """PNG files by tile. Thread-safe.

    The file on disk has no name, so that no pixel of a patient's slide remains, however the program ends. It is a ring:
    when it is full, new tiles overwrite the oldest ones.

    Args:
        memory: most bytes in memory.
        disk: most bytes on disk.
    """

    def __init__(self, memory: int = MEMORY, disk: int = DISK):
        self._lock = threading.Lock()
        self._memory: OrderedDict[Tile, bytes] = OrderedDict()
        self._memory_room, self._memory_used = memory, 0
        self._file = tempfile.TemporaryFile(prefix="sr-tf-tiles-")  # noqa: SIM115, open as long as the cache
        self._disk_room, self._next = disk, 0
        self._places: dict[Tile, tuple[int, int]] = {}
        self._order: deque[Tile] = deque()

    def close(self) -> None:
        """Frees the space on disk."""
        self._file.close()

    def __contains__(self, tile: Tile) -> bool:
        with self._lock:
            return tile in self._memory or tile in self._places

    def get(self, tile: Tile) -> bytes | None:
        """A tile's PNG file; None if it is not in the cache."""
        with self._lock:
            if tile in self._memory:
                self._memory.move_to_end(tile)
                return self._memory[tile]
            if tile not in self._places:
                return None
            offset, length = self._places[tile]
            png = os.pread(self._file.fileno(), length, offset)
            self._remember(tile, png)
            return png

    def put(self, tile: Tile, png: bytes) -> None:
        """Stores a tile's PNG file."""
        with self._lock:
            self._remember(tile, png)
            # If the disk is full, the tile stays in memory only.
            with contextlib.suppress(OSError):
                self._write(tile, png)

    def _remember(self, tile: Tile, png: bytes) -> None:
        self._memory_used += len(png) - len(self._memory.pop(tile, b""))
        self._memory[tile] = png
        while self._memory_used > self._memory_room:
            self._memory_used -= len(self._memory.popitem(last=False)[1])

    def _write(self, tile: Tile, png: bytes) -> None:
        if tile in self._places or len(png) > self._disk_room:
            return
        start = self._next if self._next + len(png) <= self._disk_room else 0
        if start < self._next:
            self._drop(self._next, self._disk_room)
        self._drop(start, start + len(png))
        rest, offset = memoryview(png), start
        while rest:
            # On a disk that is nearly full, a part is written without an error; the next call raises it.
            written = os.pwrite(self._file.fileno(), rest, offset)
            rest, offset = rest[written:], offset + written
        self._places[tile] = start, len(png)
        self._order.append(tile)
        self._next = start + len(png)

    def _drop(self, start: int, end: int) -> None:
        """Forgets the tiles that are stored between two offsets, which are the oldest ones."""
        while self._order:
            offset, length = self._places[self._order[0]]
            if offset >= end or offset + length <= start:
                return
            del self._places[self._order.popleft()]
