"""Reading OME-TIFF, and tiled TIFF that OpenSlide does not decode.

Pages with tiles are read tile by tile. Small pages without tiles are read as a whole.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg_grid import JpegGrid, grid_of
from sr_tf.slides.ome import OmeImage, parse_ome
from sr_tf.slides.tiff_header import Tiff, check_untiled_size
from sr_tf.slides.tiff_page import Page
from sr_tf.slides.tiff_segments import decode, objection

_CACHE_PIXELS = 2**24
_FEWEST_CACHED_TILES = 8
# By OpenSlide's names. Bio-Formats calls them "label image", "macro image".
_ASSOCIATED = ("label", "macro", "thumbnail", "overview", "map")


class PagePixels:
    """The pixels of a page.

    Attributes:
        grid: the page's segments if they are colour JPEGs, else None.

    Raises:
        UserError: the page is not 8-bit RGB or grey, or it is large and has no tiles.
    """

    def __init__(self, file: FileBytes, page: Page):
        if why := objection(page):
            raise UserError(f"{file.path}: {why}")
        check_untiled_size(file.path, page)
        if len(page.offsets) != page.columns * page.rows:
            found = f"{page.width}×{page.height} pixels in {len(page.offsets):,} strips"
            raise UserError(f"{file.path}: claims {found}, expected {page.columns * page.rows:,} strips")
        self.grid: JpegGrid | None = grid_of(file, page)
        self._file, self._page = file, page
        # Neighbouring regions share tiles. The cache holds 48 MiB of them, and at least a few however large they are.
        tiles = max(_FEWEST_CACHED_TILES, _CACHE_PIXELS // (page.segment_width * page.segment_height))
        self._segment = lru_cache(tiles if page.tiled else None)(self._decode)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle that lies inside the page. Thread-safe.

        Returns:
            uint8 [height, width, 3], RGB; white where the file leaves segments out.

        Raises:
            UserError: a tile is damaged or transparent.
        """
        return self._page.assemble(self._segment, x, y, width, height)

    def _decode(self, row: int, column: int) -> np.ndarray | None:
        if self.grid is not None:
            return self.grid.decode(column, row)
        page = self._page
        index = row * page.columns + column
        if not page.counts[index]:
            return None
        rows = min(page.segment_height, page.height - row * page.segment_height)
        data = self._file.read(int(page.offsets[index]), int(page.counts[index]))
        try:
            segment = decode(data, page, page.segment_height if page.tiled else rows)
        except ValueError as error:
            raise UserError(f"{self._file.path}: tile {column},{row} is damaged ({error})") from error
        if page.samples == 4:
            # The part of a tile outside the image can hold anything.
            columns = min(page.segment_width, page.width - column * page.segment_width)
            if segment[:rows, :columns, 3].min() < 255:
                raise UserError(f"{self._file.path}: tile {column},{row} is transparent, expected opaque pixels")
        return segment[..., :3]


class TiffReader:
    """Level 0 of a TIFF file, and its associated images.

    Attributes:
        info: size and metadata.
        grid: the segments of level 0 if they are colour JPEG tiles, else None.

    Args:
        path: the file.
        tiff: its header.

    Raises:
        UserError: the file does not hold one 8-bit RGB or grey image.
    """

    def __init__(self, path: Path, tiff: Tiff):
        images = parse_ome(path, tiff.ome) if tiff.ome is not None else []
        self._file = FileBytes(path)
        try:
            page = _page(path, tiff, images[0]) if images else tiff.pages[0]
            self._pixels = PagePixels(self._file, page)
            self._others = {_kind(path, image): _page(path, tiff, image) for image in images[1:]}
            if len(self._others) < len(images) - 1:
                raise UserError(f"{path}: holds {len(images)} images, expected one of each kind")
        except UserError:
            self._file.close()
            raise
        # The mpp is not taken from the TIFF's resolution tags: outside vendors' formats they describe the printed page.
        self.info = SlideInfo(
            format="ome-tiff" if images else "tiff",
            width=page.width,
            height=page.height,
            mpp=images[0].mpp if images else None,
            objective_power=images[0].objective_power if images else None,
            icc=page.icc,
            properties=tiff.properties,
        )
        self.grid = self._pixels.grid if page.tiled else None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0; see `PagePixels.read`."""
        return self._pixels.read(x, y, width, height)

    def associated(self) -> dict[str, Associated]:
        """See `sr_tf.slides.slide.Slide.associated`."""
        images = {}
        for name, page in self._others.items():
            pixels = PagePixels(self._file, page)
            images[name] = Associated(pixels.read(0, 0, page.width, page.height), pixels.grid)
        return images

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _page(path: Path, tiff: Tiff, image: OmeImage) -> Page:
    if not 0 <= image.page < len(tiff.pages):
        raise UserError(f"{path}: the OME-XML names page {image.page}, the file holds {len(tiff.pages)}")
    page = tiff.pages[image.page]
    if image.channels != page.samples:
        found = f"{image.channels} channels in planes of {page.samples}"
        raise UserError(f"{path}: holds {found}, expected RGB or grey in one plane")
    if (image.width, image.height) != (page.width, page.height):
        found = f"{image.width}×{image.height} pixels in the OME-XML"
        raise UserError(f"{path}: claims {found}, the page has {page.width}×{page.height}")
    return page


def _kind(path: Path, image: OmeImage) -> str:
    kinds = [kind for kind in _ASSOCIATED if kind in image.name.lower()]
    if not kinds:
        # Reading only the first image would lose the others without a warning.
        expected = f"one slide, and images named {', '.join(_ASSOCIATED)}"
        raise UserError(f"{path}: holds a further image “{image.name}”, expected {expected}")
    return kinds[0]
