"""Whether a lossless archive keeps a slide's JPEG tiles byte by byte, so that `sr-tf restore` copies them.

Otherwise it keeps the exact pixels. `sr_tf.slides.copied_tiles` has the rules.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sr_tf.archive.associated import segments_of, standalone_of
from sr_tf.archive.header import Header
from sr_tf.archive.native import Segments
from sr_tf.messages import tell
from sr_tf.slides.copied_tiles import JpegPage, check_copy, copied_page, page_for
from sr_tf.slides.slide import Slide

SAMPLE = 6
"""Tiles that are written and decoded for a trial: the first, the last and some between."""


def segments_to_keep(slide: Slide, lossless: bool, deidentify: bool = False) -> Segments | None:
    """The slide's JPEG segments if the archive can keep them.

    Args:
        slide: the original.
        lossless: whether `sr-tf restore` will copy the segments. If not, only their pixels are needed.
        deidentify: whether to remove the metadata of the segments and their tables.

    Returns:
        The layout of the segments; None if there are none, or if they could not be copied into a TIFF file. A message
        then says why.

    Raises:
        UserError: the file cannot be read.
    """
    if slide.grid is None:
        return None
    segments = segments_of(slide.grid, deidentify)
    if not lossless:
        return segments
    try:
        page = page_for(slide.grid)
        segments = replace(segments, subsampling=page.subsampling)
        check_copies(segments, standalone_of(slide.grid, deidentify), slide.read)
    except ValueError as error:
        tell(f"{slide.path}: its JPEG tiles are kept as exact pixels, not byte by byte ({error})")
        return None
    return segments


def page_of(header: Header) -> JpegPage | None:
    """The tags of the page that the archive's JPEG tiles are copied into; None if its pixels are written instead."""
    if not header.gate.lossless or header.native is None:
        return None
    try:
        return _page(header.native)
    except ValueError:
        return None


def check_copies(
    segments: Segments, standalone: Callable[[int, int], bytes], read: Callable[[int, int, int, int], np.ndarray]
) -> None:
    """Copies a sample of tiles into TIFF files in memory and compares what is decoded.

    Args:
        segments: the layout of the segments.
        standalone: called with (row, column); returns a segment as a complete JPEG file.
        read: called with (x, y, width, height); returns the pixels that are expected.

    Raises:
        ValueError: a tile cannot be copied, or has other pixels.
        UserError: `standalone` or `read` raises it.
    """
    page = _page(segments)
    for row, column in sample([(row, column) for row in range(segments.rows) for column in range(segments.columns)]):
        file = standalone(row, column)
        if not file:
            continue
        x, y = column * segments.segment_width, row * segments.segment_height
        width = min(segments.segment_width, segments.width - x)
        height = min(segments.segment_height, segments.height - y)
        try:
            pixels = check_copy(page, file)
        except ValueError as error:
            raise ValueError(f"tile {column},{row}: {error}") from error
        if not np.array_equal(pixels[:height, :width], read(x, y, width, height)):
            raise ValueError(f"tile {column},{row}: the JPEG has other pixels than the slide")


def sample(places: list[tuple[int, int]], most: int = SAMPLE) -> list[tuple[int, int]]:
    """The first place, the last one and some between, the same in every call."""
    if len(places) <= most:
        return places
    return [places[0], *sorted(random.Random(len(places)).sample(places[1:-1], most - 2)), places[-1]]


def _page(segments: Segments) -> JpegPage:
    tile = segments.segment_height, segments.segment_width
    return copied_page(tile, segments.tables, segments.photometric, segments.subsampling)
