"""Decoding one tile or strip of a TIFF page, never to more than the page says it holds."""

from collections.abc import Callable

import imagecodecs
import numpy as np

from sr_tf.slides.jpeg_grid import JpegGrid
from sr_tf.slides.jpeg_segments import decode_jpeg, decode_segment, frame_size
from sr_tf.slides.tiff_pages import JPEG, Page

_NONE, _JPEG2000, _WEBP = 1, 34712, 50001
# Values of the TIFF tag Compression, with what decodes them. The first kind yields bytes, at most `out` of them; the
# second an image, and fails before it decodes another size than that of `out`.
_BYTES: dict[int, Callable[..., bytes]] = {
    5: imagecodecs.lzw_decode,
    8: imagecodecs.zlib_decode,
    32773: imagecodecs.packbits_decode,
    32946: imagecodecs.zlib_decode,
    50000: imagecodecs.zstd_decode,
}
_IMAGES: dict[int, Callable[..., np.ndarray]] = {
    _JPEG2000: imagecodecs.jpeg2k_decode,
    _WEBP: imagecodecs.webp_decode,
    50002: imagecodecs.jpegxl_decode,
    52546: imagecodecs.jpegxl_decode,
}
_NO_PREDICTOR, _HORIZONTAL = 1, 2
_SIZ, _EOC = b"\xff\x4f\xff\x51", b"\xff\xd9"


def objection(page: Page) -> str:
    """Why a page cannot be read as 8-bit RGB or grey; empty if it can."""
    colours = {1: (1,), 3: (2, 6), 4: (2,)}.get(page.samples, ())
    if not page.is_8_bit:
        return f"found {page.depth} samples, expected unsigned 8-bit ones"
    if page.photometric not in colours or (page.photometric == 6 and page.compression != JPEG):
        found = f"{page.samples} samples of photometric interpretation {page.photometric}"
        return f"found pixels of {found}, expected RGB or grey"
    if not page.contiguous and page.samples > 1:
        return "found colours in separate planes, expected them side by side"
    if page.compression not in {_NONE, JPEG, *_BYTES, *_IMAGES} or (page.compression == JPEG and page.samples == 4):
        return (
            f"found TIFF compression {page.compression}, expected JPEG, deflate, LZW, zstd, WebP, JPEG 2000 or JPEG XL"
        )
    if page.predictor not in (_NO_PREDICTOR, _HORIZONTAL) or page.fill_order != 1:
        return f"found predictor {page.predictor} and fill order {page.fill_order}, expected predictor 1 or 2"
    return ""


def decode(data: bytes, page: Page, height: int) -> np.ndarray:
    """Decodes a tile or strip that is no colour JPEG.

    Args:
        data: as in the file.
        page: that `objection` has nothing against.
        height: rows that the segment holds.

    Returns:
        uint8 [height, page.segment_width, page.samples].

    Raises:
        ValueError: the data are damaged.
    """
    shape = (height, page.segment_width, page.samples)
    try:
        if page.compression == JPEG:
            return _grey_jpeg(data, page, height).reshape(shape)
        if page.compression in _IMAGES:
            if page.compression == _JPEG2000:
                _check_jpeg2000(data, page.segment_width, height)
            out = np.empty(shape if page.samples > 1 else shape[:2], np.uint8)
            # WebP leaves an opaque alpha channel out.
            alpha = {"hasalpha": page.samples == 4} if page.compression == _WEBP else {}
            return _IMAGES[page.compression](data, out=out, **alpha).reshape(shape)
        size = height * page.segment_width * page.samples
        raw = data[:size] if page.compression == _NONE else _BYTES[page.compression](data, out=size)
        pixels = np.frombuffer(raw, np.uint8)
        if pixels.size != size:
            raise ValueError(f"{pixels.size:,} bytes, expected {size:,}")
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    pixels = pixels.reshape(shape)
    return np.cumsum(pixels, axis=1, dtype=np.uint8) if page.predictor == _HORIZONTAL else pixels


def decode_colour_jpeg(grid: JpegGrid, column: int, row: int) -> np.ndarray:
    """Decodes a segment of a page of colour JPEGs; white where the file leaves it out.

    Returns:
        uint8 [h, w, 3].

    Raises:
        UserError: the segment cannot be read or is of another size.
        ValueError: the segment is damaged.
    """
    standalone = grid.standalone(column, row)
    if not standalone:
        return np.full((grid.segment_height, grid.segment_width, 3), 255, np.uint8)
    return decode_segment(standalone, grid.photometric)


def _grey_jpeg(data: bytes, page: Page, height: int) -> np.ndarray:
    if page.tables is not None:
        data = page.tables[:-2] + data[2:]
    if frame_size(data) != (page.segment_width, height, 1):
        raise ValueError("the JPEG is of another size than the page says")
    return decode_jpeg(data, "GRAYSCALE", "GRAYSCALE")


def _check_jpeg2000(data: bytes, width: int, height: int) -> None:
    # The library looks at `out` only after it has decoded, and takes a stream without its end.
    place = data.find(_SIZ)
    right, lower, left, upper = (int.from_bytes(data[place + at : place + at + 4], "big") for at in (8, 12, 16, 20))
    if place < 0 or (right - left, lower - upper) != (width, height):
        raise ValueError(f"JPEG 2000 of {right - left}×{lower - upper} pixels, expected {width}×{height}")
    if not data.rstrip(b"\0").endswith(_EOC):
        raise ValueError("the JPEG 2000 stream is truncated")
