"""Image files that tell nothing but their pixels: equal in size and date, and written in the order of their names.

A restored image has less grain than its original, so its PNG file is the smaller one in nearly every case. Files are
filled up with random bytes, so that a ZIP file of the folder does not list other sizes either.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

_FILLING = b"fiLl"
"""A chunk of its own that programs may ignore: private, not needed to show the image."""
_FRAME = 12
"""Bytes of a chunk without its content: length, type, checksum. So long is the last chunk, IEND."""
_LONGEST = 1 << 20
"""Readers of PNG may refuse a chunk of 8,000,000 bytes."""


def save(path: Path, pixels: np.ndarray, icc: bytes | None) -> None:
    """Writes a PNG file without metadata but the colour profile, which an original and its restored image share."""
    profile = {"icc_profile": icc} if icc else {}
    Image.fromarray(pixels).save(path, compress_level=3, **profile)


def publish(drafts: Path, images: Path, rng: np.random.Generator) -> None:
    """Moves PNG files to the folder that readers get, all of the size of the largest one.

    Args:
        drafts: the folder of the files, which is empty then.
        images: the other folder.
        rng: draws what the files are filled with.
    """
    paths = sorted(drafts.iterdir())
    size = max(path.stat().st_size for path in paths) + _FRAME
    for path in paths:
        content = path.read_bytes()
        filling = b"".join(_chunks(size - len(content), rng))
        target = images / path.name
        target.write_bytes(content[:-_FRAME] + filling + content[-_FRAME:])
        os.utime(target, (0, 0))  # the time would tell the order of drawing
        path.unlink()


def _chunks(size: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Chunks of random bytes, `size` bytes together, at least `_FRAME`."""
    while size:
        own = size if size <= 2 * _LONGEST else _LONGEST
        content = rng.bytes(own - _FRAME)
        checksum = zlib.crc32(_FILLING + content)
        yield len(content).to_bytes(4, "big") + _FILLING + content + checksum.to_bytes(4, "big")
        size -= own
