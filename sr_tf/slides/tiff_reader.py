"""OME-TIFF, and tiled TIFF that OpenSlide does not read: tile by tile, or whole where it is small and not tiled."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.images.tiles import assemble, under
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg_grid import JpegGrid, grid_of
from sr_tf.slides.ome import OmeImage, parse_ome
from sr_tf.slides.tiff_pages import Page, Tiff
from sr_tf.slides.tiff_segments import decode, decode_colour_jpeg, objection

_CACHE_PIXELS = 2**24
# By OpenSlide's names. Bio-Formats calls them "label image", "macro image".
_ASSOCIATED = ("label", "macro", "thumbnail", "overview", "map")


class PagePixels:
    """The pixels of a page.

    Raises:
        UserError: the page is none of 8-bit RGB or grey, or it is large and not tiled.
    """

    def __init__(self, file: FileBytes, page: Page):
        if reason := objection(page):
            raise UserError(f"{file.path}: {reason}")
        if not page.tiled and page.width * page.height > Image.MAX_IMAGE_PIXELS:
            found = f"is an untiled TIFF of {page.width}×{page.height} pixels"
            raise UserError(f"{file.path}: {found}, expected tiles in one of more than {Image.MAX_IMAGE_PIXELS:,}")
        if len(page.offsets) != page.columns * page.rows:
            found = f"{page.width}×{page.height} pixels in {len(page.offsets):,} strips"
            raise UserError(f"{file.path}: claims {found}, expected {page.columns * page.rows:,}")
        self.grid: JpegGrid | None = grid_of(file, page)
        self._file, self._page = file, page
        # Neighbouring regions share tiles. A few more than none, however large the tiles: 48 MiB or eight tiles.
        tiles = max(8, _CACHE_PIXELS // (page.segment_width * page.segment_height))
        self._segment = lru_cache(tiles if page.tiled else None)(self._decode)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Decodes the tiles under a rectangle that lies inside the page. Thread-safe.

        Returns:
            uint8 [height, width, 3].

        Raises:
            UserError: a tile is damaged or transparent.
        """
        rectangle, sides = (x, y, width, height), (self._page.segment_width, self._page.segment_height)
        places = under(rectangle, *sides)
        return assemble(
            rectangle,
            ((column * sides[0], row * sides[1], self._segment(column, row)) for row, column in places),
        )

    def _decode(self, column: int, row: int) -> np.ndarray:
        page = self._page
        rows = min(page.segment_height, page.height - row * page.segment_height)
        index = row * page.columns + column
        try:
            if self.grid is not None:
                return decode_colour_jpeg(self.grid, column, row)
            if not page.counts[index]:
                return np.full((page.segment_height, page.segment_width, 1), 255, np.uint8)
            data = self._file.read(int(page.offsets[index]), int(page.counts[index]))
            segment = decode(data, page, page.segment_height if page.tiled else rows)
        except ValueError as error:
            raise UserError(f"{self._file.path}: tile {column},{row} is damaged ({error})") from error
        if page.samples == 4:
            # Beyond the image's edge a tile may hold anything.
            columns = min(page.segment_width, page.width - column * page.segment_width)
            if segment[:rows, :columns, 3].min() < 255:
                raise UserError(f"{self._file.path}: tile {column},{row} is transparent, expected opaque pixels")
        return segment[..., :3]


class TiffReader:
    """A TIFF file's level 0 and its associated images.

    Attributes:
        info: what the file says.
        grid: of level 0, if it consists of JPEG tiles.

    Raises:
        UserError: the file holds no single 8-bit RGB or grey image.
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
        # A TIFF's resolution tags are those of the printed page unless a slide's format says otherwise.
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
        """See `PagePixels.read`."""
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
        # Taking the first and passing over the others would lose them without a word.
        expected = f"one slide, and images named {', '.join(_ASSOCIATED)}"
        raise UserError(f"{path}: holds a further image “{image.name}”, expected {expected}")
    return kinds[0]
