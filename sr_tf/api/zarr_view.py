"""A level as a read-only Zarr array, whose chunks are read from the slide."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

import numpy as np

from sr_tf.errors import missing_extra

try:
    import zarr
    from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
    from zarr.storage import MemoryStore
except ImportError as error:
    raise missing_extra("zarr", error) from error

CHUNK = 512
"""Side of a chunk in pixels, as of an archive's blocks."""

_METADATA = "zarr.json"


class Readable(Protocol):
    """What is needed of `sr_tf.api.slide.OpenedSlide`."""

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each level in pixels."""

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle inside a level, uint8 [height, width, 3]."""


def zarr_view(slide: Readable, level: int) -> zarr.Array[Any]:
    """A level of a slide as an array; see `sr_tf.api.slide.OpenedSlide.zarr`."""
    return zarr.open_array(LevelStore(slide, level), mode="r")


class LevelStore(Store):
    """The files of a Zarr array of version 3, without any on a disk: chunks are not compressed.

    Args:
        slide: the slide.
        level: the level.
    """

    def __init__(self, slide: Readable, level: int):
        super().__init__(read_only=True)
        self._slide, self._level = slide, level
        width, height = slide.level_dimensions[level]
        made: dict[str, Buffer] = {}
        array = zarr.create_array(
            MemoryStore(made),
            shape=(height, width, 3),
            chunks=(CHUNK, CHUNK, 3),
            dtype="uint8",
            compressors=None,
            filters=None,
            dimension_names=("y", "x", "c"),
        )
        self._metadata = made[_METADATA].to_bytes()
        self._chunks = {
            array.metadata.encode_chunk_key((row, column, 0)): (row, column)
            for row in range(-(-height // CHUNK))
            for column in range(-(-width // CHUNK))
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LevelStore) and (self._slide, self._level) == (other._slide, other._level)

    def __hash__(self) -> int:
        return hash((id(self._slide), self._level))

    def __reduce__(self) -> tuple[type["LevelStore"], tuple[Readable, int]]:
        return LevelStore, (self._slide, self._level)

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The content of a file, or a part of it; None if there is no such file."""
        content = self._metadata if key == _METADATA else None
        if key in self._chunks:
            content = await asyncio.to_thread(self._chunk, *self._chunks[key])
        if content is None:
            return None
        kind = (prototype or default_buffer_prototype()).buffer
        return kind.from_bytes(content[_part(byte_range)])

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of several files."""
        return list(await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return key == _METADATA or key in self._chunks

    supports_writes = supports_deletes = False
    supports_listing = True

    async def set(self, key: str, value: Buffer) -> None:
        """Refuses: the array is read-only."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Refuses: the array is read-only."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """The names of all files."""
        for name in (_METADATA, *self._chunks):
            yield name

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """The names that begin with a text."""
        async for name in self.list():
            if name.startswith(prefix):
                yield name

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names of files and folders in a folder."""
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        found = {name.removeprefix(folder).partition("/")[0] async for name in self.list_prefix(folder)}
        for name in sorted(found):
            yield name

    def _chunk(self, row: int, column: int) -> bytes:
        """The pixels of a chunk, uint8 [CHUNK, CHUNK, 3]; 0 where it reaches beyond the level."""
        width, height = self._slide.level_dimensions[self._level]
        x, y = column * CHUNK, row * CHUNK
        chunk = np.zeros((CHUNK, CHUNK, 3), np.uint8)
        size = min(CHUNK, width - x), min(CHUNK, height - y)
        chunk[: size[1], : size[0]] = self._slide.read_level(self._level, x, y, *size)
        return chunk.tobytes()


def _part(request: ByteRequest | None) -> slice:
    match request:
        case RangeByteRequest(start, end):
            return slice(start, end)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(-suffix, None)
    return slice(None)
