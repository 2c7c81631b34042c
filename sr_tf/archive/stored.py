"""A block as it is stored, before and after its bytes: encoding, decoding, and its record in the journal."""

import struct
from dataclasses import dataclass

import imagecodecs
import numpy as np

from sr_tf.archive.av1 import split
from sr_tf.archive.kinds import EXACT, KINDS, NATIVE, Kind
from sr_tf.images.codecs import decode_avif

_RECORD = struct.Struct("<Bf")


@dataclass(frozen=True)
class Stored:
    """A block's kind, its codec's level and the bytes of its file.

    Attributes:
        kind: how it is stored.
        level: of the codec; 0 where there is none.
        file: as the codec made it; empty for `NATIVE`, whose pixels lie in the original's segments.
        cost: bytes that it will take in the archive.
    """

    kind: Kind
    level: float
    file: bytes
    cost: float

    def record(self) -> bytes:
        """For the journal."""
        return _RECORD.pack(self.kind.code, self.level) + self.file


def from_record(record: bytes) -> Stored:
    """The inverse of `Stored.record`."""
    code, level = _RECORD.unpack_from(record)
    file = record[_RECORD.size :]
    return Stored(KINDS[code], round(level, 2), file, stored_bytes(KINDS[code], file))


def is_avif(kind: Kind) -> bool:
    """Whether a block's file is AVIF."""
    return kind.codec is not None and kind.codec.startswith("avif")


def stored_bytes(kind: Kind, file: bytes) -> int:
    """How many bytes of a file the archive keeps; see `sr_tf.archive.av1`."""
    return len(split(file)[1]) if is_avif(kind) else len(file)


def exact(pixels: np.ndarray) -> Stored:
    """A block's pixels without loss."""
    file = imagecodecs.jpegxl_encode(np.ascontiguousarray(pixels), lossless=True, effort=5, numthreads=1)
    return Stored(EXACT, 0, file, len(file))


def decode(kind: Kind, file: bytes, size: tuple[int, int]) -> np.ndarray:
    """A block's stored image.

    Args:
        kind: any but `NATIVE`.
        file: as in `Stored`.
        size: (H, W) of the block in HR pixels.

    Returns:
        uint8 [ceil(H / scale), ceil(W / scale), 3].

    Raises:
        ValueError: damaged, or of another size.
    """
    if kind is NATIVE:
        raise ValueError("the pixels of such a block lie in the original's segments")
    decoder = decode_avif if is_avif(kind) else imagecodecs.jpegxl_decode
    try:
        image = decoder(file)
    except (RuntimeError, ValueError, TypeError) as error:  # imagecodecs' own errors are RuntimeErrors
        raise ValueError(f"its image cannot be decoded ({error})") from error
    expected = (*(-(-length // kind.scale) for length in size), 3)
    if image.shape != expected or image.dtype != np.uint8:
        raise ValueError(f"its image is {image.dtype} {list(image.shape)}, expected uint8 {list(expected)}")
    return image
