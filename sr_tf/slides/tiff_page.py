"""A page of a TIFF file: how it is divided into tiles or strips, and the tags that its pixels depend on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sr_tf.images.tiff_samples import are_8_bit, describe_samples
from sr_tf.images.tiles import Rectangle, assemble, under

JPEG = 7
"""Value of the TIFF tag Compression."""

GREY, RGB, YCBCR = 1, 2, 6
"""Values of the TIFF tag PhotometricInterpretation."""

REDUCED, MASK = 1, 4
"""Bits of the TIFF tag NewSubfileType: a smaller copy of another image, a transparency mask."""

MAX_SEGMENT_PIXELS = 2**26
"""Larger tiles or strips are refused as damaged or malicious. Scanners write at most 4096 × 4096 pixels."""

WHITE = 255
"""Value of all samples of a segment that the file leaves out."""


@dataclass(frozen=True, eq=False)
class SegmentGrid:
    """The division of an image into segments: tiles, or strips of the image's width.

    Attributes:
        width: width of the image in pixels.
        height: height of the image in pixels.
        segment_width: width of a tile in pixels; the image's width for strips.
        segment_height: height of a tile or strip in pixels.
        x: left edge of the image in pixels of what it is a part of; 0 unless a subclass says else.
        y: its upper edge.
    """

    x = y = 0

    width: int
    height: int
    segment_width: int
    segment_height: int

    @property
    def columns(self) -> int:
        """The number of segments in a row; 1 for strips."""
        return -(-self.width // self.segment_width)

    @property
    def rows(self) -> int:
        """The number of rows of segments."""
        return -(-self.height // self.segment_height)

    def rectangle(self, row: int, column: int) -> Rectangle:
        """(x, y, width, height) of a segment in pixels, cropped at the image's edge."""
        x, y = column * self.segment_width, row * self.segment_height
        width, height = min(self.segment_width, self.width - x), min(self.segment_height, self.height - y)
        return self.x + x, self.y + y, width, height

    def under(self, x: int, y: int, width: int, height: int) -> Iterator[tuple[int, int]]:
        """Yields (row, column) of each segment that a rectangle touches, row by row."""
        left, top = max(0, x - self.x), max(0, y - self.y)
        right, bottom = min(x + width - self.x, self.width), min(y + height - self.y, self.height)
        if right <= left or bottom <= top:
            return iter(())
        return under((left, top, right - left, bottom - top), self.segment_width, self.segment_height)

    def assemble(
        self, decode: Callable[[int, int], np.ndarray | None], x: int, y: int, width: int, height: int
    ) -> np.ndarray:
        """Puts a rectangle together from the segments that it touches.

        Args:
            decode: called with (row, column); returns the segment, uint8 [h, w, 3] or [h, w, 1], or None if the file
                leaves it out.
            x: left edge in pixels.
            y: upper edge in pixels.
            width: width in pixels.
            height: height in pixels.

        Returns:
            uint8 [height, width, 3]; white where segments are left out, and outside the image.
        """
        places = ((self.rectangle(row, column), decode(row, column)) for row, column in self.under(x, y, width, height))
        parts = ((left, top, pixels[:high, :wide]) for (left, top, wide, high), pixels in places if pixels is not None)
        return assemble((x, y, width, height), parts, fill=WHITE)


@dataclass(frozen=True, eq=False)
class Page(SegmentGrid):
    """The tags of a TIFF page that its pixels depend on; see also `SegmentGrid`.

    Attributes:
        tiled: the page has tiles, not strips.
        compression: TIFF tag Compression.
        photometric: TIFF tag PhotometricInterpretation.
        samples: samples per pixel.
        bits: TIFF tag BitsPerSample, a value for each sample or one for all.
        formats: TIFF tag SampleFormat, a value for each sample or one for all.
        contiguous: the samples of a pixel are stored side by side, not in separate planes.
        orientation: TIFF tag Orientation; 1 if the first row is the upper edge and the first column the left one.
        kind: TIFF tag NewSubfileType, a sum of `REDUCED`, `MASK` and others.
        name: TIFF tags ImageDescription, DocumentName and PageName, a line each.
        predictor: TIFF tag Predictor.
        fill_order: TIFF tag FillOrder.
        tables: TIFF tag JPEGTables, or None.
        subsampling: TIFF tag YCbCrSubSampling, or None.
        icc: colour profile, or None.
        offsets: int64 [n], the positions of the segments in the file, row by row.
        counts: int64 [n], the sizes of the segments in bytes; 0 if the file leaves the segment out.
    """

    tiled: bool
    compression: int
    photometric: int
    samples: int
    bits: tuple[int, ...]
    formats: tuple[int, ...]
    contiguous: bool
    orientation: int
    kind: int
    name: str
    predictor: int
    fill_order: int
    tables: bytes | None
    subsampling: tuple[int, int] | None
    icc: bytes | None
    offsets: np.ndarray
    counts: np.ndarray

    @property
    def is_8_bit(self) -> bool:
        """Whether all samples are unsigned 8-bit numbers."""
        return are_8_bit(self.bits, self.formats)

    @property
    def depth(self) -> str:
        """The kind of the samples in words, for error messages."""
        return describe_samples(self.bits, self.formats)

    @property
    def planes(self) -> int:
        """The number of planes that hold the samples: 1 if the samples of a pixel are stored side by side."""
        return 1 if self.contiguous else self.samples

    @property
    def is_rgb_or_grey(self) -> bool:
        """Whether the pixels are grey, RGB, RGB with alpha, or YCbCr in JPEG."""
        photometrics = {1: (GREY,), 3: (RGB, YCBCR), 4: (RGB,)}.get(self.samples, ())
        return self.photometric in photometrics and (self.photometric != YCBCR or self.compression == JPEG)
