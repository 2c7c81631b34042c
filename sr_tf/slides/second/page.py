"""The pixels and the stored segments of one image of a TIFF file, for the second reader."""

from functools import lru_cache

import numpy as np

from sr_tf.slides.second import directory as tags
from sr_tf.slides.second.directory import Directory, RandomAccess
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.segments import JPEG, JPEGXL, KNOWN, LOSSLESS, decode

_CACHED_PIXELS = 2**24


class SecondPage:
    """One image of a TIFF file.

    Attributes:
        width, height: in pixels.
        tiled: the page has tiles, not strips.
        exact: every decoder decodes it to the same pixels.
        place: (x, y) of the image in level 0.
        shared: the name of the library that also the first reader decodes it with, or "".

    Args:
        file: the file.
        directory: its tags.

    Raises:
        NoSecondReader: the page is stored in a way that is not known here.
    """

    place = (0, 0)

    def __init__(self, file: RandomAccess, directory: Directory):
        self._file = file
        number = directory.number
        self.width, self.height = number(tags.WIDTH, 0), number(tags.HEIGHT, 0)
        self.tiled = tags.TILE_WIDTH in directory
        self._compression, self._photometric = number(tags.COMPRESSION, 1), number(tags.PHOTOMETRIC, 1)
        self._samples, self._predictor = number(tags.SAMPLES, 1), number(tags.PREDICTOR, 1)
        self._planes = self._samples if number(tags.PLANES, 1) == 2 else 1
        self._side = (
            number(tags.TILE_WIDTH, 0) if self.tiled else self.width,
            number(tags.TILE_HEIGHT, 0) if self.tiled else min(number(tags.STRIP_ROWS, self.height), self.height),
        )
        if min(self.width, self.height, *self._side, self._samples) < 1:
            raise ValueError("a TIFF directory without a size")
        self._tables = directory.content(tags.JPEG_TABLES)
        self._offsets = directory.numbers(tags.TILE_OFFSETS if self.tiled else tags.STRIP_OFFSETS)
        self._counts = directory.numbers(tags.TILE_COUNTS if self.tiled else tags.STRIP_COUNTS)
        self.columns, self.rows = -(-self.width // self._side[0]), -(-self.height // self._side[1])
        if len(self._offsets) != len(self._counts) or len(self._offsets) != self.columns * self.rows * self._planes:
            raise ValueError(f"a TIFF directory with {len(self._offsets):,} segments")
        if self._compression not in KNOWN or self._predictor not in (1, 2) or self._photometric not in (1, 2, 6):
            raise NoSecondReader(f"TIFF compression {self._compression}, photometric {self._photometric}")
        if (directory.numbers(tags.BITS) != 8).any() or number(tags.ORIENTATION, 1) != 1:
            raise NoSecondReader("TIFF samples that are not upright 8-bit numbers")
        self.exact = self._compression in LOSSLESS
        self.shared = "imagecodecs" if self._compression in JPEGXL else ""
        self._decoded = lru_cache(max(4, _CACHED_PIXELS // (self._side[0] * self._side[1])))(self._decode)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    @property
    def segment_size(self) -> tuple[int, int]:
        """(width, height) of a tile or strip in pixels."""
        return self._side

    @property
    def tables(self) -> bytes:
        """TIFF tag JPEGTables; b"" if there is none."""
        return self._tables

    @property
    def is_jpeg(self) -> bool:
        """Whether the segments are colour JPEGs."""
        return self._compression == JPEG and self._samples == 3 and self._planes == 1

    def segment(self, column: int, row: int) -> bytes:
        """A segment as stored; b"" if the file leaves it out."""
        return self._stored(row * self.columns + column)

    def read(self, x: int, y: int, width: int, height: int, background: np.ndarray) -> np.ndarray:
        """Reads a rectangle: uint8 [height, width, 3]; the background colour where the page has no pixels."""
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = background
        wide, high = self._side
        right, lower = min(x + width, self.width), min(y + height, self.height)
        for row in range(max(0, y) // high, -(-lower // high)):
            for column in range(max(0, x) // wide, -(-right // wide)):
                segment = self._decoded(row, column)
                if segment is None:
                    continue
                left, top = max(x, column * wide), max(y, row * high)
                end, bottom = min(right, (column + 1) * wide), min(lower, (row + 1) * high)
                part = segment[top - row * high : bottom - row * high, left - column * wide : end - column * wide]
                pixels[top - y : bottom - y, left - x : end - x] = part
        return pixels

    def _stored(self, index: int) -> bytes:
        count = int(self._counts[index])
        return self._file.at(int(self._offsets[index]), count) if count else b""

    def _decode(self, row: int, column: int) -> np.ndarray | None:
        first, step = row * self.columns + column, self.rows * self.columns
        stored = [self._stored(first + plane * step) for plane in range(self._planes)]
        if not any(stored):
            return None
        wide, high = self._side
        high = high if self.tiled else min(high, self.height - row * high)
        shape = (high, wide, 1 if self._planes > 1 else self._samples)
        photometric = 1 if self._planes > 1 else self._photometric
        planes = [decode(data, self._compression, shape, photometric, self._tables) for data in stored]
        segment = np.concatenate(planes, axis=2) if len(planes) > 1 else planes[0]
        if self._predictor == 2:
            segment = np.add.accumulate(segment, axis=1, dtype=np.uint8)
        return segment[..., :3] if segment.shape[2] >= 3 else np.repeat(segment[..., :1], 3, axis=2)
