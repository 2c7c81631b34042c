"""Writing the file of a DICOM image from encoded frames, one frame in memory at a time."""

import os
import struct
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileMetaDataset
from pydicom.encaps import itemize_frame
from pydicom.uid import UID, JPEG2000Lossless

from sr_tf.images.libraries import imagecodecs

_PIXEL_DATA = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_EMPTY_TABLE, _END = b"\xfe\xff\x00\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_ITEM_HEADER = 8
_LARGEST_BASIC = 2**32 - 1


class Jpeg2000:
    """Lossless JPEG 2000 with the reversible colour transform."""

    syntax, photometric = JPEG2000Lossless, "YBR_RCT"

    def encode(self, tile: np.ndarray) -> bytes:
        """Encodes a tile, uint8 [H, W, 3], as a bare codestream."""
        return imagecodecs.jpeg2k_encode(tile, level=0, codecformat="j2k", mct=True, reversible=True, numthreads=1)

    def decode(self, content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
        """Decodes a tile: uint8 of the given shape, equal to the encoded one."""
        return imagecodecs.jpeg2k_decode(content).reshape(shape)


def write_image(
    path: Path, image: Dataset, syntax: UID, lengths: Iterable[int], frames: Callable[[], Iterable[bytes]]
) -> None:
    """Writes a file: the header by pydicom, then the frames one by one.

    The frames' places stand in the basic table, or in the extended one where 32 bits are too few for them.

    Args:
        path: the file to create or overwrite.
        image: all elements but the pixels.
        syntax: the transfer syntax of the encoded frames.
        lengths: the bytes of each frame.
        frames: called once; gives the encoded frames in order.

    Raises:
        OSError: the file cannot be written.
    """
    padded = [length + length % 2 for length in lengths]
    *offsets, _ = accumulate((_ITEM_HEADER + length for length in padded), initial=0)
    table = _EMPTY_TABLE
    if offsets[-1] <= _LARGEST_BASIC:
        table = _EMPTY_TABLE[:4] + struct.pack(f"<I{len(offsets)}I", 4 * len(offsets), *offsets)
    else:
        image.ExtendedOffsetTable = struct.pack(f"<{len(offsets)}Q", *offsets)
        image.ExtendedOffsetTableLengths = struct.pack(f"<{len(padded)}Q", *padded)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    with path.open("wb") as file:
        image.save_as(file, enforce_file_format=True)
        file.write(_PIXEL_DATA + table)
        for frame in frames():
            file.writelines(itemize_frame(frame))
        file.write(_END)
        file.flush()
        os.fsync(file.fileno())
