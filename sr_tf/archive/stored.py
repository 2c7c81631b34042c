"""A stored block: encoding, decoding, and its record in the journal."""

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sr_tf.archive.av1 import split
from sr_tf.archive.kinds import EXACT, KINDS, LR4_LOSSLESS_GENERATOR, NATIVE, Kind
from sr_tf.images.avif_header import check_avif
from sr_tf.images.codecs import decode_avif
from sr_tf.images.decoders import decode_jpegxl
from sr_tf.images.jpegxl_header import check_jpegxl
from sr_tf.images.libraries import imagecodecs

_RECORD = struct.Struct("<Bf?")


class StoredImage(NamedTuple):
    """What a block's bytes decode to.

    Attributes:
        kind: how the block is stored.
        image: uint8 [ceil(h / scale), ceil(w / scale), 3].
        level: the level at which the codec stored it; a filter is told it.
    """

    kind: Kind
    image: np.ndarray
    level: float = 0


@dataclass(frozen=True)
class Stored:
    """A stored block.

    Attributes:
        kind: how the block is stored.
        level: the codec's level; 0 if the kind has no levels.
        file: the file as the codec wrote it; b"" for `NATIVE`, whose pixels are in the original's JPEG segments.
        cost: bytes in the archive.
        shared: whether the block lies in a piece that it shares with others; `file` is then the piece's hash.
    """

    kind: Kind
    level: float
    file: bytes
    cost: float
    shared: bool = False

    def record(self) -> bytes:
        """The block as the journal stores it."""
        return _RECORD.pack(self.kind.code, self.level, self.shared) + self.file


def from_record(record: bytes) -> Stored:
    """The inverse of `Stored.record`."""
    code, level, shared = _RECORD.unpack_from(record)
    file = record[_RECORD.size :]
    return Stored(KINDS[code], round(level, 2), file, 0 if shared else stored_bytes(KINDS[code], file), shared)


def is_avif(kind: Kind) -> bool:
    """Whether blocks of a kind are AVIF files."""
    return kind.codec is not None and kind.codec.startswith("avif")


def stored_bytes(kind: Kind, file: bytes) -> int:
    """The number of bytes that an archive stores of a file; see `sr_tf.archive.av1`."""
    return len(split(file)[1]) if is_avif(kind) else len(file)


def exact(pixels: np.ndarray) -> Stored:
    """Stores a block's pixels, uint8 [h, w, 3], without loss."""
    return _lossless(EXACT, pixels, effort=5)


def exactly_reduced(lr: np.ndarray) -> Stored:
    """Stores a block's LR, uint8 [ceil(h / 4), ceil(w / 4), 3], without loss, for a generator.

    Effort 8 saves 2 % of what effort 5 takes, for a tenth of a second; the generator takes much longer.
    """
    return _lossless(LR4_LOSSLESS_GENERATOR, lr, effort=8)


def _lossless(kind: Kind, image: np.ndarray, effort: int) -> Stored:
    file = imagecodecs.jpegxl_encode(np.ascontiguousarray(image), lossless=True, effort=effort, numthreads=1)
    return Stored(kind, 0, file, len(file))


def decode(kind: Kind, file: bytes, size: tuple[int, int]) -> np.ndarray:
    """Decodes a block's stored image.

    Args:
        kind: how the block is stored; not `NATIVE`.
        file: the block's file, see `Stored`.
        size: (H, W) of the block in HR pixels.

    Returns:
        uint8 [ceil(H / scale), ceil(W / scale), 3].

    Raises:
        ValueError: the file is damaged, or the image has another size.
    """
    if kind is NATIVE:
        raise ValueError("the pixels of this block are in the original's JPEG segments")
    height, width = (-(-length // kind.scale) for length in size)
    return decode_image(file, "avif" if is_avif(kind) else "jpegxl", width, height)


def decode_image(file: bytes, codec: str, width: int, height: int) -> np.ndarray:
    """Decodes an image of a known size. What the file's headers state is compared with it first.

    Args:
        file: the image's file.
        codec: "avif" or "jpegxl".
        width: the width in pixels.
        height: the height in pixels.

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: the file is damaged, or the image has another size.
    """
    check, decoder = (check_avif, decode_avif) if codec == "avif" else (check_jpegxl, decode_jpegxl)
    check(file, width, height)
    try:
        image = decoder(file)
    except (RuntimeError, ValueError, TypeError) as error:  # imagecodecs' own errors are RuntimeErrors
        raise ValueError(f"its image cannot be decoded ({error})") from error
    expected = (height, width, 3)
    if image.shape != expected or image.dtype != np.uint8:
        raise ValueError(f"its image is {image.dtype} {list(image.shape)}, expected uint8 {list(expected)}")
    return image
