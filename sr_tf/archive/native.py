"""The original's own segments: JPEG, repacked without loss as JPEG XL, or JPEG 2000 as it is.

JPEG XL can store the data of a JPEG file in fewer bytes and give the file back bit by bit (ISO/IEC 18181-2, annex A,
`jbrd`). If that fails for a segment, the segment is stored as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sr_tf.images.decoders import unpack_jpeg
from sr_tf.images.jpegxl_jpeg import MOST_METADATA, MOST_SCANS, check_repacked
from sr_tf.images.libraries import imagecodecs
from sr_tf.slides.jpeg2000 import check_codestream, decode_codestream
from sr_tf.slides.jpeg_segments import decode_segment, frame_size
from sr_tf.slides.tiff_page import SegmentGrid

JPEG_FILES, JPEG_2000 = "jpeg", "jpeg2000"
"""How segments are coded."""

MISSING, REPACKED, RAW = range(3)
"""How a segment is stored: the original leaves it out, as JPEG XL, or as it is."""


PREVIEW_SIDE = 320
"""Largest side of an archive's preview in pixels."""

_SCAN = b"\xff\xda"
"""The marker that begins a scan. Compressed data does not contain it."""


@dataclass(frozen=True)
class Segments(SegmentGrid):
    """The segments of a page of colour JPEG or JPEG 2000; see also `SegmentGrid`.

    Attributes:
        photometric: TIFF tag PhotometricInterpretation: 2 (RGB) or 6 (YCbCr).
        subsampling: TIFF tag YCbCrSubSampling, or None.
        tables: TIFF tag JPEGTables, or None.
        codec: `JPEG_FILES` or `JPEG_2000`.
        x: left edge of the page in pixels of the slide.
        y: its upper edge. Outside the page, the slide is white.
    """

    photometric: int
    subsampling: tuple[int, int] | None
    tables: bytes | None
    codec: str = JPEG_FILES
    x: int = 0
    y: int = 0

    def covers(self, width: int, height: int) -> bool:
        """Whether the page is all of a slide of this size."""
        return (self.x, self.y, self.width, self.height) == (0, 0, width, height)

    def sizes(self, row: int) -> set[tuple[int, int]]:
        """The (width, height) in pixels that a segment of a row can have: the last strip may be lower than others."""
        rest = min(self.segment_height, self.height - row * self.segment_height)
        return {(self.segment_width, self.segment_height), (self.segment_width, rest)}

    def share(self, row: int, column: int, x: int, y: int, width: int, height: int) -> float:
        """The share of a segment's area that a rectangle covers, 0 to 1."""
        left, top, wide, high = self.rectangle(row, column)
        right, bottom = left + wide, top + high
        covered = max(0, min(right, x + width) - max(left, x)) * max(0, min(bottom, y + height) - max(top, y))
        return covered / (wide * high)

    def read(self, standalone: Callable[[int, int], bytes], x: int, y: int, width: int, height: int) -> np.ndarray:
        """Decodes a rectangle.

        Args:
            standalone: a function from (row, column) to a segment as a complete file; b"" if it is missing.
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
            if not file:
                return None
            if self.codec == JPEG_2000:
                return decode_codestream(file, self.photometric, self.segment_width, self.segment_height)
            check_jpeg(file, self.sizes(row))
            return decode_segment(file, self.photometric)

        return self.assemble(decode, x, y, width, height)


def repack(standalone: bytes, codec: str = JPEG_FILES) -> tuple[int, bytes]:
    """Stores a segment in as few bytes as give it back.

    Args:
        standalone: a complete JPEG file or codestream; b"" if the segment is missing.
        codec: `JPEG_FILES` or `JPEG_2000`.

    Returns:
        (`REPACKED`, JPEG XL); (`RAW`, the file itself) if JPEG XL is not smaller or does not give the file back, and
        for JPEG 2000; or (`MISSING`, b"").
    """
    if not standalone:
        return MISSING, b""
    if codec == JPEG_2000:
        return RAW, standalone
    try:
        packed = imagecodecs.jpegxl_encode_jpeg(standalone, numthreads=1)
        if len(packed) < len(standalone) and unpack_jpeg(packed) == standalone:
            check_repacked(packed, {frame_size(standalone)[:2]})
            return REPACKED, packed
    except (RuntimeError, ValueError):  # a kind of JPEG that JPEG XL does not support, or with too much metadata
        pass
    return RAW, standalone


def unpack(kind: int, packed: bytes, sizes: set[tuple[int, int]], codec: str = JPEG_FILES) -> bytes:
    """The inverse of `repack`.

    Args:
        kind: `MISSING`, `REPACKED` or `RAW`.
        packed: the stored bytes.
        sizes: the (width, height) in pixels that the segment can have, see `Segments.sizes`.
        codec: `JPEG_FILES` or `JPEG_2000`.

    Raises:
        ValueError: the packed segment is damaged, or has another size.
    """
    if kind not in (MISSING, REPACKED, RAW) or (kind == MISSING and packed):
        raise ValueError(f"a segment of {len(packed)} bytes is stored in the way {kind}, expected 0, 1 or 2")
    if codec == JPEG_2000 and kind != MISSING:
        if kind == REPACKED:
            raise ValueError("a JPEG 2000 segment is stored in the way 1, expected 0 or 2")
        check_codestream(packed, *max(sizes))
    if kind != REPACKED:
        return packed
    check_repacked(packed, sizes)
    try:
        return unpack_jpeg(packed)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"a JPEG segment cannot be unpacked ({error})") from error


def largest_jpeg(segments: SegmentGrid) -> int:
    """The most bytes of a segment: no JPEG encoder writes so many for a pixel."""
    return 8 * segments.segment_width * segments.segment_height + MOST_METADATA


def check_jpeg(file: bytes, sizes: set[tuple[int, int]]) -> None:
    """Checks what a JPEG file states before it is decoded.

    Args:
        file: the file's content.
        sizes: the expected (width, height) in pixels, one of these.

    Raises:
        ValueError: its frame header states another size, or it has too many scans.
    """
    width, height, _ = frame_size(file)
    if (width, height) not in sizes:
        expected = " or ".join(f"{one[0]}×{one[1]}" for one in sorted(sizes))
        raise ValueError(f"the JPEG claims {width}×{height} pixels, expected {expected}")
    _check_scans(file)


def check_preview(file: bytes) -> None:
    """Checks what the JPEG file of an archive's preview states before it is decoded.

    Raises:
        ValueError: it states a larger side than `PREVIEW_SIDE`, or has too many scans.
    """
    width, height, components = frame_size(file)
    if not (0 < width <= PREVIEW_SIDE and 0 < height <= PREVIEW_SIDE and components == 3):
        found = f"{width}×{height} pixels of {components} components"
        raise ValueError(f"claims {found}, expected at most {PREVIEW_SIDE}×{PREVIEW_SIDE} of 3")
    _check_scans(file)


def _check_scans(file: bytes) -> None:
    if (scans := file.count(_SCAN)) > MOST_SCANS:
        raise ValueError(f"the JPEG has {scans} scans, expected at most {MOST_SCANS}")
