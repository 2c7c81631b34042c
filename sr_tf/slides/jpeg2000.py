"""JPEG 2000 tiles: what a codestream states is checked, and it is decoded to the same pixels as OpenSlide's.

A codestream does not say whether its components are RGB or YCbCr; the file around it does.
"""

from dataclasses import dataclass

import numpy as np

from sr_tf.errors import reason
from sr_tf.images.libraries import imagecodecs
from sr_tf.slides.tiff_page import YCBCR

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"
_START_OF_TILE, _START_OF_DATA, _COMMENT = b"\xff\x90", b"\xff\x93", b"\xff\x64"
_CODING, _CODING_OF_COMPONENT = b"\xff\x52", b"\xff\x53"
_COLOUR_TRANSFORM, _WAVELET = 8, 13  # where a coding says them, counted from its marker
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


@dataclass(frozen=True)
class Transforms:
    """How a codestream was made from its components.

    Attributes:
        colours: whether a colour transform was applied, which decoding undoes.
        reversible: whether it and the wavelet are reversible. Detail may have been cut off all the same.
    """

    colours: bool
    reversible: bool


def transforms_of(codestream: bytes) -> Transforms:
    """Reads how a codestream was made.

    Raises:
        ValueError: it is damaged, or coded in several ways.
    """
    _, main, own = _headers(codestream)
    codings = [part for part in main if part.startswith(_CODING)]
    others = any(part.startswith((_CODING, _CODING_OF_COMPONENT)) for part in own)
    others = others or any(part.startswith(_CODING_OF_COMPONENT) for part in main)
    if len(codings) != 1 or others or len(codings[0]) <= _WAVELET:
        raise ValueError("the JPEG 2000 codestream is not coded in one way")
    colours, wavelet = codings[0][_COLOUR_TRANSFORM], codings[0][_WAVELET]
    if colours > 1 or wavelet > 1:
        raise ValueError("the JPEG 2000 codestream has an unknown transform")
    return Transforms(bool(colours), bool(wavelet))


def without_comments(codestream: bytes) -> bytes:
    """Removes the comments of a codestream's main header; the pixels stay the same to the bit.

    Raises:
        ValueError: it is damaged, or a tile's own header has a comment.
    """
    tiles, main, own = _headers(codestream)
    if any(part.startswith(_COMMENT) for part in own):
        raise ValueError("the JPEG 2000 codestream has a comment in the header of a tile")
    kept = [part for part in main if not part.startswith(_COMMENT)]
    return b"".join([codestream[:2], *kept, codestream[tiles:].rstrip(b"\0")])


def _headers(codestream: bytes) -> tuple[int, list[bytes], list[bytes]]:
    """(the place of the first tile, the marker segments of the main header, those of the headers of tiles)."""
    tiles, main = _markers(codestream, 2, _START_OF_TILE)
    stream, place, own = codestream.rstrip(b"\0"), tiles, []
    while stream[place : place + 2] == _START_OF_TILE:
        own += _markers(stream, place, _START_OF_DATA)[1]
        length = int.from_bytes(stream[place + 6 : place + 10], "big")
        place = place + length if length else len(stream) - len(_END)
    if stream[place:] != _END:
        raise ValueError("the JPEG 2000 codestream is damaged between its tiles")
    return tiles, main, own


def _markers(codestream: bytes, place: int, last: bytes) -> tuple[int, list[bytes]]:
    """(the place of the marker `last`, the marker segments before it)."""
    found = []
    while codestream[place : place + 2] != last:
        end = place + 2 + int.from_bytes(codestream[place + 2 : place + 4], "big")
        if codestream[place : place + 1] != b"\xff" or not place + 4 <= end <= len(codestream):
            raise ValueError("the JPEG 2000 codestream has a damaged header")
        found.append(codestream[place:end])
        place = end
    return place, found
