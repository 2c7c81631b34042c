"""Reading an archive: nothing is returned whose hash is not right."""

import hashlib
import io
import struct
import threading
import zipfile
import zlib
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
from sr_tf.errors import UserError

_LARGEST_MEMBER = 1 << 31
"""Of those that are read at once, in bytes."""

# What zipfile, JSON and NumPy raise on damaged files.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, TypeError, IndexError, AttributeError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, UnicodeError, OSError,
)  # fmt: skip


class ArchiveFile:
    """An archive, open for reading; thread-safe.

    Args:
        path: of the file.

    Attributes:
        path: of the file.
        header: what it says of itself.
        index: `BLOCK_TYPE` [rows, columns].
        segment_index: `SEGMENT_TYPE` [rows, columns], if it holds segments of the original.

    Raises:
        UserError: not an archive, or damaged.
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
            found = "is empty" if self.path.stat().st_size == 0 else f"is no ZIP file or a damaged one ({_line(error)})"
            raise UserError(f"{self.path}: {found}, expected an archive of `sr-tf archive`") from error
        try:
            self._open()
        except UserError:
            self.close()
            raise
        except _DAMAGED as error:
            self.close()
            raise UserError(
                f"{self.path}: not an archive of this version, or a damaged one ({_line(error)})"
            ) from error

    def _open(self) -> None:
        if len(self.comment) != COMMENT_LENGTH:
            raise ValueError("its end is missing")
        names = set(self._zip.namelist())
        icc = self._zip.read("profile.icc") if "profile.icc" in names else None
        self.header = Header.from_json(self._read("archive.json").decode("utf-8"), icc)
        if names != {"archive.json", *self.header.members}:
            raise ValueError("members are missing or too many")
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
        """Measured when the slide was archived, as `sr_tf.archive.gate.Measure` returns them, for the whole slide."""
        packed = self._safely(lambda: self._array("scores.npy", SCORE_TYPE, self.header.grid.gate_shape))
        return {name: unpack(name, packed[name]) for name in score_names(self.header.gate.max_enl0 is not None)}

    def kind(self, row: int, column: int) -> Kind:
        """How a block is stored."""
        return KINDS[int(self.index["kind"][row, column])]

    def stored_image(self, row: int, column: int) -> tuple[Kind, np.ndarray]:
        """A block's kind and stored image; for `sr_tf.archive.restored_blocks.RestoredBlocks`.

        Raises:
            UserError: it is damaged.
        """
        kind = self.kind(row, column)
        x, y, width, height = self.header.grid.rectangle(row, column)
        try:
            if kind is NATIVE:
                return kind, self.header.native.read(self.segment, x, y, width, height)
            return kind, decode(kind, self.block_file(row, column), (height, width))
        except (ValueError, AttributeError) as error:
            raise UserError(f"{self.path}: block {column},{row} is damaged: {_line(error)}") from error

    def block_file(self, row: int, column: int) -> bytes:
        """A block's file as its codec made it.

        Raises:
            UserError: its hash is another.
        """
        entry = self.index[row, column]
        body = self._at(self._offsets[row, column], int(entry["length"]))
        heads = self.header.heads
        try:
            file = av1.join(heads[int(entry["head"]) - 1], body) if entry["head"] else body
        except (ValueError, struct.error) as error:
            raise UserError(f"{self.path}: block {column},{row} is damaged: {error}") from error
        if half_sha256(file) != entry["sha256"].tobytes():
            raise UserError(f"{self.path}: block {column},{row} is damaged, its SHA-256 is not the one recorded")
        return file

    def segment(self, row: int, column: int) -> bytes:
        """A segment of the original as a complete JPEG file; empty where the original had none.

        Raises:
            UserError: its hash is another, or it cannot be unpacked.
        """
        entry = self.segment_index[row, column]
        packed = self._at(self._segment_offsets[row, column], int(entry["length"]))
        try:
            standalone = native.unpack(int(entry["kind"]), packed)
        except ValueError as error:
            raise UserError(f"{self.path}: segment {column},{row} is damaged: {error}") from error
        if half_sha256(standalone) != entry["sha256"].tobytes():
            raise UserError(f"{self.path}: segment {column},{row} is damaged, its SHA-256 is not the one recorded")
        return standalone

    def associated(self, name: str) -> np.ndarray:
        """Label, macro and the like, uint8 [h, w, 3].

        Raises:
            UserError: damaged.
        """
        entry = self.header.associated[name]
        return self._safely(lambda: decode_associated(entry, self.member(f"associated/{name}")))

    def member(self, name: str) -> bytes:
        """A member's content.

        Raises:
            UserError: damaged.
        """
        return self._safely(lambda: self._checked(name, self._read(name)))

    def member_size(self, name: str) -> int:
        """Bytes of a member in the file."""
        return self._zip.getinfo(name).compress_size

    @property
    def comment(self) -> bytes:
        """Of the ZIP; see `sr_tf.archive.container`."""
        return self._zip.comment

    def sha256(self) -> str:
        """Of the whole file."""
        return sha256_of_file(self.path)

    def _safely(self, action):
        try:
            return action()
        except UserError:
            raise
        except _DAMAGED as error:
            raise UserError(f"{self.path}: damaged ({_line(error)})") from error

    def _read(self, name: str) -> bytes:
        with self._lock:
            if self._zip.getinfo(name).file_size > _LARGEST_MEMBER:
                raise ValueError(f"{name} is too large")
            return self._zip.read(name)

    def _checked(self, name: str, content: bytes) -> bytes:
        if hashlib.sha256(content).hexdigest() != self.header.members[name]:
            raise ValueError(f"the SHA-256 of {name} is not the one recorded")
        return content

    def _array(self, name: str, dtype: np.dtype, shape: tuple[int, int]) -> np.ndarray:
        values = np.load(io.BytesIO(self._checked(name, self._read(name))), allow_pickle=False)
        if values.dtype != dtype or values.shape != shape:
            raise ValueError(f"{name} is {values.dtype} {list(values.shape)}, expected {dtype} {list(shape)}")
        return values

    def _start(self, name: str) -> int:
        """Where a member's bytes begin in the file; it must not be compressed."""
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
    """Where each of several pieces begins that lie one behind the other."""
    ends = np.cumsum(lengths.ravel(), dtype=np.int64)
    if ends.size and ends[-1] != size:
        raise ValueError(f"the pieces have {ends[-1]} bytes in all, expected {size}")
    return (start + ends - lengths.ravel()).reshape(lengths.shape)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
