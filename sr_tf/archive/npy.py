"""NPY files of a known type and shape: the header is compared before memory is taken."""

import ast
import math

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_LONGEST_HEADER = 1 << 10


def largest_file(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """The most bytes of an NPY file with an array of that type and shape."""
    return _LONGEST_HEADER + dtype.itemsize * math.prod(shape)


def read_array(name: str, content: bytes, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Reads an NPY file.

    Args:
        name: the file's name, for messages.
        content: the file's content.
        dtype: the expected type.
        shape: the expected shape.

    Raises:
        ValueError: the file contains something else.
    """
    length = len(_MAGIC) + 2 + int.from_bytes(content[len(_MAGIC) : len(_MAGIC) + 2], "little")
    expected = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    if not content.startswith(_MAGIC) or length > _LONGEST_HEADER:
        raise ValueError(f"{name} begins with {content[:8]!r}, expected an NPY file of version 1.0")
    text = content[len(_MAGIC) + 2 : length]
    try:
        found = ast.literal_eval(text.decode("ascii").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError(f"{name} has an unreadable NPY header, expected {expected}") from error
    if found != expected:
        shape_found = found.get("shape") if isinstance(found, dict) else found
        shown = " ".join(repr(shape_found).split())[:60]
        raise ValueError(f"{name} states the shape {shown} or another type, expected {dtype} {list(shape)}")
    size = dtype.itemsize * math.prod(shape)
    if len(content) - length != size:
        raise ValueError(f"{name} has {len(content) - length:,} bytes of values, expected {size:,}")
    return np.frombuffer(content, dtype, offset=length).reshape(shape).copy()
