"""Reads an archive. Every piece of data is checked against its hash before it is returned."""

import hashlib
import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sr_tf.archive import av1, native
from sr_tf.archive.associated import decode_associated
from sr_tf.archive.container import BLOCK_TYPE, COMMENT_LENGTH, SCORE_TYPE, SEGMENT_TYPE, half_sha256
from sr_tf.archive.gate import score_names, unpack
from sr_tf.archive.header import Header
from sr_tf.archive.kinds import KINDS, NATIVE, Kind
from sr_tf.archive.stored import decode
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.errors import UserError, reason

_LARGEST_MEMBER = 1 << 31
"""Members that are read in one piece have at most so many bytes; larger ones are refused as damaged or malicious."""

# What zipfile, json and NumPy raise for damaged files.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, UnicodeError, OSError,
)  # fmt: skip


class ArchiveFile:
    """An archive, open for reading; a context manager that closes it. Thread-safe.

    Args:
        path: the archive's file.

    Attributes:
        path: the archive's file.
        header: the content of `archive.json`.
        index: how each block is stored, `BLOCK_TYPE` [rows, columns].
        segment_index: how each segment of the original is stored, `SEGMENT_TYPE` [rows, columns]; None if the archive
            contains none.

    Raises:
        UserError: the file is not an archive, or is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            if self.path.is_dir():
                raise UserError(f"{self.path}: is a folder, expected an archive of `sr-tf archive`")
            self._zip = zipfile.ZipFile(self.path)
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: no such file, expected an archive of `sr-tf archive`") from error
        except _DAMAGED as error:
            empty = self.path.stat().st_size == 0
            found = "is empty" if empty else f"is not a ZIP file, or is damaged ({reason(error)})"
            raise UserError(f"{self.path}: {found}, expected an archive of `sr-tf archive`") from error
        try:
            self._open()
        except UserError:
            self.close()
            raise
        except _DAMAGED as error:
            self.close()
            raise UserError(
                f"{self.path}: is not an archive of this version, or is damaged ({reason(error)})"
            ) from error

    def _open(self) -> None:
        if len(self.comment) != COMMENT_LENGTH:
            raise ValueError("its end is missing")
        names = set(self._zip.namelist())
        icc = self._zip.read("profile.icc") if "profile.icc" in names else None
        self.header = Header.from_json(self._read("archive.json").decode("utf-8"), icc)
        if names != {"archive.json", *self.header.members}:
            raise ValueError("its members are not those that archive.json lists")
        if icc is not None:
            self._checked("profile.icc", icc)
        grid = self.header.grid
        self.index = self._array("blocks.npy", BLOCK_TYPE, (grid.rows, grid.columns))
        self._offsets = _offsets(self.index["length"], self._start("blocks"), self._zip.getinfo("blocks").file_size)
        self.segment_index = None
        if self.header.native:
            shape = (self.header.native.rows, self.header.native.columns)
            self.segment_index = self._array("segments.npy", SEGMENT_TYPE, shape)
            size = self._zip.getinfo("segments").file_size
            self._segment_offsets = _offsets(self.segment_index["length"], self._start("segments"), size)
        if not set(np.unique(self.index["kind"])) <= set(KINDS) or self.index["head"].max() > len(self.header.heads):
            raise ValueError("a block of an unknown kind")

    def __enter__(self) -> "ArchiveFile":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def scores(self) -> dict[str, np.ndarray]:
        """The scores that were measured when the slide was archived.

        Returns:
            The scores of `sr_tf.archive.gate.Measure` for the whole slide, float64 [rows, columns] each.

        Raises:
            UserError: the scores are damaged.
        """
        packed = self._safely(lambda: self._array("scores.npy", SCORE_TYPE, self.header.grid.gate_shape))
        return {name: unpack(name, packed[name]) for name in score_names(self.header.gate.max_enl0 is not None)}

    def kind(self, row: int, column: int) -> Kind:
        """How a block is stored."""
        return KINDS[int(self.index["kind"][row, column])]

    def stored_image(self, row: int, column: int) -> tuple[Kind, np.ndarray]:
        """Decodes a block: its kind and its stored image, as `sr_tf.archive.restored_blocks.RestoredBlocks` needs.

        Raises:
            UserError: the block is damaged.
        """
        kind = self.kind(row, column)
        x, y, width, height = self.header.grid.rectangle(row, column)
        try:
            if kind is NATIVE:
                return kind, self.header.native.read(self.segment, x, y, width, height)
            return kind, decode(kind, self.block_file(row, column), (height, width))
        except (ValueError, AttributeError) as error:
            raise self._damaged("block", row, column, error) from error

    def block_file(self, row: int, column: int) -> bytes:
        """A block's file as its codec wrote it.

        Raises:
            UserError: the block is damaged.
        """
        entry = self.index[row, column]
        body = self._at(self._offsets[row, column], int(entry["length"]))
        heads = self.header.heads
        try:
            file = av1.join(heads[int(entry["head"]) - 1], body) if entry["head"] else body
        except (ValueError, struct.error) as error:
            raise self._damaged("block", row, column, error) from error
        if half_sha256(file) != entry["sha256"].tobytes():
            raise self._damaged("block", row, column, "its SHA-256 is not the recorded one")
        return file

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original as a complete JPEG file; b"" if the original leaves it out.

        Raises:
            UserError: the segment is damaged.
        """
        entry = self.segment_index[row, column]
        packed = self._at(self._segment_offsets[row, column], int(entry["length"]))
        try:
            standalone = native.unpack(int(entry["kind"]), packed)
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

    def member(self, name: str) -> bytes:
        """The content of a member.

        Raises:
            UserError: the member is damaged.
        """
        return self._safely(lambda: self._checked(name, self._read(name)))

    def member_size(self, name: str) -> int:
        """The number of bytes of a member in the file."""
        return self._zip.getinfo(name).compress_size

    @property
    def comment(self) -> bytes:
        """The comment of the ZIP file; see `sr_tf.archive.container`."""
        return self._zip.comment

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

    def _read(self, name: str) -> bytes:
        with self._lock:
            if self._zip.getinfo(name).file_size > _LARGEST_MEMBER:
                raise ValueError(f"{name} is too large")
            return self._zip.read(name)

    def _checked(self, name: str, content: bytes) -> bytes:
        if hashlib.sha256(content).hexdigest() != self.header.members[name]:
            raise ValueError(f"the SHA-256 of {name} is not the recorded one")
        return content

    def _array(self, name: str, dtype: np.dtype, shape: tuple[int, int]) -> np.ndarray:
        values = np.load(io.BytesIO(self._checked(name, self._read(name))), allow_pickle=False)
        if values.dtype != dtype or values.shape != shape:
            raise ValueError(f"{name} is {values.dtype} {list(values.shape)}, expected {dtype} {list(shape)}")
        return values

    def _start(self, name: str) -> int:
        """The offset in the file at which the bytes of an uncompressed member begin."""
        info = self._zip.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed")
        header = self._at(info.header_offset, 30)
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        return info.header_offset + 30 + name_length + extra_length

    def _at(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._zip.fp.seek(int(offset))
            return self._zip.fp.read(int(length))


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
