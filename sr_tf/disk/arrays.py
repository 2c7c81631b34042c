"""Reading `.npz` files of others: type and shape of every array are checked before memory is taken for it."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sr_tf.disk.files import input_file
from sr_tf.disk.zip_files import open_stored
from sr_tf.errors import UserError, reason

_SUFFIX = ".npy"
_LONGEST_TEXT = 4096
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Shape = tuple[int | None, ...]
"""The lengths of an array's axes; None: any."""


class ArrayFile:
    """A `.npz` file that `numpy.savez` wrote, opened for reading; a context manager that closes it. Thread-safe.

    Args:
        path: the file.
        expected: the end of every error's message: "expected a checkpoint of this run".
        most: the largest number of arrays.

    Attributes:
        path: the file.
        names: the arrays' names.

    Raises:
        UserError: the file is missing, is no regular file, is damaged, or contains something else.
    """

    def __init__(self, path: Path, expected: str, most: int):
        self.path, self._expected = path, expected
        with self._named_errors():
            self._zip = open_stored(path, most)
        names = self._zip.namelist()
        self.names = frozenset(name.removesuffix(_SUFFIX) for name in names)
        if not all(name.endswith(_SUFFIX) for name in names):
            self.close()
            raise UserError(f"{path}: contains other files than arrays, {expected}")

    def __enter__(self) -> "ArrayFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._zip.close()

    def read(self, name: str, dtype: str | np.dtype, shape: Shape) -> np.ndarray:
        """Reads an array.

        Args:
            name: the array's name.
            dtype: its type; "U": text of at most 1,024 characters.
            shape: its shape.

        Raises:
            UserError: there is no such array, it is damaged, or it has another type or shape.
        """
        with self._named_errors(), self._zip.open(name + _SUFFIX) as member:
            version = np.lib.format.read_magic(member)
            if version not in _HEADERS:
                raise ValueError(f"{name}: NPY format {version}, expected 1.0 or 2.0")
            found, by_columns, kind = _HEADERS[version](member)
            if shape == () and found == (1,):
                found = ()  # numpy.ascontiguousarray writes single values like this
            if not _is_kind(kind, dtype) or not _is_shape(found, shape):
                wanted = ["any" if side is None else side for side in shape]
                raise ValueError(f"{name}: {kind} {list(found)}, expected {dtype} {wanted}")
            size = math.prod(found) * kind.itemsize
            if size != self._zip.getinfo(name + _SUFFIX).file_size - member.tell():
                raise ValueError(f"{name}: states {size:,} bytes, which are not there")
            # Read to the end of the member, where zipfile compares its checksum.
            values = np.frombuffer(bytearray(member.read()), kind)
            return values.reshape(found, order="F" if by_columns else "C")

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turns what zipfile and NumPy raise for damaged files into one line with the file's name."""
        with input_file(self.path, self._expected):
            try:
                yield
            except (OSError, UserError):
                raise
            except KeyError as error:
                raise self._unreadable(str(error.args[0])) from error
            except Exception as error:  # damaged bytes can raise almost any exception
                raise self._unreadable(error) from error

    def _unreadable(self, why: Exception | str) -> UserError:
        return UserError(f"{self.path}: cannot be read ({reason(why)}), {self._expected}")


def _is_kind(found: np.dtype, expected: str | np.dtype) -> bool:
    if expected == "U":
        return found.kind == "U" and found.itemsize <= _LONGEST_TEXT
    return found == np.dtype(expected)


def _is_shape(found: tuple, expected: Shape) -> bool:
    return len(found) == len(expected) and all(
        isinstance(side, int) and side >= 0 and wanted in (None, side)
        for side, wanted in zip(found, expected, strict=True)
    )
