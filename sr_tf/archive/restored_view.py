"""What is written when an archive is restored: its pixels, tile by tile, at full size or reduced."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.copied import page_of
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.header import Header
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.errors import UserError
from sr_tf.slides.copied_tiles import CopiedPage, JpegPage, require_copyable
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.jpeg_segments import split_tables
from sr_tf.slides.pyramid import PyramidInfo
from sr_tf.slides.reduced import factor_for, reduced_info, reducing
from sr_tf.slides.source_files import SourceFiles

_TILE = 512
"""Side of the tiles in pixels, unless tiles are copied."""
_CACHED_TILES, _CACHED_BYTES = 16, 2**26
"""Decoded JPEG 2000 tiles: each is decoded before it is copied, and asked for again by the level above."""


class RestoredView:
    """An archived slide as it is written.

    Args:
        slide: the archive.
        most: the highest magnification; None: as archived.
        copy: whether tiles that the archive keeps are copied.

    Attributes:
        slide: the archive.
        factor: how many times its pixels are reduced.
        page: the tags of the page that tiles are copied into; None: pixels are written.
        info: size and metadata of what is written.

    Raises:
        UserError: the magnification is not known, or cannot be reached.
    """

    def __init__(self, slide: ArchivedSlide, most: float | None = None, copy: bool = True):
        header = slide.header
        self.slide = slide
        self.factor = factor_for(slide.path, header.slide.objective_power, most)
        self.page: CopiedPage | None = page_of(slide) if copy and self.factor == 1 else None
        self.info: SlideInfo = reduced_info(header.slide, self.factor)
        self._read = reducing(slide.read, (header.slide.width, header.slide.height), self.factor)
        self._decoded: RecentlyUsed[np.ndarray] = RecentlyUsed(_CACHED_TILES, _CACHED_BYTES, lambda tile: tile.nbytes)

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Height and width of a tile in pixels."""
        return tile_of(self.slide) if self.page else (_TILE, _TILE)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.info.height // self.tile[0]), -(-self.info.width // self.tile[1])

    def pixels(self, column: int, row: int) -> np.ndarray:
        """The pixels of a tile, uint8 [h, w, 3], cropped at the slide's edge."""
        x, y = column * self.tile[1], row * self.tile[0]
        place = x, y, min(self.tile[1], self.info.width - x), min(self.tile[0], self.info.height - y)
        native = self.slide.header.native
        if not self.page or not native:
            return self._read(*place)
        # A copied tile is decoded by itself: tiles that are wide and low lie under many blocks.
        try:
            if isinstance(self.page, JpegPage):
                return native.read(self.slide.segment, *place)
            return self._decoded.get(place, lambda: native.read(self.slide.segment, *place))
        except ValueError as error:
            raise UserError(f"{self.slide.path}: segment {column},{row} cannot be decoded: {error}") from error

    @property
    def segments(self) -> Callable[[int, int], bytes] | None:
        """Gives the tile of (column, row), a JPEG without the tables that its page has; None: no tile is copied."""
        page = self.page
        if isinstance(page, JpegPage):
            return lambda column, row: _abbreviated(self.slide, page, column, row)
        return self._codestream if page else None

    def _codestream(self, column: int, row: int) -> bytes:
        """A JPEG 2000 tile that can be decoded; b"" if the original leaves it out."""
        self.pixels(column, row)
        return self.slide.segment(row, column)

    @cached_property
    def costs(self) -> np.ndarray:
        """About how many bytes the archive spends on each tile, float64 [rows, columns]."""
        of_blocks, (rows, columns) = _bytes_of_blocks(self.slide), self.shape
        block = BLOCK / self.factor
        down = _nearest(rows, self.tile[0], block, of_blocks.shape[0])
        right = _nearest(columns, self.tile[1], block, of_blocks.shape[1])
        return of_blocks[np.ix_(down, right)]

    @property
    def pyramid_info(self) -> PyramidInfo:
        """The size and metadata of the restored file."""
        return pyramid_info(self.slide.header, self.tile, self.factor)


def refuse_original(target: Path, slide: ArchivedSlide) -> None:
    """Raises a `UserError` if the file or the DICOM series that would be replaced is the slide that was archived."""
    source = slide.header.source
    if "sha256" in source and target.exists() and SourceFiles(target).difference(source) is None:
        raise UserError(f"{target}: is the original of {slide.path}, expected another name")


def describe(header: Header, factor: int = 1) -> str:
    """The description that a restored image carries, for people."""
    text = (
        f"Restored by {header.software} from an archive that keeps every pixel."
        if header.gate.lossless
        else f"Reconstructed by {header.software} from a reduced archive, not scanned. Measured against the original "
        f"when archived: {header.gate.describe()}."
    )
    before = header.source.get("reduced")
    if before:
        text += (
            f" Archived at {header.slide.objective_power:g}×: the original had {before['objective_power']:g}× and was "
            "reduced by averaging before it was measured."
        )
    if factor > 1:
        text += f" Reduced {factor} times by averaging when it was restored."
    return f"{text} Research use only{'' if header.gate.lossless else ', not for diagnosis'}."


def tile_of(archive: ArchiveFile) -> tuple[int, int]:
    """Height and width of a tile of level 0 in the restored file, if it is as archived."""
    native = archive.header.native
    return (native.segment_height, native.segment_width) if page_of(archive) and native else (_TILE, _TILE)


def pyramid_info(header: Header, tile: tuple[int, int], factor: int = 1) -> PyramidInfo:
    """The size and metadata of the restored file.

    Args:
        header: the archive's header.
        tile: height and width of a tile in pixels.
        factor: how many times the pixels are reduced.

    Raises:
        ValueError: a pyramid cannot have them.
    """
    slide, before = reduced_info(header.slide, factor), header.source.get("reduced")
    own = {"sr_tf.gate": header.gate.describe()}
    if "sha256" in header.source:
        own = {"sr_tf.source.sha256": header.source["sha256"]} | own
    if before:
        own |= {f"sr_tf.reduced.{name}": f"{value:g}" for name, value in before.items()}
    if factor > 1:
        own["sr_tf.restored.reduced"] = str(factor)
    return PyramidInfo(
        width=slide.width,
        height=slide.height,
        tile=tile,
        mpp=slide.mpp,
        objective_power=slide.objective_power,
        icc=slide.icc,
        name=header.source.get("name", "slide"),
        description=describe(header, factor),
        annotations={**slide.properties, **own},
    )


def _nearest(count: int, side: int, block: float, blocks: int, first: int = 0) -> np.ndarray:
    """The number of the block that holds the middle of each of `count` tiles in a row from `first` on, int [count]."""
    return np.minimum((((np.arange(count) + 0.5) * side + first) / block).astype(int), blocks - 1)


def _bytes_of_blocks(slide: ArchivedSlide) -> np.ndarray:
    """The bytes of each block, float64 [rows, columns]; a piece or segment of several blocks is divided among them."""
    index, grid = slide.index, slide.header.grid
    counts = np.bincount(index.pieces[index.pieces >= 0], minlength=max(1, len(index.table)))
    share = np.append(index.table["length"] / np.maximum(counts[: len(index.table)], 1), 0)
    costs = share[index.pieces]  # the last one for blocks without a piece
    if slide.segment_index is not None:
        native, lengths = slide.header.native, slide.segment_index["length"]
        down = _nearest(native.rows, native.segment_height, BLOCK, grid.rows, native.y)
        right = _nearest(native.columns, native.segment_width, BLOCK, grid.columns, native.x)
        of_segments = np.zeros(costs.shape)
        np.add.at(of_segments, tuple(np.meshgrid(down, right, indexing="ij")), lengths)
        costs = np.where(index.kinds == NATIVE.code, of_segments, costs)
    return costs


def _abbreviated(slide: ArchivedSlide, page: JpegPage, column: int, row: int) -> bytes:
    """A segment as it is in the original's file, without the tables that its page stores."""
    standalone = slide.segment(row, column)
    try:
        if not standalone:
            return b""
        require_copyable(page, standalone)
        return split_tables(page.tables, standalone)
    except ValueError as error:
        raise UserError(f"{slide.path}: segment {column},{row} is damaged: {error}") from error
