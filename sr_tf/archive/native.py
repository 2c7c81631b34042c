"""The original's own JPEG segments, repacked without loss as JPEG XL.

JPEG XL can hold the data of a JPEG file in fewer bytes and give the file back bit by bit (ISO/IEC 18181-2, annex A,
`jbrd`). Where that does not hold for a segment, its own bytes are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np

from sr_tf.slides.jpeg_segments import decode_segment
from sr_tf.slides.tiff_page import SegmentGrid

MISSING, REPACKED, RAW = range(3)


@dataclass(frozen=True)
class Segments(SegmentGrid):
    """The segments of a TIFF page of colour JPEGs; see also `SegmentGrid`.

    Attributes:
        photometric: TIFF tag PhotometricInterpretation: 2 (RGB) or 6 (YCbCr).
        subsampling: TIFF tag YCbCrSubSampling, or None.
        tables: TIFF tag JPEGTables, or None.
    """

    photometric: int
    subsampling: tuple[int, int] | None
    tables: bytes | None

    def share(self, row: int, column: int, x: int, y: int, width: int, height: int) -> float:
        """How much of a segment a rectangle covers, 0 to 1."""
        left, top = column * self.segment_width, row * self.segment_height
        right, bottom = min(left + self.segment_width, self.width), min(top + self.segment_height, self.height)
        covered = max(0, min(right, x + width) - max(left, x)) * max(0, min(bottom, y + height) - max(top, y))
        return covered / ((right - left) * (bottom - top))

    def read(self, standalone: Callable[[int, int], bytes], x: int, y: int, width: int, height: int) -> np.ndarray:
        """Decodes a rectangle.

        Args:
            standalone: from (row, column) to a segment as a complete JPEG file; empty where it is missing.
            x: left edge.
            y: upper edge.
            width: in pixels.
            height: in pixels.

        Returns:
            uint8 [height, width, 3]; white where segments are missing.

        Raises:
            ValueError: a segment cannot be decoded.
        """

        def decode(row: int, column: int) -> np.ndarray | None:
            file = standalone(row, column)
            return decode_segment(file, self.photometric) if file else None

        return self.assemble(decode, x, y, width, height)


def repack(standalone: bytes) -> tuple[int, bytes]:
    """A JPEG file in fewer bytes.

    Returns:
        (`REPACKED`, JPEG XL), or (`RAW`, the file itself) where JPEG XL does not give it back or is no smaller, or
        (`MISSING`, nothing).
    """
    if not standalone:
        return MISSING, b""
    try:
        packed = imagecodecs.jpegxl_encode_jpeg(standalone, numthreads=1)
        if len(packed) < len(standalone) and imagecodecs.jpegxl_decode_jpeg(packed, numthreads=1) == standalone:
            return REPACKED, packed
    except (RuntimeError, ValueError):  # a kind of JPEG that it does not take
        pass
    return RAW, standalone


def unpack(kind: int, packed: bytes) -> bytes:
    """The inverse of `repack`.

    Raises:
        ValueError: damaged.
    """
    if kind != REPACKED:
        return packed
    try:
        return imagecodecs.jpegxl_decode_jpeg(packed, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"a JPEG segment cannot be unpacked ({error})") from error
