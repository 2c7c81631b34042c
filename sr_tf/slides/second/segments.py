"""Decodes one tile or strip of a TIFF file with Pillow, zlib and libtiff.

The first reader uses OpenSlide and imagecodecs.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from sr_tf.images.jpeg_colours import RGB, YCBCR, stating_colours
from sr_tf.slides.second.errors import NoSecondReader

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS, ZSTD = 1, 5, 7, 8, 32946, 32773, 50000
JPEG2000, APERIO_YCBCR, APERIO_RGB, WEBP, JPEGXL = 34712, 33003, 33005, 50001, (50002, 52546)
"""Values of the TIFF tag Compression."""

LOSSLESS = {NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, ZSTD}
"""Compressions that every decoder decodes to the same pixels."""

_LIBTIFF = {LZW, PACKBITS, ZSTD}
_PILLOW = {JPEG2000, APERIO_YCBCR, APERIO_RGB, WEBP}
KNOWN = {JPEG, *LOSSLESS, *_PILLOW, *JPEGXL}
"""Compressions that `decode` knows."""

_SOI = b"\xff\xd8"
# Opening an image of more pixels would make Pillow warn.
_MOST_PIXELS = 2**26


def decode(data: bytes, compression: int, shape: tuple[int, int, int], photometric: int, tables: bytes) -> np.ndarray:
    """Decodes a segment.

    Args:
        data: the segment as stored.
        compression: TIFF tag Compression.
        shape: (height, width, samples) of the segment.
        photometric: TIFF tag PhotometricInterpretation.
        tables: TIFF tag JPEGTables; b"" if there is none.

    Returns:
        uint8 of that shape, RGB or grey; without the effect of a predictor.

    Raises:
        ValueError, OSError: the segment is damaged.
        NoSecondReader: no other library decodes this compression.
    """
    height, width, samples = shape
    size = height * width * samples
    if compression == JPEG:
        image = decode_jpeg(join(tables, data), photometric if samples == 3 else 0)
    elif compression in _PILLOW:
        image = _by_pillow(data, compression)
    elif compression in JPEGXL:
        import imagecodecs  # no other library decodes it: only the parser and the assembly are independent

        image = imagecodecs.jpegxl_decode(data)
    else:
        if compression == NONE:
            raw = data[:size]
        elif compression in _LIBTIFF:
            raw = _by_libtiff(data, compression, height, width * samples)
        else:
            raw = _inflate(data, size)
        image = np.frombuffer(raw, np.uint8)
        if image.size != size:
            raise ValueError(f"{image.size:,} bytes, expected {size:,}")
        return image.reshape(shape)
    image = image if image.ndim == 3 else image[..., None]
    if image.shape[:2] != (height, width):
        raise ValueError(f"an image of {image.shape[1]}×{image.shape[0]} pixels, expected {width}×{height}")
    if image.shape[2] == 3 and samples == 4:  # WebP does not store an opaque alpha channel
        image = np.dstack([image, np.full((height, width), 255, np.uint8)])
    if image.shape != shape:
        raise ValueError(f"{image.shape[2]} samples, expected {samples}")
    return image


def join(tables: bytes, segment: bytes) -> bytes:
    """A segment with the page's JPEG tables before it: a complete JPEG file."""
    return segment if len(tables) < 4 or not segment else _SOI + tables[2:-2] + segment[2:]


def decode_jpeg(file: bytes, photometric: int) -> np.ndarray:
    """Decodes a JPEG file with Pillow.

    Args:
        file: a complete JPEG file.
        photometric: 2 (RGB) or 6 (YCbCr): how the colours are stored unless a JFIF header says YCbCr. 0: grey.

    Returns:
        uint8 [h, w, 3], or [h, w] for grey.
    """
    if photometric in (RGB, YCBCR):
        file = stating_colours(file, photometric)
    image = _open(file, "JPEG")
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def _inflate(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _by_pillow(data: bytes, compression: int) -> np.ndarray:
    if compression == WEBP:
        return np.asarray(_open(data, "WEBP"))
    if compression == APERIO_YCBCR and _is_subsampled(data):
        raise NoSecondReader("JPEG 2000 with reduced chroma")
    image = _open(data, "JPEG2000")
    if compression == APERIO_YCBCR and image.mode == "RGB":
        # A bare codestream does not state its colours; Pillow takes them for RGB.
        image = Image.frombytes("YCbCr", image.size, image.tobytes()).convert("RGB")
    return np.asarray(image)


def _is_subsampled(codestream: bytes) -> bool:
    place = codestream.find(b"\xff\x4f\xff\x51")
    components = codestream[place + 42 : place + 42 + 9]
    return place < 0 or any(components[index] != 1 for index in (1, 2, 4, 5, 7, 8))


def _open(file: bytes, kind: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(file), formats=(kind,))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    if image.width * image.height > _MOST_PIXELS:
        raise NoSecondReader(f"a segment of {image.width}×{image.height} pixels")
    image.load()
    return image


def _by_libtiff(data: bytes, compression: int, height: int, row: int) -> bytes:
    """Lets Pillow's libtiff decode a segment: as the only strip of a grey TIFF file of one byte for each sample."""
    tags = [
        (256, row), (257, height), (258, 8), (259, compression), (262, 1), (273, 8), (277, 1), (278, height),
        (279, len(data)),
    ]  # fmt: skip
    padded = data + b"\0" * (len(data) % 2)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    file = b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + directory + b"\0\0\0\0"
    return _open(file, "TIFF").tobytes()
