"""Reads an archive. Every piece of data is checked against its hash before it is returned."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np

from sr_tf.archive import av1, cells, embedded, native
from sr_tf.archive.associated import decode_associated
from sr_tf.archive.container import ARCHIVE, COMMENT_LENGTH, SCORE_TYPE, SEGMENT_TYPE, half_sha256
from sr_tf.archive.cut import cut
from sr_tf.archive.gate import score_names, unpack
from sr_tf.archive.header import Header
from sr_tf.archive.index import AVIF, BLOCK_TYPE, PIECE_BYTES, Index, from_planes
from sr_tf.archive.kinds import KINDS, NATIVE, Kind
from sr_tf.archive.members import Members
from sr_tf.archive.npy import largest_file, read_array
from sr_tf.archive.overview import decode_overview
from sr_tf.archive.stored import StoredImage, decode_image
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.disk.files import input_file
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.errors import UserError, reason
from sr_tf.generators.recorded import Recorded
from sr_tf.images.cubic import enlarge_cubic, enlarge_cubic_in_floats

_EXPECTED = "expected an archive of `sr-tf archive`"

_LARGEST_PIECE = 4 << 20
"""Most bytes of a piece's file; its pixels have less than one megabyte."""

_CACHED_PIECES = 32
_CACHED_SEGMENTS = 64
_CACHED_BYTES = 32 << 20

# What zipfile, json and NumPy raise for damaged files.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, UnicodeError, OSError,
)  # fmt: skip


_BYTE = np.dtype("u1")


class ArchiveFile:
    """An archive, open for reading; a context manager that closes it. Thread-safe.

    Args:
        path: the archive's file.

    Attributes:
        path: the archive's file.
        header: the content of `archive.json`.
        index: how each block is stored.
        segment_index: how each segment of the original is stored, `SEGMENT_TYPE` [rows, columns]; None if the archive
            contains none.

    Raises:
        UserError: the file is not an archive, or is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with input_file(self.path, _EXPECTED):
            _check_beginning(self.path)
        try:
            self._members = Members(self.path, COMMENT_LENGTH)
        except _DAMAGED as error:
            raise self._no_archive(error) from error
        try:
            self._open()
        except UserError:
            self.close()
            raise
        except _DAMAGED as error:
            self.close()
            raise self._no_archive(error) from error

    def _no_archive(self, error: Exception) -> UserError:
        return UserError(f"{self.path}: is not an archive of this version, or is damaged ({reason(error)})")

    def _open(self) -> None:
        names = self._members.names
        icc = self._members.read("profile.icc") if "profile.icc" in names else None
        self.header = Header.from_json(self._members.read("archive.json").decode("utf-8"), icc)
        if names != {"archive.json", *self.header.members}:
            raise ValueError("its members are not those that archive.json lists")
        if icc is not None:
            self._checked("profile.icc", icc)
        grid, native_page = self.header.grid, self.header.native
        _check_names(self.header)
        limits = self._members.limits
        limits["scores.npy"] = largest_file(*self._score_array())
        limits["cells.npy"] = largest_file(_BYTE, grid.cell_shape)
        for record in _embedded(self.header):
            limits[embedded.member_of(record)] = embedded.size_of(record["architecture"])
        self.index = self._read_index((grid.rows, grid.columns))
        self._offsets = self._places("blocks", self.index.table["length"], _LARGEST_PIECE)
        self._images, self._files = RecentlyUsed(_CACHED_PIECES), RecentlyUsed(_CACHED_SEGMENTS, _CACHED_BYTES, len)
        self.segment_index = None
        if native_page:
            shape = (native_page.rows, native_page.columns)
            limits["segments.npy"] = largest_file(SEGMENT_TYPE, shape)
            self.segment_index = self._array("segments.npy", SEGMENT_TYPE, shape)
            largest = native.largest_jpeg(native_page)
            self._segment_offsets = self._places("segments", self.segment_index["length"], largest)
        if self.index.table["head"].max(initial=0) > len(self.header.heads):
            raise ValueError("a piece of an unknown head")
        if self.segment_index is None and (self.index.kinds == NATIVE.code).any():
            raise ValueError("a block needs the original's JPEG segments, which the archive does not contain")

    def _read_index(self, shape: tuple[int, int]) -> Index:
        limits, count = self._members.limits, self.header.pieces
        if self.header.version == 1:
            limits["blocks.npy"] = largest_file(BLOCK_TYPE, shape)
            return Index.of_version_1(self._array("blocks.npy", BLOCK_TYPE, shape))
        limits["blocks.npy"] = largest_file(_BYTE, shape)
        limits["pieces.npy"] = largest_file(_BYTE, (PIECE_BYTES, count))
        return Index.of_version_2(
            self._array("blocks.npy", _BYTE, shape), from_planes(self._array("pieces.npy", _BYTE, (PIECE_BYTES, count)))
        )

    def _score_array(self) -> tuple[np.dtype, tuple[int, ...]]:
        """The type and shape of `scores.npy`."""
        shape = self.header.grid.gate_shape
        if self.header.version == 1:
            return SCORE_TYPE, shape
        return _BYTE, (2 * len(score_names(self.header.gate)), *shape)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._members.close()

    def scores(self) -> dict[str, np.ndarray]:
        """The scores that were measured when the slide was archived.

        Returns:
            The scores of `sr_tf.archive.measure.Measure` for the whole slide, float64 [rows, columns] each. Those of
            cells are bounds that the measured scores keep; they are missing unless the archive has them.

        Raises:
            UserError: the scores are damaged.
        """
        packed = self._safely(lambda: self._array("scores.npy", *self._score_array()))
        names, version = score_names(self.header.gate), self.header.version
        if version == 1:
            return {name: unpack(name, packed[name], version) for name in names}
        whole = packed[: len(names)].astype(np.uint16) << 8 | packed[len(names) :]
        scores = {name: unpack(name, values, version) for name, values in zip(names, whole, strict=True)}
        return scores | self._safely(self._scores_of_cells)

    def _scores_of_cells(self) -> dict[str, np.ndarray]:
        if "cells.npy" not in self.header.members:
            return {}
        return cells.unpack(self._array("cells.npy", _BYTE, self.header.grid.cell_shape))

    @property
    def cubic(self) -> Callable[[np.ndarray, int], np.ndarray]:
        """The bicubic interpolation with which the archive was measured."""
        return enlarge_cubic_in_floats if self.header.version == 1 else enlarge_cubic

    def kind(self, row: int, column: int) -> Kind:
        """How a block is stored."""
        return KINDS[int(self.index.kinds[row, column])]

    def stored_image(self, row: int, column: int) -> StoredImage:
        """Decodes a block, as `sr_tf.archive.restored_blocks.RestoredBlocks` needs.

        Raises:
            UserError: the block is damaged.
        """
        kind, grid = self.kind(row, column), self.header.grid
        block = grid.rectangle(row, column)
        try:
            if kind is NATIVE:
                return StoredImage(kind, self.header.native.read(self.segment, *block))
            piece = int(self.index.pieces[row, column])
            image = self._images.get((piece,), lambda: self._decoded(piece))
            own = cut(image, self.index.rectangle(piece, grid), block, kind.scale)
            return StoredImage(kind, own, float(self.index.table["level"][piece]))
        except (ValueError, AttributeError, struct.error) as error:
            raise self._damaged("block", row, column, error) from error

    def _decoded(self, piece: int) -> np.ndarray:
        entry = self.index.table[piece]
        *_, width, height = (
            -(-length // int(entry["scale"])) for length in self.index.rectangle(piece, self.header.grid)
        )
        return decode_image(self.piece_file(piece), "avif" if entry["codec"] == AVIF else "jpegxl", width, height)

    def piece_file(self, piece: int) -> bytes:
        """A piece's file as its codec wrote it.

        Raises:
            ValueError, struct.error: the piece is damaged.
        """
        entry, expected = self.index.table[piece], self.index.hashes[piece]
        body = self._members.at(int(self._offsets[piece]), int(entry["length"]))
        file = av1.join(self.header.heads[int(entry["head"]) - 1], body) if entry["head"] else body
        if half_sha256(file)[: len(expected)] != expected:
            raise ValueError("its SHA-256 is not the recorded one")
        return file

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original as a complete JPEG file or codestream; b"" if the original leaves it out.

        Raises:
            UserError: the segment is damaged.
        """
        return self._files.get((row, column), lambda: self._unpacked(row, column))

    def _unpacked(self, row: int, column: int) -> bytes:
        entry = self.segment_index[row, column]
        packed = self._members.at(int(self._segment_offsets[row, column]), int(entry["length"]))
        try:
            page = self.header.native
            standalone = native.unpack(int(entry["kind"]), packed, page.sizes(row), page.codec)
        except ValueError as error:
            raise self._damaged("segment", row, column, error) from error
        if half_sha256(standalone) != entry["sha256"].tobytes():
            raise self._damaged("segment", row, column, "its SHA-256 is not the recorded one")
        return standalone

    def associated(self, name: str) -> np.ndarray:
        """Decodes a label, macro or thumbnail image, uint8 [h, w, 3], RGB.

        Raises:
            UserError: the image is damaged.
        """
        entry = self.header.associated[name]
        return self._safely(lambda: decode_associated(entry, self.member(f"associated/{name}")))

    def embedded_generator(self, record: dict) -> Recorded | None:
        """The weights of a generator of the header, if they are in the archive.

        Raises:
            UserError: they are damaged.
        """
        if not record.get("embedded"):
            return None
        content = self.member(embedded.member_of(record))
        return self._safely(lambda: embedded.from_bytes(record, content))

    def overview(self) -> np.ndarray:
        """Decodes the overview, uint8 [h, w, 3]; not in version 1.

        Raises:
            UserError: it is damaged.
        """
        return self._safely(lambda: decode_overview(self.member("overview.avif"), self.header.grid))

    def member(self, name: str) -> bytes:
        """The content of a member.

        Raises:
            UserError: the member is damaged.
        """
        return self._safely(lambda: self._checked(name, self._members.read(name)))

    def member_size(self, name: str) -> int:
        """The number of bytes of a member in the file."""
        return self._members.stored_size(name)

    @property
    def comment(self) -> bytes:
        """The comment of the ZIP file; see `sr_tf.archive.container`."""
        return self._members.comment

    def sha256(self) -> str:
        """The SHA-256 of the whole file, in hexadecimal."""
        return sha256_of_file(self.path)

    def _damaged(self, what: str, row: int, column: int, why: Exception | str) -> UserError:
        return UserError(f"{self.path}: {what} {column},{row} is damaged: {reason(why)}")

    def _safely(self, action: Callable):
        try:
            return action()
        except UserError:
            raise
        except _DAMAGED as error:
            raise UserError(f"{self.path}: is damaged ({reason(error)})") from error

    def _checked(self, name: str, content: bytes) -> bytes:
        if hashlib.sha256(content).hexdigest() != self.header.members[name]:
            raise ValueError(f"the SHA-256 of {name} is not the recorded one")
        return content

    def _array(self, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        return read_array(name, self._checked(name, self._members.read(name)), dtype, shape)

    def _places(self, name: str, lengths: np.ndarray, largest: int) -> np.ndarray:
        """The offset in the file of each piece of a member, see `_offsets`."""
        if lengths.max(initial=0) > largest:
            raise ValueError(f"a piece of {name} has {lengths.max():,} bytes, expected at most {largest:,}")
        return _offsets(lengths, self._members.start(name), self._members.size(name))


def _embedded(header: Header) -> list[dict]:
    """The records of generators whose weights are in the archive.

    Raises:
        ValueError: one is larger than any that is written, or reaches further.
    """
    records = [record for record in header.generators if record.get("embedded")]
    for record in records:
        if not embedded.embeddable(record["architecture"]):
            found = f"the weights of {record['name'][:80]} have {embedded.size_of(record['architecture']):,} bytes"
            raise ValueError(f"{found}, expected at most {embedded.LARGEST:,} and a halo of at most one block")
    return records


def _check_beginning(path: Path) -> None:
    """Raises a `UserError` if a file does not begin as a ZIP file does."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is a device or pipe, {_EXPECTED}")
    with path.open("rb") as file:
        beginning = file.read(4)
    if not beginning.startswith(ARCHIVE.starts):
        raise UserError(f"{path}: {'is not a ZIP file' if beginning else 'is empty'}, {_EXPECTED}")


def _check_names(header: Header) -> None:
    """Raises a `ValueError` unless the members are those that a header asks for."""
    needed = {"README.txt", "blocks", "blocks.npy", "scores.npy"}
    needed |= {"preview.jpg"} if header.version == 1 else {"overview.avif", "pieces.npy"}
    needed |= {f"associated/{name}" for name in header.associated}
    needed |= {embedded.member_of(record) for record in _embedded(header)}
    if header.native:
        needed |= {"segments", "segments.npy"}
    optional = {"profile.icc"}
    if header.gate.judges_cells:
        needed.add("cells.npy")
    elif header.version > 1:
        optional.add("cells.npy")
    if found := needed ^ (set(header.members) - optional):
        raise ValueError(f"the member {min(found)[:80]!r} is missing or is not expected")


def _offsets(lengths: np.ndarray, start: int, size: int) -> np.ndarray:
    """The offset in the file of each of several adjacent pieces.

    Args:
        lengths: the pieces' lengths, of any shape.
        start: offset of the first piece.
        size: length of all pieces together.

    Returns:
        int64 of the same shape.

    Raises:
        ValueError: the lengths do not add up to `size`.
    """
    ends = np.cumsum(lengths.ravel(), dtype=np.int64)
    if ends.size and ends[-1] != size:
        raise ValueError(f"the pieces have {ends[-1]} bytes in total, expected {size}")
    return (start + ends - lengths.ravel()).reshape(lengths.shape)
