"""JPEG as TIFF keeps it: segments that share their tables.

A TIFF page may keep the quantisation and Huffman tables of its tiles or strips once, in its JPEGTables tag: a JPEG
stream of tables alone. A segment is then a stream without tables (TIFF Technical Note 2). Tables and segment make a
complete JPEG file when the one's EOI and the other's SOI are left out between them.
"""

import imagecodecs
import numpy as np

RGB, YCBCR = 2, 6
"""Values of the TIFF tag PhotometricInterpretation."""

MAX_SEGMENT_PIXELS = 2**26
"""A tile or strip that claims more is taken for damage or malice: scanners write up to 4096 × 4096."""

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_COLOUR_SPACES = {RGB: "RGB", YCBCR: "YCBCR"}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def join_tables(tables: bytes | None, segment: bytes) -> bytes:
    """One complete JPEG of a page's tables and a segment.

    Args:
        tables: the JPEGTables tag, or None where segments carry their own.
        segment: a JPEG stream.

    Returns:
        A JPEG file; `split_tables` takes it apart again.

    Raises:
        ValueError: one of them is no JPEG stream.
    """
    if not segment.startswith(_SOI):
        raise ValueError(f"no JPEG: begins with {segment[:2].hex() or 'nothing'}, expected ffd8")
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
    """Whether a JPEGTables tag is a whole JPEG stream."""
    return len(tables) >= 4 and tables.startswith(_SOI) and tables.endswith(_EOI)


def frame_size(standalone: bytes) -> tuple[int, int, int]:
    """What a JPEG's frame header (SOF) says, without decoding.

    Returns:
        (width, height, components).

    Raises:
        ValueError: there is none.
    """
    place = 0
    while place + 4 <= len(standalone) and standalone[place] == 0xFF:
        marker = standalone[place + 1]
        if marker in _FRAMES and place + 10 <= len(standalone):
            height = int.from_bytes(standalone[place + 5 : place + 7], "big")
            width = int.from_bytes(standalone[place + 7 : place + 9], "big")
            return width, height, standalone[place + 9]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _WITHOUT_LENGTH:
            place += 2
        else:
            place += 2 + int.from_bytes(standalone[place + 2 : place + 4], "big")
    raise ValueError("the JPEG has no frame header")


def decode_segment(standalone: bytes, photometric: int, subsampling: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes a complete JPEG to the pixels that OpenSlide gives.

    libjpeg fills what is missing of a JPEG with grey; therefore a stream without its end is refused. Changed bytes
    within the compressed data pass: JPEG has no checksum.

    Args:
        standalone: by `JpegGrid.standalone` or `join_tables`.
        photometric: TIFF tag: 2 (RGB, which no marker of the JPEG tells) or 6 (YCbCr).
        subsampling: TIFF tag YCbCrSubSampling. The JPEG's own sampling factors decide, as they do for OpenSlide: the
            tag is wrong in many files.

    Returns:
        uint8 [h, w, 3], RGB.

    Raises:
        ValueError: the JPEG is damaged, claims an absurd size or holds no three colours.
    """
    if photometric not in _COLOUR_SPACES:
        raise ValueError(f"photometric interpretation {photometric}, expected one of {sorted(_COLOUR_SPACES)}")
    width, height, components = frame_size(standalone)
    if components != 3 or not 0 < width * height <= MAX_SEGMENT_PIXELS:
        raise ValueError(f"the JPEG claims {width}×{height} pixels of {components} components")
    return decode_jpeg(standalone, _COLOUR_SPACES[photometric], "RGB")


def decode_jpeg(standalone: bytes, colour_space: str, wanted: str) -> np.ndarray:
    """Decodes a JPEG whose size has been checked.

    Args:
        standalone: a JPEG file.
        colour_space: that its components are in: "RGB", "YCBCR" or "GRAYSCALE".
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
        return imagecodecs.jpeg8_decode(standalone, colorspace=colour_space, outcolorspace=wanted)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"the JPEG is damaged ({error})") from error


def _head(tables: bytes) -> bytes:
    if not are_tables(tables):
        raise ValueError("the page's JPEG tables are no JPEG stream")
    return tables[:-2]
