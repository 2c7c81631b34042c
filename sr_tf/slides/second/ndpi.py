"""The second reader of Hamamatsu NDPI: tifffile finds the tiles between the restart markers, Pillow decodes them."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL
import tifffile

from sr_tf.slides.second.directory import RandomAccess
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.ndpi_tiles import NdpiTiles
from sr_tf.slides.second.segments import decode_jpeg
from sr_tf.slides.silent import silent

_MAGNIFICATION, _FOCAL_PLANE = 65421, 65424
_YCBCR = 6
_MOST_PIXELS = 2**26


class NdpiSecond:
    """An NDPI file; see `sr_tf.slides.second.reader.SecondReader`.

    Args:
        path: the file.
    """

    exact, page = False, None

    def __init__(self, path: Path):
        try:
            with silent(), tifffile.TiffFile(path) as tiff:
                pages = [page for page in tiff.pages if _is_level(page)]
                pages.sort(key=lambda page: -page.imagewidth)
                if not pages:
                    raise NoSecondReader("an NDPI file without a level")
                largest = pages[0]
                self.levels = tuple((int(page.imagewidth), int(page.imagelength)) for page in pages)
                self._header = largest.jpegheader or b""
                self._offsets, self._counts = largest.dataoffsets, largest.databytecounts
                self._side = (int(largest.tilewidth), int(largest.tilelength)) if self._header else self.levels[0]
        except NoSecondReader:
            raise
        except Exception as error:  # tifffile can raise any exception on damaged numbers
            raise NoSecondReader(f"tifffile does not parse the NDPI file ({type(error).__name__})") from error
        self._columns, self._rows = (-(-whole // side) for whole, side in zip(self.levels[0], self._side, strict=True))
        if len(self._offsets) != self._columns * self._rows or self._side[0] * self._side[1] > _MOST_PIXELS:
            raise NoSecondReader("an NDPI image without restart markers, too large to be decoded as a whole")
        self.name = f"tifffile {tifffile.__version__} with Pillow {PIL.__version__}"
        self._file = RandomAccess(path)
        self._decoded = lru_cache(max(4, 2**24 // (self._side[0] * self._side[1])))(self._decode)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0: uint8 [height, width, 3]."""
        pixels = np.empty((height, width, 3), np.uint8)
        wide, high = self._side
        for row in range(y // high, -(-(y + height) // high)):
            for column in range(x // wide, -(-(x + width) // wide)):
                left, top = max(x, column * wide), max(y, row * high)
                right, bottom = min(x + width, (column + 1) * wide), min(y + height, (row + 1) * high)
                tile = self._decoded(row, column)
                pixels[top - y : bottom - y, left - x : right - x] = tile[
                    top - row * high : bottom - row * high, left - column * wide : right - column * wide
                ]
        return pixels

    def tiles(self, height: int) -> NdpiTiles | None:
        """The tiles that an archive cuts from level 0; None if tiles of this height in pixels cannot be cut."""
        if height % self._side[1] or (not self._header and height != self._side[1]):
            return None
        intervals = self._columns, self._rows
        return NdpiTiles(self._file, self._header, self._offsets, self._counts, self._side, intervals, height)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _decode(self, row: int, column: int) -> np.ndarray:
        index = row * self._columns + column
        data = self._file.at(int(self._offsets[index]), int(self._counts[index]))
        if self._header:
            # A restart marker or the end of the image follows each tile.
            data = self._header + (data[:-2] if data[-2:-1] == b"\xff" else data) + b"\xff\xd9"
        return decode_jpeg(data, _YCBCR)


def _is_level(page: tifffile.TiffPage) -> bool:
    tags = page.tags
    return float(tags.valueof(_MAGNIFICATION, 0)) > 0 and float(tags.valueof(_FOCAL_PLANE, 0)) == 0
