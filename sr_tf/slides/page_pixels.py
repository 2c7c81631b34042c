"""The pixels of a TIFF page, decoded tile by tile or strip by strip."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.jpeg_grid import JpegGrid, grid_of
from sr_tf.slides.page_rules import objection
from sr_tf.slides.tiff_header import check_untiled_size
from sr_tf.slides.tiff_page import GREY, Page
from sr_tf.slides.tiff_segments import decode

_CACHE_PIXELS = 2**24
_FEWEST_CACHED_TILES = 8


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
        expected = page.columns * page.rows * page.planes
        if len(page.offsets) != expected:
            found = f"{page.width}×{page.height} pixels in {len(page.offsets):,} strips"
            raise UserError(f"{file.path}: claims {found}, expected {expected:,} strips")
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
        rows = min(page.segment_height, page.height - row * page.segment_height)
        segment = self._planes(row, column, page.segment_height if page.tiled else rows)
        if segment is not None and page.samples == 4:
            # The part of a tile outside the image can hold anything.
            columns = min(page.segment_width, page.width - column * page.segment_width)
            if segment[:rows, :columns, 3].min() < 255:
                raise UserError(f"{self._file.path}: tile {column},{row} is transparent, expected opaque pixels")
        return None if segment is None else segment[..., :3]

    def _planes(self, row: int, column: int, height: int) -> np.ndarray | None:
        page, path = self._page, self._file.path
        first, step = row * page.columns + column, page.rows * page.columns
        places = [first + step * plane for plane in range(page.planes)]
        missing = sum(not page.counts[place] for place in places)
        if missing == len(places):
            return None
        if missing:
            raise UserError(f"{path}: tile {column},{row} is damaged (it lacks {missing} of {len(places)} planes)")
        # A plane is decoded as a grey image.
        stored = page if page.planes == 1 else replace(page, samples=1, photometric=GREY)
        try:
            planes = [
                decode(self._file.read(int(page.offsets[place]), int(page.counts[place])), stored, height)
                for place in places
            ]
        except ValueError as error:
            raise UserError(f"{path}: tile {column},{row} is damaged ({error})") from error
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)
