"""Image codecs by name, at the settings that training, archive and comparison share; imagecodecs does the work."""

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np


@dataclass(frozen=True)
class Codec:
    """A lossy codec of uint8 RGB images.

    Attributes:
        name: as used in flags, archives and tables.
        encode: from uint8 [H, W, 3] and a level to a file's bytes; what a level means is the codec's own.
        decode: from a file's bytes to uint8 [H, W, 3].
        settings: what must be known to repeat it, in one line.
        levels: from fewest to most bytes: a grid for rate–distortion curves.
    """

    name: str
    encode: Callable[[np.ndarray, float], bytes]
    decode: Callable[[bytes], np.ndarray]
    settings: str
    levels: tuple[float, ...]


def _avif(name: str, pixel_format: str, speed: int) -> Codec:
    def encode(image: np.ndarray, quality: float) -> bytes:
        return imagecodecs.avif_encode(
            np.ascontiguousarray(image), level=quality, speed=speed, pixelformat=pixel_format, numthreads=1
        )

    chroma = ":".join(pixel_format)
    settings = f"AVIF (libavif, AOM), {chroma}, speed {speed}, quality 0–100"
    return Codec(name, encode, imagecodecs.avif_decode, settings, (0, 10, 20, 30, 40, 50, 60, 70, 80, 90))


CODECS = {
    codec.name: codec
    for codec in (
        _avif("avif", "444", speed=4),
        _avif("avif420", "420", speed=4),
        # For training, where every LR is coded several times: 7 times as fast, about 1 dB worse at equal bytes.
        _avif("avif-fast", "444", speed=6),
    )
}
