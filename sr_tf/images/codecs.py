"""Image codecs by name, with the settings that training, archives and comparisons share.

Archives and training use `avif`, `avif420` and their fast variants. The other codecs are compared with the system at
full size. Each of them has settings that its developers would consider fair: the encoder's slow standard mode with
its default tuning. The library imagecodecs does the coding. Every call uses one thread and releases the GIL, so callers
can run several calls in parallel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sr_tf.images.decoders import decode_avif_values, decode_jpegxl
from sr_tf.images.libraries import imagecodecs
from sr_tf.images.pixels import to_uint8


@dataclass(frozen=True)
class Codec:
    """A lossy codec for uint8 RGB images.

    Attributes:
        name: the name in flags, archives and tables.
        encode: called with an image, uint8 [H, W, 3], and a level; returns a file's bytes. The meaning of the level
            depends on the codec.
        decode: called with a file's bytes; returns uint8 [H, W, 3]. Data of another format and truncated files raise a
            RuntimeError (imagecodecs' exceptions) or a ValueError; but the missing part of a truncated JPEG is grey.
        settings: everything that is needed to reproduce the coding, in one line.
        levels: levels for rate–distortion curves, from the fewest bytes to the most.
        title: the name in headings and legends.
        library: the module of imagecodecs that does the coding.
    """

    name: str
    encode: Callable[[np.ndarray, float], bytes]
    decode: Callable[[bytes], np.ndarray]
    settings: str
    levels: tuple[float, ...]
    title: str
    library: str

    @property
    def version(self) -> str:
        """Name and version of the library, for example "libavif 1.4.0"."""
        return getattr(imagecodecs, f"{self.library}_version")().replace("_", "-")


_TEN_BITS = 1023
_BAND = 512
"""Rows that are converted at a time."""


def decode_avif(file: bytes) -> np.ndarray:
    """Decodes an AVIF file with 8 or 10 bits per channel.

    Returns:
        uint8 [H, W, 3].

    Raises:
        RuntimeError: the file is damaged or is not AVIF.
        ValueError: it has more than 10 bits per channel.
    """
    image = decode_avif_values(file)
    if image.dtype == np.uint8:
        return image
    if image.max(initial=0) > _TEN_BITS:
        raise ValueError(f"an AVIF file with values up to {image.max()}, expected 8 or 10 bits")
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), _BAND):  # as floats, a large image would take four times its memory
        result[top : top + _BAND] = to_uint8(image[top : top + _BAND] * np.float32(255 / _TEN_BITS))
    return result


def _avif(
    name: str, pixel_format: str, speed: int, bits: int = 10, levels: tuple[float, ...] = tuple(range(0, 100, 10))
) -> Codec:
    """AVIF. With 10 bits the codec computes more precisely; pixels that go in and come out still have 8 bits."""

    def encode(image: np.ndarray, quality: float) -> bytes:
        pixels = np.ascontiguousarray(image)
        if bits == 10:
            pixels = np.round(pixels * np.float32(_TEN_BITS / 255)).astype(np.uint16)
        return imagecodecs.avif_encode(
            pixels, level=quality, speed=speed, pixelformat=pixel_format, bitspersample=bits, numthreads=1
        )

    chroma = ":".join(pixel_format)
    settings = (
        f"AVIF (libavif, AOM, tuned for the eye as libavif is by default), {chroma}, "
        f"{'10 bits, ' if bits == 10 else ''}speed {speed}, quality 0–100"
    )
    title = f"AVIF {chroma}{', 10 bits' if bits == 10 else ''}"
    return Codec(name, encode, decode_avif, settings, levels, title, "avif")


def _jpegxl() -> Codec:
    def encode(image: np.ndarray, distance: float) -> bytes:
        return imagecodecs.jpegxl_encode(np.ascontiguousarray(image), distance=distance, effort=7, numthreads=1)

    # Effort 9 takes 6 times as long, and its PSNR curve is within 0.1 dB. Distance 25 is the format's coarsest.
    levels = (25, 20, 15, 12, 9, 7, 5.5, 4, 3, 2.2, 1.5)
    settings = "JPEG XL (libjxl), VarDCT, effort 7, Butteraugli distance 25 to 1.5"
    return Codec("jpegxl", encode, decode_jpegxl, settings, levels, "JPEG XL", "jpegxl")


def _jpeg2000() -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        return imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(image), level=quality, reversible=False, mct=True, codecformat="J2K", numthreads=1
        )

    levels = (27, 29, 31, 33, 34.5, 36, 37.5, 39, 40.5, 42)
    settings = (
        "JPEG 2000 (OpenJPEG), bare codestream, irreversible 9/7 wavelet, colour transform, one tile, target PSNR in dB"
    )

    def decode(file: bytes) -> np.ndarray:
        return imagecodecs.jpeg2k_decode(file, numthreads=1)

    return Codec("jpeg2000", encode, decode, settings, levels, "JPEG 2000", "jpeg2k")


def _webp() -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        # Without lossless=False, imagecodecs codes losslessly and takes the level as the effort.
        return imagecodecs.webp_encode(
            np.ascontiguousarray(image), level=quality, method=6, lossless=False, numthreads=1
        )

    levels = (0, 5, 10, 20, 35, 50, 65, 78, 85, 90)
    settings = "WebP (libwebp), lossy, 4:2:0, method 6, quality 0–100"

    def decode(file: bytes) -> np.ndarray:
        return imagecodecs.webp_decode(file)

    return Codec("webp", encode, decode, settings, levels, "WebP", "webp")


def _jpeg() -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        return imagecodecs.jpeg8_encode(
            np.ascontiguousarray(image), level=round(quality), subsampling="420", optimize=True
        )

    levels = (3, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80)
    settings = (
        "JPEG (libjpeg-turbo; mozjpeg is not in imagecodecs' build), baseline, 4:2:0, optimised Huffman tables, "
        "quality 1–100"
    )

    def decode(file: bytes) -> np.ndarray:
        return imagecodecs.jpeg8_decode(file)

    return Codec("jpeg", encode, decode, settings, levels, "JPEG", "jpeg8")


# Speed 2 takes 3 times as long as speed 4 and is 0.1 dB better at equal bytes. At quality 60 the rate is already far
# above the rates of interest. Quality 0 is the coarsest of libavif 1.4 with its default tuning (tune=iq), which
# imagecodecs cannot change: about 0.07 bit/pixel on a blood-smear field. AVIF tuned for PSNR by another program reached
# 0.035 bit/pixel there (29.5 dB), and was within 0.3 dB of these curves at rates that both reach.
_SLOW_LEVELS = (0, 7, 14, 22, 30, 40, 50, 60)

CODECS = {
    codec.name: codec
    for codec in (
        # 10 bits need 3 to 5 % fewer bytes than 8 bits for the same PSNR of 8-bit pixels, at every speed.
        _avif("avif", "444", speed=4),
        _avif("avif420", "420", speed=4),
        # For the search and for training, which code every LR several times: 7 times as fast, about 1 dB worse at equal
        # bytes.
        _avif("avif-fast", "444", speed=6),
        _avif("avif420-fast", "420", speed=6),
        # For predicting levels at full size: a tenth of the time of speed 6, 1 to 10 % more bytes at equal PSNR.
        _avif("avif-quick", "444", speed=9),
        _avif("avif420-quick", "420", speed=9),
        # For comparison at full size: 8 bits, as other programs code 8-bit images, and 10 bits, as LRs are coded here.
        _avif("avif-slow", "444", speed=2, bits=8, levels=_SLOW_LEVELS),
        _avif("avif420-slow", "420", speed=2, bits=8, levels=_SLOW_LEVELS),
        _avif("avif10-slow", "444", speed=2, levels=_SLOW_LEVELS),
        _jpegxl(),
        _jpeg2000(),
        _webp(),
        _jpeg(),
    )
}


def coded_variants(lr: np.ndarray, qualities: Sequence[int], spread: Callable = map) -> list[np.ndarray]:
    """Encodes an LR with AVIF and decodes it again, once for each quality.

    Args:
        lr: uint8 [h, w, 3].
        qualities: AVIF qualities from 0 (fewest bytes) to 100.
        spread: `map`, or the `map` method of a thread pool.

    Returns:
        One image per quality, uint8 [h, w, 3]; the LR itself if `qualities` is empty.
    """
    avif = CODECS["avif-fast"]
    return list(spread(lambda quality: avif.decode(avif.encode(lr, quality)), qualities)) or [lr]
