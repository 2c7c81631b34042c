"""Label, macro and thumbnail images: kept beside the slide, exactly where the gate is exact."""

from collections.abc import Callable
from itertools import accumulate

import imagecodecs
import numpy as np

from sr_tf.archive import native
from sr_tf.archive.gate import Gate
from sr_tf.archive.native import Segments
from sr_tf.images.codecs import CODECS
from sr_tf.slides.info import Associated
from sr_tf.slides.jpeg_grid import JpegGrid

_QUALITY = 70
"""Of AVIF, 4:4:4, where the gate is not exact: fine print of labels stays sharp."""


def segments_of(grid: JpegGrid) -> Segments:
    """What an archive keeps of a page of JPEG segments."""
    return Segments(
        grid.width, grid.height, grid.segment_width, grid.segment_height,
        grid.photometric, grid.subsampling, grid.tables,
    )  # fmt: skip


def standalone_of(grid: JpegGrid) -> Callable[[int, int], bytes]:
    """From (row, column) to a segment as a complete JPEG file; empty where it is missing."""
    return lambda row, column: grid.standalone(column, row) if grid.segment(column, row) else b""


def encode_associated(image: Associated, gate: Gate) -> tuple[dict, bytes]:
    """Stores one image.

    Returns:
        (what `archive.json` says of it, its bytes).
    """
    size = {"width": image.pixels.shape[1], "height": image.pixels.shape[0]}
    if not gate.lossless:
        return {"stored": "avif", **size}, CODECS["avif"].encode(image.pixels, _QUALITY)
    if image.grid is None:
        pixels = np.ascontiguousarray(image.pixels)
        return {"stored": "jpegxl", **size}, imagecodecs.jpegxl_encode(pixels, lossless=True, effort=7, numthreads=1)
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


def decode_associated(entry: dict, content: bytes) -> np.ndarray:
    """The inverse of `encode_associated`.

    Returns:
        uint8 [h, w, 3]; equal to what was stored if the gate was exact.

    Raises:
        ValueError, RuntimeError, KeyError: damaged.
    """
    width, height = int(entry["width"]), int(entry["height"])
    if entry["stored"] == "segments":
        segments: Segments = entry["segments"]
        ends = [0, *accumulate(entry["lengths"])]

        def standalone(row: int, column: int) -> bytes:
            place = row * segments.columns + column
            return native.unpack(entry["kinds"][place], content[ends[place] : ends[place + 1]])

        return segments.read(standalone, 0, 0, width, height)
    pixels = CODECS["avif"].decode(content) if entry["stored"] == "avif" else imagecodecs.jpegxl_decode(content)
    if pixels.shape != (height, width, 3):
        raise ValueError(f"an image of {list(pixels.shape)}, expected {[height, width, 3]}")
    return pixels
