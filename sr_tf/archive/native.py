"""The original's own JPEG segments, repacked without loss as JPEG XL.

JPEG XL can hold the data of a JPEG file in fewer bytes and give the file back bit by bit (ISO/IEC 18181-2, annex A,
`jbrd`). Where that does not hold for a segment, its own bytes are kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import imagecodecs
import numpy as np

from sr_tf.images.tiles import assemble, under
from sr_tf.slides.jpeg_grid import decode_segment

MISSING, REPACKED, RAW = range(3)


@dataclass(frozen=True)
class Segments:
    """Where the segments of a TIFF page lie.

    Attributes:
        width: of the page in pixels.
        height: of the page in pixels.
        segment_width: of a tile, or of the page where it is cut into strips.
        segment_height: of a tile or strip.
        photometric: TIFF tag.
        subsampling: TIFF tag YCbCrSubSampling, if there.
        tables: TIFF tag JPEGTables, if there.
    """

    width: int
    height: int
    segment_width: int
    segment_height: int
    photometric: int
    subsampling: tuple[int, int] | None
    tables: bytes | None

    @property
    def columns(self) -> int:
        """Segments in a row."""
        return -(-self.width // self.segment_width)

    @property
    def rows(self) -> int:
        """Rows of segments."""
        return -(-self.height // self.segment_height)

    def under(self, x: int, y: int, width: int, height: int) -> Iterator[tuple[int, int]]:
        """(row, column) of the segments that a rectangle touches."""
        return under((x, y, width, height), self.segment_width, self.segment_height)

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

        def parts() -> Iterator[tuple[int, int, np.ndarray]]:
            for row, column in self.under(x, y, width, height):
                file = standalone(row, column)
                if file:
                    segment = decode_segment(file, self.photometric, self.subsampling)
                    yield column * self.segment_width, row * self.segment_height, segment

        return assemble((x, y, width, height), parts(), fill=255)


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
