"""Whether a lossless archive keeps a slide's JPEG or JPEG 2000 tiles byte by byte.

`sr-tf restore` copies the tiles; `sr_tf.slides.copied_tiles` has the rules. JPEG 2000 tiles are copied into an SVS or
DICOM, but not into an OME-TIFF, because OpenSlide reads them in no TIFF file but Aperio's own. JPEG tiles that are a
part of the slide are restored as pixels. Of other slides, the exact pixels are kept.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sr_tf.archive.associated import cleaned, segments_of, standalone_of
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import JPEG_2000, JPEG_FILES, Segments
from sr_tf.archive.reader import ArchiveFile
from sr_tf.errors import UserError
from sr_tf.images.libraries import require_all
from sr_tf.messages import tell
from sr_tf.slides.copied_tiles import CopiedPage, Jpeg2000Page, JpegPage, check_copy, copied_page, is_tile, page_for
from sr_tf.slides.jpeg2000 import without_comments
from sr_tf.slides.slide import Slide

SAMPLE = 6
"""Tiles that are written and decoded for a trial: the first, the last and some between."""


Read = Callable[[int, int, int, int], np.ndarray]
"""Reads a rectangle: called with (x, y, width, height)."""

Standalone = Callable[[int, int], bytes]
"""Called with (row, column); returns a segment as a complete JPEG file or codestream, b"" if the slide has none."""


def segments_to_keep(slide: Slide, lossless: bool, deidentify: bool = False) -> Segments | None:
    """The slide's segments if the archive can keep them.

    Args:
        slide: the original.
        lossless: whether all segments are kept, and `sr-tf restore` copies JPEG tiles where it can. If not, segments
            are one of several forms of a block: JPEG 2000 is not, nor are tiles of an NDPI or of a part of the slide,
            which lie under so many blocks that they would seldom be the smallest.
        deidentify: whether to remove the metadata of the segments and their tables.

    Returns:
        The layout of the segments; None if there are none, if they have other pixels than the slide, or if tiles of a
        page could not be copied into a TIFF file. A message then says why.

    Raises:
        UserError: the file cannot be read.
    """
    if slide.jpeg2000 is not None:
        return _jpeg2000_to_keep(slide, deidentify) if lossless else None
    if slide.grid is None:
        return None
    segments, standalone = segments_of(slide.grid, deidentify), standalone_of(slide.grid, deidentify)
    if not lossless:
        return None if slide.grid.replaceable else segments
    tiles = is_tile(segments.segment_height, segments.segment_width)
    try:
        if tiles or not slide.grid.replaceable:
            segments = replace(segments, subsampling=page_for(slide.grid).subsampling)
        if slide.grid.replaceable and not (tiles and segments.covers(slide.info.width, slide.info.height)):
            _check_pixels(segments, standalone, slide.read)
        else:
            check_copies(segments, standalone, slide.read)
    except ValueError as error:
        tell(f"{slide.path}: its JPEG tiles are kept as exact pixels, not byte by byte ({error})")
        return None
    return segments


def reader_of(slide: Slide, segments: Segments, deidentify: bool = False) -> Standalone:
    """The function that reads the segments that `segments_to_keep` returned."""
    grid = slide.jpeg2000
    if segments.codec == JPEG_FILES or grid is None:
        return standalone_of(slide.grid, deidentify)

    def tile(row: int, column: int) -> bytes:
        codestream = grid.tile(row, column)
        if not deidentify or not codestream:
            return codestream
        return cleaned(codestream, f"{grid.path}: tile {column},{row}", without_comments)

    return tile


def _jpeg2000_to_keep(slide: Slide, deidentify: bool) -> Segments | None:
    grid = slide.jpeg2000
    page = grid.page
    sides = page.width, page.height, page.segment_width, page.segment_height
    segments = Segments(*sides, grid.photometric, None, None, JPEG_2000)
    tile = reader_of(slide, segments, deidentify)
    check = tile if deidentify else grid.check  # comments may be anywhere
    places = [(row, column) for row in range(page.rows) for column in range(page.columns)]
    try:
        for row, column in places:
            check(row, column)
        _check_pixels(segments, tile, slide.read)
    except (UserError, ValueError) as error:
        why = str(error).removeprefix(f"{slide.path}: ")
        tell(f"{slide.path}: its JPEG 2000 tiles are kept as exact pixels, not byte by byte ({why})")
        return None
    return segments


def _check_pixels(segments: Segments, standalone: Standalone, read: Read) -> None:
    """Raises a `ValueError` if a sample of segments has other pixels than the slide."""
    for row, column in sample([(row, column) for row in range(segments.rows) for column in range(segments.columns)]):
        place = segments.rectangle(row, column)
        if not np.array_equal(segments.read(standalone, *place), read(*place)):
            raise ValueError(f"tile {column},{row} has other pixels than the slide")


def page_of(archive: ArchiveFile) -> CopiedPage | None:
    """The tags of the page that the archive's tiles can be copied into; None if its pixels must be written instead."""
    header, native = archive.header, archive.header.native
    if not header.gate.lossless or native is None:
        return None
    if not native.covers(header.slide.width, header.slide.height) or (archive.index.kinds != NATIVE.code).any():
        return None
    if native.codec == JPEG_2000:
        tiles = is_tile(native.segment_height, native.segment_width)
        return Jpeg2000Page(native.photometric) if tiles else None
    try:
        return _page(native)
    except ValueError:
        return None


def check_copies(segments: Segments, standalone: Standalone, read: Read) -> None:
    """Copies a sample of tiles into TIFF files in memory and compares what is decoded.

    Args:
        segments: the layout of the segments.
        standalone: called with (row, column); returns a segment as a complete JPEG file.
        read: called with (x, y, width, height); returns the pixels that are expected.

    Raises:
        ValueError: a tile cannot be copied, or has other pixels.
        UserError: `standalone` or `read` raises it.
    """
    require_all()  # tifffile writes the tiles by imagecodecs
    page = _page(segments)
    for row, column in sample([(row, column) for row in range(segments.rows) for column in range(segments.columns)]):
        file = standalone(row, column)
        if not file:
            continue
        x, y, width, height = segments.rectangle(row, column)
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
