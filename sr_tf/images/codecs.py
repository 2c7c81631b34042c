"""Image codecs by name, at the settings that training, archive and comparison share; imagecodecs does the work.

`avif`, `avif420` and their fast forms are what the system itself stores and trains with. The others are its competitors
at full size, each at settings that its own developers would call fair: their encoders' slow, standard modes, tuned as
they come. Every call works on one thread and releases Python's lock, so that callers may run several at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import imagecodecs
import numpy as np

from sr_tf.images.pixels import to_uint8


@dataclass(frozen=True)
class Codec:
    """A lossy codec of uint8 RGB images.

    Attributes:
        name: as used in flags, archives and tables.
        encode: from uint8 [H, W, 3] and a level to a file's bytes; what a level means is the codec's own.
        decode: from a file's bytes to uint8 [H, W, 3]. What is no such file, or the first half of one, raises a
            RuntimeError (imagecodecs' own kinds) or a ValueError; of half a JPEG the rest comes back grey.
        settings: what must be known to repeat it, in one line.
        levels: from fewest to most bytes: a grid for rate–distortion curves.
        title: what people call it.
        library: the part of imagecodecs that does it.
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
        """Name and version of the library, as "libavif 1.4.0"."""
        return getattr(imagecodecs, f"{self.library}_version")().replace("_", "-")


_TEN_BITS = 1023


def decode_avif(file: bytes) -> np.ndarray:
    """Decodes an AVIF file of 8 or of 10 bits.

    Returns:
        uint8 [H, W, 3].

    Raises:
        RuntimeError: no such file, or a damaged one.
        ValueError: it has more than 10 bits.
    """
    image = imagecodecs.avif_decode(file)
    if image.dtype == np.uint8:
        return image
    if image.max(initial=0) > _TEN_BITS:
        raise ValueError(f"an AVIF file with values up to {image.max()}, expected 8 or 10 bits")
    return to_uint8(image * np.float32(255 / _TEN_BITS))


def _avif(
    name: str, pixel_format: str, speed: int, bits: int = 10, levels: tuple[float, ...] = tuple(range(0, 100, 10))
) -> Codec:
    """AVIF; with 10 bits the codec's own arithmetic is finer, for 8-bit pixels in and out."""

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

    # Effort 9 takes 6 times as long and lay on the same curve of PSNR, within 0.1 dB; 25 is the format's coarsest.
    levels = (25, 20, 15, 12, 9, 7, 5.5, 4, 3, 2.2, 1.5)
    settings = "JPEG XL (libjxl), VarDCT, effort 7, Butteraugli distance 25 to 1.5"
    decode = partial(imagecodecs.jpegxl_decode, numthreads=1)
    return Codec("jpegxl", encode, decode, settings, levels, "JPEG XL", "jpegxl")


def _jpeg2000() -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        return imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(image), level=quality, reversible=False, mct=True, codecformat="J2K", numthreads=1
        )

    levels = (27, 29, 31, 33, 34.5, 36, 37.5, 39, 40.5, 42)
    settings = (
        "JPEG 2000 (OpenJPEG), bare codestream, irreversible 9/7 wavelet, colour transform, one tile, target PSNR in dB"
    )
    decode = partial(imagecodecs.jpeg2k_decode, numthreads=1)
    return Codec("jpeg2000", encode, decode, settings, levels, "JPEG 2000", "jpeg2k")


def _webp() -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        # Without lossless=False, imagecodecs takes the level for the effort of lossless coding.
        return imagecodecs.webp_encode(
            np.ascontiguousarray(image), level=quality, method=6, lossless=False, numthreads=1
        )

    levels = (0, 5, 10, 20, 35, 50, 65, 78, 85, 90)
    settings = "WebP (libwebp), lossy, 4:2:0, method 6, quality 0–100"
    return Codec("webp", encode, imagecodecs.webp_decode, settings, levels, "WebP", "webp")


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
    return Codec("jpeg", encode, imagecodecs.jpeg8_decode, settings, levels, "JPEG", "jpeg8")


# Speed 2 takes 3 times as long as 4 and is 0.1 dB better at equal bytes. From 60 on, every curve here is far above the
# rates that matter. 0 is the coarsest that libavif 1.4 offers with its own tuning (tune=iq), which imagecodecs cannot
# change: about 0.07 bit/pixel on a blood-smear field. Tuned for PSNR, by another program, AVIF went down to 0.035
# bit/pixel there (29.5 dB), and stayed within 0.3 dB of these curves where both have files.
_SLOW_LEVELS = (0, 7, 14, 22, 30, 40, 50, 60)

CODECS = {
    codec.name: codec
    for codec in (
        # 10 bits take 3 to 5 % fewer bytes than 8 for the same PSNR of 8-bit pixels, at every speed.
        _avif("avif", "444", speed=4),
        _avif("avif420", "420", speed=4),
        # For searching, and for training, where every LR is coded several times: 7 times as fast, about 1 dB worse at
        # equal bytes.
        _avif("avif-fast", "444", speed=6),
        _avif("avif420-fast", "420", speed=6),
        # Competitors at full size: 8 bits as programs code an 8-bit image, and 10, by which LRs are compared with them.
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
    """An LR as it comes back from AVIF.

    Args:
        lr: uint8 [h, w, 3].
        qualities: 0 (fewest bytes) to 100.
        spread: `map`, or that of a pool of threads.

    Returns:
        One image for each quality; the LR itself where there are none.
    """
    avif = CODECS["avif-fast"]
    return list(spread(lambda quality: avif.decode(avif.encode(lr, quality)), qualities)) or [lr]
