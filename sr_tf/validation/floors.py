"""What else could be done with a slide: JPEG, AVIF and bicubic interpolation, to compare with.

Without these figures nobody could say whether an agreement is high: the finder changes its mind after any coding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sr_tf.images.codecs import CODECS, Codec
from sr_tf.images.cubic import enlarge_cubic
from sr_tf.images.degradation import crop_to, reduce

JPEG_QUALITY = 90
_SCALE = 4
_AVIF, _AVIF_FAST = CODECS["avif"], CODECS["avif-fast"]
_JPEG = CODECS["jpeg"]
_COARSEST, _FINEST = 0, 100


@dataclass(frozen=True)
class Floor:
    """Another way to store pixels.

    Attributes:
        name: in tables.
        settings: how the pixels are coded.
        encode: from pixels, uint8 [H, W, 3], to a file.
        decode: from the file and the (H, W) of the pixels to pixels.
    """

    name: str
    settings: str
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[bytes, tuple[int, int]], np.ndarray]

    def coded(self, image: np.ndarray) -> tuple[np.ndarray, int]:
        """(what comes out of the coding of an image, the file's bytes)."""
        file = self.encode(image)
        return self.decode(file, image.shape[:2]), len(file)


def floors(samples: Sequence[np.ndarray], rate: float) -> list[Floor]:
    """The floors of an archive.

    AVIF's quality, 0 to 100, is the highest at which the samples together need at most the archive's rate; 0 where all
    need more.

    Args:
        samples: parts of the slide, uint8 [H, W, 3].
        rate: the archive's bytes by the slide's pixels.
    """
    return [_jpeg(), _avif(samples, rate), _bicubic(samples, rate)]


def _jpeg() -> Floor:
    name = f"JPEG quality {JPEG_QUALITY}"
    return Floor(
        name, f"{name}, 4:2:0", lambda image: _JPEG.encode(image, JPEG_QUALITY), lambda file, size: _JPEG.decode(file)
    )


def _avif(samples: Sequence[np.ndarray], rate: float) -> Floor:
    quality = _best_quality(samples, rate, lambda image: image)
    return Floor(
        "AVIF at equal bytes",
        f"{_AVIF.settings}; quality {quality}",
        lambda image: _AVIF.encode(image, quality),
        lambda file, size: _AVIF.decode(file),
    )


def _bicubic(samples: Sequence[np.ndarray], rate: float) -> Floor:
    quality = _best_quality(samples, rate, _reduced)
    return Floor(
        f"bicubic ×{_SCALE} at equal bytes",
        f"reduced {_SCALE} times by means of pixels; {_AVIF.settings}; quality {quality}; bicubic interpolation",
        lambda image: _AVIF.encode(_reduced(image), quality),
        lambda file, size: crop_to(enlarge_cubic(_AVIF.decode(file), _SCALE), size),
    )


def _reduced(image: np.ndarray) -> np.ndarray:
    return reduce(image, _SCALE, "antialiased")


def _best_quality(samples: Sequence[np.ndarray], rate: float, prepared: Callable[[np.ndarray], np.ndarray]) -> int:
    """The highest AVIF quality at which the samples have at most `rate` bytes for each of their pixels."""
    images = [prepared(sample) for sample in samples]
    allowed = rate * sum(sample.shape[0] * sample.shape[1] for sample in samples)

    def fits(codec: Codec, quality: int) -> bool:
        return sum(len(codec.encode(image, quality)) for image in images) <= allowed

    low, high = _COARSEST, _FINEST
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_AVIF_FAST, middle):
            low = middle
        else:
            high = middle - 1
    # The fast setting tells about how many bytes a quality takes; what is measured is coded at the slow one.
    if fits(_AVIF, low):
        while low < _FINEST and fits(_AVIF, low + 1):
            low += 1
    else:
        while low > _COARSEST and not fits(_AVIF, low):
            low -= 1
    return low
