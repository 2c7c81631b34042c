"""Tiles that are copied from one TIFF file into another without decoding: whether they can be, and their tags.

The rules are here once. The archive asks them before it keeps a slide's tiles, restoring asks them before it copies
tiles, and the writer of pyramids refuses what they refuse.
"""

import io
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL import Image

from sr_tf.errors import reason
from sr_tf.slides.jpeg2000_grid import RGB_CODE, YCBCR_CODE
from sr_tf.slides.jpeg_grid import JpegGrid
from sr_tf.slides.jpeg_segments import (
    decode_segment,
    frame_size,
    has_regular_scans,
    join_tables,
    sampling,
    split_tables,
)
from sr_tf.slides.tiff_page import RGB, YCBCR

_STEP = 16  # sides of the tiles of a TIFF file are multiples of this
_PHOTOMETRICS = {RGB: "rgb", YCBCR: "ycbcr"}
_SUBSAMPLINGS = (None, (1, 1), (2, 1), (2, 2))
_BY_DEFAULT = (2, 2)  # what TIFF's YCbCrSubSampling means where a page has no such tag
_ROUNDING = 3  # levels of 255 by which two JPEG decoders differ; a wrong tag changes colours by far more


@dataclass(frozen=True)
class JpegPage:
    """The tags of a TIFF page of JPEG tiles that are copied without decoding.

    Attributes:
        tables: TIFF tag JPEGTables, which all tiles share, or None if each tile has its own tables.
        photometric: TIFF tag PhotometricInterpretation: 2 (RGB) or 6 (YCbCr).
        subsampling: TIFF tag YCbCrSubSampling, or None.
        words: what is copied, for people.

    Raises:
        ValueError: a tag has a value that cannot be written.
    """

    tables: bytes | None
    photometric: int
    subsampling: tuple[int, int] | None
    words = "JPEG tiles"

    def __post_init__(self):
        if self.photometric not in _PHOTOMETRICS:
            raise ValueError(f"photometric interpretation {self.photometric}: expected 2 (RGB) or 6 (YCbCr)")
        if self.subsampling not in _SUBSAMPLINGS:
            raise ValueError(f"chroma subsampling {self.subsampling}: expected one of {_SUBSAMPLINGS}")

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of `tifffile.TiffWriter.write` that describe the tiles."""
        photometric = _PHOTOMETRICS[self.photometric]
        return {
            "photometric": photometric,
            "compression": "jpeg",
            "subsampling": self.subsampling,
            "jpegtables": self.tables,
            # Without this, TiffWriter declares YCbCr whatever `photometric` is.
            "compressionargs": {"outcolorspace": photometric},
        }


@dataclass(frozen=True)
class Jpeg2000Page:
    """The tags of a TIFF page of JPEG 2000 tiles that are copied: Aperio's, which OpenSlide reads in an SVS only.

    Attributes:
        photometric: how the tiles' colours are stored: 2 (RGB) or 6 (YCbCr), as TIFF numbers them.
        words: what is copied, for people.
    """

    photometric: int
    words = "JPEG 2000 tiles"

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of `tifffile.TiffWriter.write` that describe the tiles."""
        # Aperio says RGB for both; so every reader gets from the copy what it gets from the original.
        return {"photometric": "rgb", "compression": YCBCR_CODE if self.photometric == YCBCR else RGB_CODE}


CopiedPage = JpegPage | Jpeg2000Page
"""The tags of a page that tiles are copied into."""


def is_tile(height: int, width: int) -> bool:
    """Whether a TIFF file can have tiles of this size in pixels."""
    return all(side >= _STEP and side % _STEP == 0 for side in (height, width))


def copied_page(
    tile: tuple[int, int], tables: bytes | None, photometric: int, subsampling: tuple[int, int] | None
) -> JpegPage:
    """The tags of a page that JPEG tiles are copied into.

    Args:
        tile: height and width of a tile in pixels.
        tables: see `JpegPage`.
        photometric: see `JpegPage`.
        subsampling: see `JpegPage`.

    Raises:
        ValueError: such tiles cannot be copied.
    """
    if not is_tile(*tile):
        raise ValueError(f"tiles of {tile[1]}×{tile[0]} pixels: expected multiples of {_STEP}")
    return JpegPage(tables, photometric, subsampling)


def page_for(grid: JpegGrid) -> JpegPage:
    """The tags under which a grid's tiles can be copied; `subsampling` is that of the tiles if their tag is wrong.

    Reads the beginning of every tile.

    Raises:
        ValueError: the tiles cannot be copied, because of their size, their tags or their chroma subsampling.
        UserError: the file cannot be read.
    """
    subsampling, found = grid.subsampling, _same_sampling(grid)
    if grid.photometric == RGB:
        subsampling = subsampling if subsampling in _SUBSAMPLINGS else None  # the tag means nothing here
    elif found is not None and found != (subsampling or _BY_DEFAULT):
        subsampling = found
    return copied_page((grid.segment_height, grid.segment_width), grid.tables, grid.photometric, subsampling)


def check_copy(page: JpegPage, standalone: bytes) -> np.ndarray:
    """Writes one tile into a TIFF file in memory as it would be copied, and decodes it with two other decoders.

    Args:
        page: the tags of the page.
        standalone: the tile as a complete JPEG file.

    Returns:
        The tile's pixels, uint8 [h, w, 3], RGB.

    Raises:
        ValueError: the tile cannot be written, or tifffile or libtiff decodes other pixels.
    """
    pixels = decode_segment(standalone, page.photometric)
    segment = split_tables(page.tables, standalone)
    if join_tables(page.tables, segment) != standalone:
        raise ValueError("the tile and the page's tables do not give the JPEG back")
    content = io.BytesIO()
    shape = pixels.shape
    with tifffile.TiffWriter(content, bigtiff=True, byteorder="<", shaped=False) as writer:
        writer.write(
            iter([segment]), shape=shape, dtype="uint8", tile=shape[:2], metadata=None, software=False, **page.arguments
        )
    content.seek(0)
    try:
        with tifffile.TiffFile(content) as file:
            by_tifffile = file.asarray()
    except Exception as error:  # tifffile and its decoders raise many types
        raise ValueError(f"tifffile cannot decode the copied tile ({reason(error)})") from error
    if not np.array_equal(by_tifffile, pixels):
        raise ValueError("tifffile decodes other pixels from the copied tile")
    content.seek(0)
    try:
        with Image.open(content) as image:
            by_libtiff = np.asarray(image.convert("RGB"))
    except Exception as error:  # as above, for Pillow
        raise ValueError(f"libtiff cannot decode the copied tile ({reason(error)})") from error
    if by_libtiff.shape != shape or np.abs(np.subtract(by_libtiff, pixels, dtype=np.int16)).max() > _ROUNDING:
        raise ValueError("libtiff decodes other pixels from the copied tile")
    return pixels


def require_copyable(page: JpegPage, standalone: bytes) -> None:
    """Checks that a tile can be decoded where it is copied to; much faster than `check_copy`, and less thorough.

    Raises:
        ValueError: the tile is damaged, or a sequential JPEG of several scans.
    """
    if not has_regular_scans(standalone):
        raise ValueError("a sequential JPEG of several scans")
    decode_segment(standalone, page.photometric)


def _same_sampling(grid: JpegGrid) -> tuple[int, int] | None:
    """The chroma subsampling of all tiles; None if the file leaves all of them out."""
    found = None
    for row in range(grid.rows):
        for column in range(grid.columns):
            beginning = grid.beginning(column, row)
            if not beginning:
                continue
            width, height, _ = frame_size(beginning)
            if (height, width) != (grid.segment_height, grid.segment_width):
                raise ValueError(
                    f"tile {column},{row}: the JPEG claims {width}×{height} pixels, expected "
                    f"{grid.segment_width}×{grid.segment_height}"
                )
            this = sampling(beginning)
            if found is not None and this != found:
                raise ValueError(f"tile {column},{row}: chroma subsampling {this}, other tiles have {found}")
            found = this
    return found
