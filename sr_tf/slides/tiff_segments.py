"""Decoding a tile or strip of a TIFF page, never to more pixels than the page states."""

import numpy as np

from sr_tf.errors import reason
from sr_tf.images.libraries import imagecodecs
from sr_tf.slides.jpeg_segments import decode_jpeg, frame_size, join_tables
from sr_tf.slides.tiff_page import JPEG, Page

_NONE, _JPEG2000, _WEBP = 1, 34712, 50001
# Decoders of imagecodecs by the value of the TIFF tag Compression. Those in `_BYTES` return at most `out` bytes. Those
# in `_IMAGES` return an image, and fail before they decode one of another size than `out`.
_BYTES = {5: "lzw_decode", 8: "zlib_decode", 32773: "packbits_decode", 32946: "zlib_decode", 50000: "zstd_decode"}
_IMAGES = {_JPEG2000: "jpeg2k_decode", _WEBP: "webp_decode", 50002: "jpegxl_decode", 52546: "jpegxl_decode"}
COMPRESSIONS = {_NONE, JPEG, *_BYTES, *_IMAGES}
"""The values of the TIFF tag Compression that `decode` knows."""

NO_PREDICTOR, HORIZONTAL = 1, 2
"""The values of the TIFF tag Predictor that `decode` knows."""

_SIZ, _EOC = b"\xff\x4f\xff\x51", b"\xff\xd9"


def decode(data: bytes, page: Page, height: int) -> np.ndarray:
    """Decodes a tile or strip that is not a colour JPEG.

    Args:
        data: the bytes in the file.
        page: a page to which `sr_tf.slides.page_rules.objection` has no objection, of one plane.
        height: number of rows in the segment.

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
            # WebP does not store an opaque alpha channel.
            alpha = {"hasalpha": page.samples == 4} if page.compression == _WEBP else {}
            return getattr(imagecodecs, _IMAGES[page.compression])(data, out=out, **alpha).reshape(shape)
        size = height * page.segment_width * page.samples
        if page.compression == _NONE:
            raw = data[:size]
        else:
            raw = getattr(imagecodecs, _BYTES[page.compression])(data, out=size)
        pixels = np.frombuffer(raw, np.uint8)
        if pixels.size != size:
            raise ValueError(f"{pixels.size:,} bytes, expected {size:,}")
    except (RuntimeError, ValueError, TypeError) as error:
        raise ValueError(reason(error)) from error
    pixels = pixels.reshape(shape)
    return np.cumsum(pixels, axis=1, dtype=np.uint8) if page.predictor == HORIZONTAL else pixels


def _grey_jpeg(data: bytes, page: Page, height: int) -> np.ndarray:
    standalone = join_tables(page.tables, data)
    width, rows, components = frame_size(standalone)
    if (width, rows, components) != (page.segment_width, height, 1):
        found = f"the JPEG claims {width}×{rows} pixels of {components} components"
        raise ValueError(f"{found}, expected {page.segment_width}×{height} of 1")
    return decode_jpeg(standalone, "GRAYSCALE", "GRAYSCALE")


def _check_jpeg2000(data: bytes, width: int, height: int) -> None:
    # The decoder compares the size with `out` only after decoding, and accepts a truncated stream.
    place = data.find(_SIZ)
    right, lower, left, upper = (int.from_bytes(data[place + at : place + at + 4], "big") for at in (8, 12, 16, 20))
    if place < 0 or (right - left, lower - upper) != (width, height):
        raise ValueError(f"JPEG 2000 of {right - left}×{lower - upper} pixels, expected {width}×{height}")
    if not data.rstrip(b"\0").endswith(_EOC):
        raise ValueError("the JPEG 2000 stream is truncated")
