"""Checks where the frames of DICOM slides lie, before OpenSlide reads them.

The library with which OpenSlide reads DICOM trusts the table of offsets and the lengths in the file: wrong ones end the
process. A file whose frames do not lie where its tables say is refused instead.
"""

import os
import struct
import warnings
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from sr_tf.errors import UserError, reason
from sr_tf.images.libraries import pydicom
from sr_tf.slides.dicom_series import files_of_series

_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_UNDEFINED = 0xFFFFFFFF


def check_series(path: Path) -> None:
    """Checks all files of a DICOM slide: those in its folder with the same series.

    Args:
        path: one of them.

    Raises:
        UserError: a file is damaged, or its frames do not lie where its tables say.
    """
    for one in files_of_series(path):
        _check_frames(one)


def header_of(path: Path, names: list[str]):
    """Reads elements from a file's header, as a dataset of pydicom.

    Raises:
        UserError: they cannot be read.
    """
    with path.open("rb") as file:
        return _read(path, file, names)


def frame_places(path: Path) -> list[tuple[int, int]]:
    """The place in the file and the length of each piece of the encapsulated pixel data; none if it is not that.

    Raises:
        UserError: the file is damaged.
    """
    with path.open("rb") as file:
        _read(path, file, [])
        start = file.tell()
        if file.read(4) != _PIXEL_DATA or struct.unpack("<2sHI", file.read(8))[2] != _UNDEFINED:
            return []
        table_bytes = int.from_bytes(file.read(8)[4:], "little")
        file.seek(start + 12)
        _, pieces = _items(path, file, os.fstat(file.fileno()).st_size)
        first = start + 12 + 8 + table_bytes
        return [(first + place + 8, length) for place, length in pieces.items()]


def _read(path: Path, file: BinaryIO, names: list[str]):
    """Reads elements from a header; leaves the file at its pixel data."""
    config, dcmread = pydicom.config, pydicom.dcmread
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            header = dcmread(file, stop_before_pixels=True, specific_tags=names)
            for name in names:
                header.get(name)  # decodes the value
            return header
    except Exception as error:  # pydicom raises exceptions of many types for a damaged file.
        raise UserError(f"{path}: cannot be read as a DICOM file ({reason(error)})") from error


def _check_frames(path: Path) -> None:
    names = ["NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated"]
    with path.open("rb") as file:
        header = _read(path, file, [*names, "ExtendedOffsetTable"])
        try:
            frames, rows, columns, samples, bits = (int(header.get(name) or 1) for name in names)
        except (TypeError, ValueError, OverflowError) as error:
            raise UserError(
                f"{path}: is damaged, its {' or '.join(names)} is not a number ({reason(error)})"
            ) from error
        try:
            _check_pixel_data(
                path, file, frames, rows * columns * samples * bits // 8, header.get("ExtendedOffsetTable")
            )
        except struct.error as error:
            raise UserError(f"{path}: is truncated, expected its frames up to their end") from error


def _check_pixel_data(path: Path, file: BinaryIO, frames: int, frame_bytes: int, extended: bytes | None) -> None:
    size = os.fstat(file.fileno()).st_size
    if file.read(4) != _PIXEL_DATA:
        raise UserError(f"{path}: holds no pixel data, expected a DICOM slide")
    _, _, length = struct.unpack("<2sHI", file.read(8))
    if length != _UNDEFINED:
        if file.tell() + length > size or frames * frame_bytes > length:
            raise UserError(
                f"{path}: holds {min(length, size - file.tell()):,} bytes of pixels, expected {frames * frame_bytes:,}"
            )
        return
    table, starts = _items(path, file, size)
    if extended:
        table = struct.unpack(f"<{len(extended) // 8}Q", extended[: len(extended) // 8 * 8])
    if len(starts) < frames:
        raise UserError(f"{path}: is damaged, holds {len(starts):,} frames, expected {frames:,}")
    increasing = all(first < second for first, second in pairwise(table))
    if table and (len(table) != frames or not increasing or not set(table) <= starts.keys()):
        raise UserError(f"{path}: is damaged, its table of frames is not that of {frames:,} frames in its pixel data")


def _items(path: Path, file: BinaryIO, size: int) -> tuple[tuple[int, ...], dict[int, int]]:
    """The table of offsets, and the length of each piece of encapsulated pixel data by its offset."""
    tag, length = struct.unpack("<4sI", file.read(8))
    if tag != _ITEM or file.tell() + length > size:
        raise UserError(f"{path}: is damaged, expected a table of frames at the start of its pixel data")
    table = struct.unpack(f"<{length // 4}I", file.read(length)[: length // 4 * 4])
    first, pieces = file.tell(), {}
    while True:
        place = file.tell()
        tag, length = struct.unpack("<4sI", file.read(8))
        if tag == _END:
            return table, pieces
        if tag != _ITEM or place + 8 + length > size:
            raise UserError(f"{path}: is damaged, expected a frame at byte {place:,}")
        pieces[place - first] = length
        file.seek(length, os.SEEK_CUR)
