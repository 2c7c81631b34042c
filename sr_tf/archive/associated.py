"""Label, macro and thumbnail images of a slide. A lossless archive stores them exactly, others as AVIF."""

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from sr_tf.archive import native
from sr_tf.archive.gate import Gate
from sr_tf.archive.native import Segments
from sr_tf.archive.stored import decode_image
from sr_tf.errors import UserError
from sr_tf.images.codecs import CODECS
from sr_tf.images.libraries import imagecodecs
from sr_tf.slides.info import Associated
from sr_tf.slides.jpeg_grid import JpegGrid
from sr_tf.slides.jpeg_metadata import without_metadata

_QUALITY = 70
"""AVIF quality (4:4:4) unless the gate is lossless; high enough for the small print on labels."""


def segments_of(grid: JpegGrid, deidentify: bool = False) -> Segments:
    """What an archive stores about a page of JPEG segments.

    Args:
        grid: the segments.
        deidentify: whether to remove the metadata of the page's tables.
    """
    tables = grid.tables
    if deidentify and tables is not None:
        tables = cleaned(tables, f"{grid.path}: the page's JPEG tables")
    return Segments(
        grid.width, grid.height, grid.segment_width, grid.segment_height,
        grid.photometric, grid.subsampling, tables, x=grid.x, y=grid.y,
    )  # fmt: skip


def standalone_of(grid: JpegGrid, deidentify: bool = False) -> Callable[[int, int], bytes]:
    """A function from (row, column) to a segment as a complete JPEG file; b"" if the slide leaves the segment out.

    Args:
        grid: the segments.
        deidentify: whether to remove each segment's metadata; its pixels stay the same to the bit.
    """

    def standalone(row: int, column: int) -> bytes:
        file = grid.standalone(column, row)
        return cleaned(file, f"{grid.path}: segment {column},{row}") if deidentify and file else file

    return standalone


def cleaned(stream: bytes, what: str, clean: Callable[[bytes], bytes] = without_metadata) -> bytes:
    """Removes the metadata of a segment.

    Args:
        stream: the segment.
        what: its name, for the error.
        clean: removes the metadata; raises `ValueError`.

    Raises:
        UserError: it cannot be removed.
    """
    try:
        return clean(stream)
    except ValueError as error:
        raise UserError(f"{what} cannot be de-identified ({error})") from error


def encode_associated(image: Associated, gate: Gate) -> tuple[dict, bytes]:
    """Encodes one image.

    Args:
        image: the image.
        gate: the archive's gate.

    Returns:
        (the image's entry in `archive.json`, the content of its member).
    """
    size = {"width": image.pixels.shape[1], "height": image.pixels.shape[0]}
    if not gate.lossless:
        return {"stored": "avif", **size}, CODECS["avif-fast"].encode(image.pixels, _QUALITY)
    if image.grid is not None:
        entry, content = _as_segments(image, size)
        if _gives_back(entry, content, image.pixels):
            return entry, content
    pixels = np.ascontiguousarray(image.pixels)
    return {"stored": "jpegxl", **size}, imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7, numthreads=1)


def _as_segments(image: Associated, size: dict[str, int]) -> tuple[dict, bytes]:
    """A lossless archive's entry and content for an image that consists of JPEG segments."""
    segments, standalone = segments_of(image.grid), standalone_of(image.grid)
    pieces = [
        native.repack(standalone(row, column)) for row in range(segments.rows) for column in range(segments.columns)
    ]
    entry = {
        "stored": "segments",
        **size,
        "segments": segments,
        "kinds": [kind for kind, _ in pieces],
        "lengths": [len(piece) for _, piece in pieces],
    }
    return entry, b"".join(piece for _, piece in pieces)


def _gives_back(entry: dict, content: bytes, pixels: np.ndarray) -> bool:
    try:
        return np.array_equal(decode_associated(entry, content), pixels)
    except ValueError:
        return False


def decode_associated(entry: dict, content: bytes) -> np.ndarray:
    """Decodes one image.

    Args:
        entry: the image's entry in `archive.json`.
        content: the content of its member.

    Returns:
        uint8 [h, w, 3], RGB; the original's pixels if the archive is lossless.

    Raises:
        ValueError: the content is damaged, or has another size than the entry states.
    """
    width, height = entry["width"], entry["height"]
    if entry["stored"] == "segments":
        segments: Segments = entry["segments"]
        ends = [0, *accumulate(entry["lengths"])]
        if ends[-1] != len(content):
            raise ValueError(f"its segments have {ends[-1]:,} bytes in total, expected {len(content):,}")

        def standalone(row: int, column: int) -> bytes:
            index = row * segments.columns + column
            piece = content[ends[index] : ends[index + 1]]
            return native.unpack(entry["kinds"][index], piece, segments.sizes(row))

        return segments.read(standalone, 0, 0, width, height)
    return decode_image(content, entry["stored"], width, height)
