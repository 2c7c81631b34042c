"""The original's own JPEG segments, repacked without loss as JPEG XL.

JPEG XL can store the data of a JPEG file in fewer bytes and give the file back bit by bit (ISO/IEC 18181-2, annex A,
`jbrd`). If that fails for a segment, the segment is stored as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np

from sr_tf.slides.jpeg_segments import decode_segment
from sr_tf.slides.tiff_page import SegmentGrid

MISSING, REPACKED, RAW = range(3)
"""How a segment is stored: the original leaves it out, as JPEG XL, or as it is."""


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
        """The share of a segment's area that a rectangle covers, 0 to 1."""
        left, top = column * self.segment_width, row * self.segment_height
        right, bottom = min(left + self.segment_width, self.width), min(top + self.segment_height, self.height)
        covered = max(0, min(right, x + width) - max(left, x)) * max(0, min(bottom, y + height) - max(top, y))
        return covered / ((right - left) * (bottom - top))

    def read(self, standalone: Callable[[int, int], bytes], x: int, y: int, width: int, height: int) -> np.ndarray:
        """Decodes a rectangle.

        Args:
            standalone: a function from (row, column) to a segment as a complete JPEG file; b"" if it is missing.
            x: left edge in pixels.
            y: upper edge in pixels.
            width: width in pixels.
            height: height in pixels.

        Returns:
            uint8 [height, width, 3], RGB; white where segments are missing.

        Raises:
            ValueError: a segment cannot be decoded.
        """

        def decode(row: int, column: int) -> np.ndarray | None:
            file = standalone(row, column)
            return decode_segment(file, self.photometric) if file else None

        return self.assemble(decode, x, y, width, height)


def repack(standalone: bytes) -> tuple[int, bytes]:
    """Stores a JPEG file in fewer bytes.

    Args:
        standalone: a complete JPEG file; b"" if the segment is missing.

    Returns:
        (`REPACKED`, JPEG XL); (`RAW`, the file itself) if JPEG XL is not smaller or does not give the file back; or
        (`MISSING`, b"").
    """
    if not standalone:
        return MISSING, b""
    try:
        packed = imagecodecs.jpegxl_encode_jpeg(standalone, numthreads=1)
        if len(packed) < len(standalone) and imagecodecs.jpegxl_decode_jpeg(packed, numthreads=1) == standalone:
            return REPACKED, packed
    except (RuntimeError, ValueError):  # a kind of JPEG that JPEG XL does not support
        pass
    return RAW, standalone


def unpack(kind: int, packed: bytes) -> bytes:
    """The inverse of `repack`.

    Raises:
        ValueError: the packed segment is damaged.
    """
    if kind != REPACKED:
        return packed
    try:
        return imagecodecs.jpegxl_decode_jpeg(packed, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"a JPEG segment cannot be unpacked ({error})") from error
