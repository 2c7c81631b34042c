"""JPEG in TIFF: segments that share their tables.

A TIFF page can store the quantisation and Huffman tables of its tiles or strips once, in the tag JPEGTables. This is a
JPEG stream that holds only tables, and each segment is a stream without tables (TIFF Technical Note 2). The tables
without their EOI marker, followed by the segment without its SOI marker, are a complete JPEG file.
"""

import re

import numpy as np

from sr_tf.errors import reason
from sr_tf.images import decoders
from sr_tf.slides.tiff_page import MAX_SEGMENT_PIXELS, RGB, YCBCR

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_COLOUR_SPACES = {RGB: "RGB", YCBCR: "YCBCR"}
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
"""The markers that no length follows: TEM, RST0 to RST7, SOI."""
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BASELINE, _PROGRESSIVE = 0xC0, 0xC2
_SCAN, _RESTARTS = 0xDA, 0xDD
MARKER_AFTER_SCAN = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""A marker in compressed data that is neither a stuffed byte nor a restart marker; group 1 is its code."""


def join_tables(tables: bytes | None, segment: bytes) -> bytes:
    """Joins a page's tables and a segment into a complete JPEG file.

    Args:
        tables: the tag JPEGTables, or None if each segment has its own tables.
        segment: a JPEG stream.

    Returns:
        A JPEG file. `split_tables` is the inverse.

    Raises:
        ValueError: the tables or the segment are not a JPEG stream.
    """
    if not segment.startswith(_SOI):
        raise ValueError(f"not a JPEG: begins with {segment[:2].hex() or 'nothing'}, expected ffd8")
    return segment if tables is None else _head(tables) + segment[2:]


def split_tables(tables: bytes | None, standalone: bytes) -> bytes:
    """The inverse of `join_tables`, exact to the byte.

    Raises:
        ValueError: `standalone` does not begin with the tables.
    """
    head = _SOI if tables is None else _head(tables)
    if not standalone.startswith(head):
        raise ValueError("the JPEG does not begin with the page's tables")
    return _SOI + standalone[len(head) :]


def are_tables(tables: bytes) -> bool:
    """Whether the content of a JPEGTables tag is a complete JPEG stream."""
    return len(tables) >= 4 and tables.startswith(_SOI) and tables.endswith(_EOI)


def frame_size(standalone: bytes) -> tuple[int, int, int]:
    """Reads the frame header (SOF) of a JPEG without decoding the image.

    Returns:
        (width, height, components).

    Raises:
        ValueError: there is no frame header.
    """
    place = _frame(standalone)
    height = int.from_bytes(standalone[place + 5 : place + 7], "big")
    width = int.from_bytes(standalone[place + 7 : place + 9], "big")
    return width, height, standalone[place + 9]


def chroma_subsampling(standalone: bytes) -> tuple[int, int]:
    """Reads from a JPEG's frame header by how much the second component is reduced: (2, 2) for 4:2:0.

    Raises:
        ValueError: there is no frame header, or it is damaged.
    """
    place = _frame(standalone) + 10
    factors = [divmod(factor, 16) for factor in standalone[place + 1 : place + 6 : 3]]
    if len(factors) < 2 or 0 in factors[1]:
        raise ValueError("the JPEG's frame header is damaged")
    return factors[0][0] // factors[1][0], factors[0][1] // factors[1][1]


def sampling(standalone: bytes) -> tuple[int, int]:
    """Reads from a JPEG's frame header by how much both chroma components are reduced: (2, 2) for 4:2:0.

    Unlike `chroma_subsampling`, it looks at all three components.

    Raises:
        ValueError: there is no frame header, it is damaged, or no whole numbers describe the components.
    """
    place = _frame(standalone)
    count = standalone[place + 9]
    factors = [divmod(factor, 16) for factor in standalone[place + 11 : place + 10 + 3 * count : 3]]
    if count != 3 or len(factors) != 3 or any(0 in factor for factor in factors):
        raise ValueError("the JPEG's frame header is damaged, or it has not three components")
    luma, chroma, other = factors
    if chroma != other or luma[0] % chroma[0] or luma[1] % chroma[1]:
        raise ValueError(f"the JPEG's components have the sampling factors {factors}")
    return luma[0] // chroma[0], luma[1] // chroma[1]


def mcu_size(standalone: bytes) -> tuple[int, int]:
    """Reads from a JPEG's frame header the (width, height) in pixels of an MCU, if its scan has all components.

    Raises:
        ValueError: there is no frame header, or it is damaged.
    """
    place = _frame(standalone)
    count = standalone[place + 9]
    factors = [divmod(factor, 16) for factor in standalone[place + 11 : place + 10 + 3 * count : 3]]
    if not factors or any(0 in factor for factor in factors):
        raise ValueError("the JPEG's frame header is damaged")
    return 8 * max(factor[0] for factor in factors), 8 * max(factor[1] for factor in factors)


def restart_interval(standalone: bytes) -> int:
    """Reads the number of MCUs between two restart markers (DRI); 0: there are none."""
    try:
        place = _find(standalone, {_RESTARTS})
    except ValueError:
        return 0
    return int.from_bytes(standalone[place + 4 : place + 6], "big")


def with_size(standalone: bytes, width: int, height: int) -> bytes:
    """A JPEG, or its beginning, with another size in its frame header.

    Raises:
        ValueError: there is no frame header.
    """
    place = _frame(standalone) + 5
    return standalone[:place] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + standalone[place + 4 :]


def is_baseline(standalone: bytes) -> bool:
    """Whether a JPEG is baseline (SOF0), as the commonest form of DICOM wants its frames.

    Raises:
        ValueError: there is no frame header.
    """
    return standalone[_frame(standalone) + 1] == _BASELINE


def has_regular_scans(standalone: bytes) -> bool:
    """Whether a JPEG is progressive, or consists of one scan, as readers of TIFF expect of a tile."""
    try:
        frame, scan = _frame(standalone), _find(standalone, {_SCAN})
    except ValueError:
        return False
    length = int.from_bytes(standalone[scan + 2 : scan + 4], "big")
    after = MARKER_AFTER_SCAN.search(standalone, scan + 2 + length)
    return standalone[frame + 1] == _PROGRESSIVE or (after is not None and after[1] == _EOI[1:])


def _frame(standalone: bytes) -> int:
    """The position of the marker of the frame header."""
    try:
        return _find(standalone, _FRAMES)
    except ValueError as error:
        raise ValueError("the JPEG has no frame header") from error


def _find(standalone: bytes, markers: set[int]) -> int:
    """The position of the first of some markers before the compressed data."""
    place = 0
    while place + 4 <= len(standalone) and standalone[place] == 0xFF:
        marker = standalone[place + 1]
        if marker in markers and place + 10 <= len(standalone):
            return place
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in WITHOUT_LENGTH:
            place += 2
        else:
            place += 2 + int.from_bytes(standalone[place + 2 : place + 4], "big")
    raise ValueError(f"the JPEG has none of the markers {sorted(markers)}")


def decode_segment(standalone: bytes, photometric: int) -> np.ndarray:
    """Decodes a complete JPEG to the same pixels as OpenSlide.

    A truncated JPEG is refused, because libjpeg would fill the missing part with grey. Changed bytes in the compressed
    data are not detected, because JPEG has no checksum. Like OpenSlide, this function takes the chroma subsampling from
    the JPEG and not from the TIFF tag YCbCrSubSampling, which is wrong in many files.

    Args:
        standalone: a JPEG file from `JpegGrid.standalone` or `join_tables`.
        photometric: TIFF tag PhotometricInterpretation: 2 (RGB, which no JPEG marker states) or 6 (YCbCr).

    Returns:
        uint8 [h, w, 3], RGB.

    Raises:
        ValueError: the JPEG is damaged, too large or has not three components.
    """
    if photometric not in _COLOUR_SPACES:
        raise ValueError(f"photometric interpretation {photometric}, expected one of {sorted(_COLOUR_SPACES)}")
    width, height, components = frame_size(standalone)
    if components != 3 or not 0 < width * height <= MAX_SEGMENT_PIXELS:
        found = f"the JPEG claims {width}×{height} pixels of {components} components"
        raise ValueError(f"{found}, expected 3 components and at most {MAX_SEGMENT_PIXELS:,} pixels")
    return decode_jpeg(standalone, _COLOUR_SPACES[photometric], "RGB")


def decode_jpeg(standalone: bytes, colour_space: str, wanted: str) -> np.ndarray:
    """Decodes a JPEG whose size the caller has checked.

    Args:
        standalone: a JPEG file.
        colour_space: the colour space of its components: "RGB", "YCBCR" or "GRAYSCALE".
        wanted: the colour space to return.

    Returns:
        uint8 [h, w, 3], or [h, w] for grey.

    Raises:
        ValueError: the JPEG is damaged.
    """
    # Some writers pad segments with zeros.
    if not standalone.rstrip(b"\0").endswith(_EOI):
        raise ValueError("the JPEG is truncated")
    try:
        return decoders.decode_jpeg(standalone, colour_space, wanted)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"the JPEG is damaged ({reason(error)})") from error


def _head(tables: bytes) -> bytes:
    if not are_tables(tables):
        raise ValueError("the page's JPEG tables are not a JPEG stream")
    return tables[:-2]
