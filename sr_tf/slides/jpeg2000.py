"""JPEG 2000 tiles: what a codestream states is checked, and it is decoded to the same pixels as OpenSlide's.

A codestream does not say whether its components are RGB or YCbCr; the file around it does.
"""

import numpy as np

from sr_tf.errors import reason
from sr_tf.images.libraries import imagecodecs
from sr_tf.slides.tiff_page import YCBCR

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"
_START_OF_TILE, _START_OF_DATA, _COMMENT = b"\xff\x90", b"\xff\x93", b"\xff\x64"
_SIZES = 42  # where the components are stated: behind the two markers and the fixed part of SIZ
_COMPONENT = bytes([7, 1, 1])  # 8 bits without sign, not reduced

_CHROMA = np.arange(256) - 128
_HALF = 1 << 15
# OpenSlide's conversion: whole numbers in units of 1/65536; each contribution to green is rounded by itself.
_RED = (int(1.402 * 65536 + 0.5) * _CHROMA + _HALF) >> 16
_BLUE = (int(1.772 * 65536 + 0.5) * _CHROMA + _HALF) >> 16
_GREEN_OF_CB = np.rint(-0.34414 * 65536 * _CHROMA).astype(np.int64)
_GREEN_OF_CR = np.rint(-0.71414 * 65536 * _CHROMA).astype(np.int64) + _HALF


def check_codestream(codestream: bytes, width: int, height: int) -> None:
    """Checks what a JPEG 2000 codestream states, before it is decoded.

    Args:
        codestream: the codestream; zeros may follow it.
        width: expected width in pixels.
        height: expected height in pixels.

    Raises:
        ValueError: it is not a complete codestream of this size, of one tile and three components of 8 bits.
    """
    if not codestream.startswith(_START):
        raise ValueError(f"not a JPEG 2000 codestream: begins with {codestream[:4].hex() or 'nothing'}")
    sides = [int.from_bytes(codestream[place : place + 4], "big") for place in range(8, 40, 4)]
    if sides[:2] != [width, height] or any(sides[2:4]):
        raise ValueError(f"JPEG 2000 of {sides[0]}×{sides[1]} pixels, expected {width}×{height}")
    if sides[4] < width or sides[5] < height or any(sides[6:]):
        raise ValueError(f"JPEG 2000 in tiles of {sides[4]}×{sides[5]} pixels, expected one tile")
    count, components = int.from_bytes(codestream[40:_SIZES], "big"), codestream[_SIZES : _SIZES + 9]
    if count != 3 or components != 3 * _COMPONENT:
        raise ValueError("JPEG 2000 of other components than three of 8 bits in full size")
    if not codestream.rstrip(b"\0").endswith(_END):
        raise ValueError("the JPEG 2000 codestream does not end with its end marker")


def decode_codestream(codestream: bytes, photometric: int, width: int, height: int) -> np.ndarray:
    """Decodes a JPEG 2000 codestream to the same pixels as OpenSlide.

    Args:
        codestream: the codestream.
        photometric: how its components are to be understood: 2 (RGB) or 6 (YCbCr), as TIFF numbers them.
        width: expected width in pixels.
        height: expected height in pixels.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        ValueError: see `check_codestream`; or it is damaged.
    """
    check_codestream(codestream, width, height)
    try:
        pixels = imagecodecs.jpeg2k_decode(codestream, numthreads=1)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(f"the JPEG 2000 codestream is damaged ({reason(error)})") from error
    if pixels.shape != (height, width, 3) or pixels.dtype != np.uint8:
        raise ValueError("the JPEG 2000 codestream is damaged (it decodes to another size)")
    return rgb_of(pixels) if photometric == YCBCR else pixels


def rgb_of(pixels: np.ndarray) -> np.ndarray:
    """Converts YCbCr to RGB as OpenSlide does, uint8 [h, w, 3] each."""
    luma, cb, cr = (pixels[..., channel] for channel in range(3))
    changes = _RED[cr], (_GREEN_OF_CB[cb] + _GREEN_OF_CR[cr]) >> 16, _BLUE[cb]
    return np.stack([np.clip(luma + change, 0, 255) for change in changes], axis=-1).astype(np.uint8)


def without_comments(codestream: bytes) -> bytes:
    """Removes the comments of a codestream's main header; the pixels stay the same to the bit.

    Raises:
        ValueError: it is damaged, or a tile's own header has a comment.
    """
    tiles, markers = _markers(codestream, 2, _START_OF_TILE)
    kept = [codestream[start:end] for start, end in markers if codestream[start : start + 2] != _COMMENT]
    stream, place = codestream.rstrip(b"\0"), tiles
    while stream[place : place + 2] == _START_OF_TILE:
        _, own = _markers(stream, place, _START_OF_DATA)
        if any(stream[start : start + 2] == _COMMENT for start, _ in own):
            raise ValueError("the JPEG 2000 codestream has a comment in the header of a tile")
        length = int.from_bytes(stream[place + 6 : place + 10], "big")
        place = place + length if length else len(stream) - len(_END)
    if stream[place:] != _END:
        raise ValueError("the JPEG 2000 codestream is damaged between its tiles")
    return b"".join([codestream[:2], *kept, stream[tiles:]])


def _markers(codestream: bytes, place: int, last: bytes) -> tuple[int, list[tuple[int, int]]]:
    """(the place of the marker `last`, the start and end of each marker segment before it)."""
    found = []
    while codestream[place : place + 2] != last:
        end = place + 2 + int.from_bytes(codestream[place + 2 : place + 4], "big")
        if codestream[place : place + 1] != b"\xff" or not place + 4 <= end <= len(codestream):
            raise ValueError("the JPEG 2000 codestream has a damaged header")
        found.append((place, end))
        place = end
    return place, found
