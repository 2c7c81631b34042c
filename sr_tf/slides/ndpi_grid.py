"""The JPEG of an NDPI slide's level 0, cut into tiles at its restart markers.

Hamamatsu's scanners store a level as one JPEG, which may have more rows than a JPEG file can state. Restart markers cut
its data into intervals of one row of MCUs, which are decoded by themselves; OpenSlide does so, and the tag McuStarts
says where they begin. Here, intervals below one another are a JPEG file again: the header with the size of the tile,
the data of the intervals, the markers between them counted from 0. The last interval is repeated where the image ends
before the tile. This would give other pixels where chroma is reduced vertically: decoders mix the chroma of rows below
and above. OpenSlide 4.0.1 cannot read such slides at all.

Without restart markers, the whole JPEG is one tile.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import tifffile

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.jpeg_grid import JpegGrid, is_colour_jpeg
from sr_tf.slides.jpeg_segments import (
    frame_size,
    has_regular_scans,
    is_baseline,
    mcu_size,
    restart_interval,
    sampling,
    with_size,
)
from sr_tf.slides.silent import silent
from sr_tf.slides.tiff_page import Page

MOST_UNCUT_PIXELS = 2**24
"""Most pixels of a JPEG without restart markers: it is decoded as a whole for every block."""

_MAGNIFICATION, _FOCAL_PLANE, _MCU_STARTS, _HIGH_BYTES = 65421, 65424, 65426, 65432
_STEP, _HIGHEST, _MOST_PIXELS = 16, 512, 2**20
"""Sides of the tiles of a TIFF file are multiples of the first. A tile is at most so high, and has so many pixels."""
_LONGEST_HEAD, _WIDEST = 2**20, 65_500
"""Most bytes before the compressed data; the widest JPEG that libjpeg decodes."""

_EOI, _RESTART_MARKERS = b"\xff\xd9", [bytes([0xFF, 0xD0 + number]) for number in range(8)]


@dataclass(frozen=True, eq=False)
class _Strip:
    """Where the JPEG of level 0 is.

    Attributes:
        head: everything before the compressed data.
        starts: int64 [n], where each interval begins in the file.
        end: where the JPEG ends in the file, with its last marker.
        interval: (width, height) of an interval in pixels.
        rows: number of rows of intervals in a tile.
    """

    head: bytes
    starts: np.ndarray
    end: int
    interval: tuple[int, int]
    rows: int


class NdpiGrid(JpegGrid):
    """The tiles that are cut from the JPEG of level 0; see `JpegGrid`. `segment` gives complete JPEG files.

    Args:
        file: the file.
        page: level 0, with the size of the tiles.
        strip: where its JPEG is.
    """

    replaceable = True

    def __init__(self, file: FileBytes, page: Page, strip: _Strip):
        super().__init__(file, page, by_tag=True)
        self._strip = strip
        self._head = with_size(strip.head, self.segment_width, self.segment_height)

    def segment(self, column: int, row: int) -> bytes:
        """Reads the intervals of a tile. Thread-safe.

        Returns:
            A complete JPEG file.

        Raises:
            UserError: the file cannot be read, or has no restart marker where one is expected.
        """
        try:
            intervals = [self._interval(index) for index in self._under(column, row)]
        except ValueError as error:
            raise self._damaged(column, row, error) from error
        marked = (data + _RESTART_MARKERS[number % 8] for number, data in enumerate(intervals[:-1]))
        return self._head + b"".join(marked) + intervals[-1] + _EOI

    def beginning(self, column: int, row: int) -> bytes:
        """The header of a tile. Thread-safe.

        Raises:
            ValueError: there is no restart marker before one of the tile's intervals.
            UserError: the file cannot be read.
        """
        for index in self._under(column, row):
            if index:
                _check_marker(self._file.read(int(self._strip.starts[index]) - 2, 2), index)
        return self._head

    def _under(self, column: int, row: int) -> list[int]:
        last = len(self._strip.starts) // self.columns - 1
        rows = range(row * self._strip.rows, (row + 1) * self._strip.rows)
        return [min(one, last) * self.columns + column for one in rows]

    def _interval(self, index: int) -> bytes:
        """The compressed data of an interval."""
        starts = self._strip.starts
        start, last = int(starts[index]), index + 1 == len(starts)
        end = self._strip.end if last else int(starts[index + 1])
        before = 2 if index else 0
        data = self._file.read(start - before, end - start + before)
        if index:
            _check_marker(data[:2], index)
        if not last:
            _check_marker(data[-2:], index + 1)
            return data[before:-2]
        if (found := data.rfind(_EOI)) < before:
            raise ValueError("the JPEG does not end")
        return data[before:found]


def ndpi_grid_of(file: FileBytes, page: Page) -> NdpiGrid | None:
    """The tiles that can be cut from level 0.

    Args:
        file: the file.
        page: level 0.

    Returns:
        None if it is not one baseline JPEG in colour that can be cut, or has no restart markers and is too large.
    """
    if not is_colour_jpeg(page):
        return None
    try:
        strip = _find_strip(file, page)
    except (ValueError, IndexError, UserError):  # damaged numbers; the pixels are kept
        return None
    if strip is None:
        return None
    width, height = strip.interval
    cut = replace(page, tiled=True, segment_width=width, segment_height=strip.rows * height, tables=None)
    return NdpiGrid(file, cut, strip)


def _find_strip(file: FileBytes, page: Page) -> _Strip | None:
    offset, count, starts = _positions(file, page)
    head = _head_of(file.read(offset, min(count, _LONGEST_HEAD)))
    interval = restart_interval(head)
    if not is_baseline(head) or (starts.size and starts[0] != len(head)):
        return None
    if not interval:
        whole = frame_size(head)[:2] == (page.width, page.height)
        if not whole or page.width * page.height > MOST_UNCUT_PIXELS or not has_regular_scans(file.read(offset, count)):
            return None
        return _Strip(head, np.array([offset + len(head)]), offset + count, (page.width, page.height), 1)
    width, height = interval * mcu_size(head)[0], mcu_size(head)[1]
    columns, rows = -(-page.width // width), -(-page.height // height)
    in_order = len(starts) == columns * rows and (np.diff(starts) >= 2).all() and int(starts[-1]) < count
    whole_rows = -(-page.width // mcu_size(head)[0]) % interval == 0
    if not in_order or not whole_rows or sampling(head)[1] > 1 or width > _WIDEST:
        return None
    return _Strip(head, offset + starts, offset + count, (width, height), rows_of_tile(width, height, rows))


def rows_of_tile(width: int, height: int, rows: int) -> int:
    """How many rows of intervals make up a tile.

    A tile has at most 512 rows and about a million pixels; both its sides can be those of a tile of a TIFF file. Of the
    larger half of these numbers, the largest that repeats at most a 64th of the intervals at the end, else the one that
    repeats fewest.

    Args:
        width: of an interval in pixels.
        height: of an interval in pixels.
        rows: number of rows of intervals in the image.
    """
    step = math.lcm(_STEP, height) // height
    most = min(min(_HIGHEST, _MOST_PIXELS // width) // height, rows + step - 1) // step * step
    if most <= step:
        return step
    numbers = range(most, most // 2, -step)
    return min(numbers, key=lambda number: (max(0, -rows % number - rows // 64), -number))


def _positions(file: FileBytes, page: Page) -> tuple[int, int, np.ndarray]:
    """(offset, bytes, where its intervals begin after the offset) of the JPEG of level 0; none if that is not stated.

    Raises:
        ValueError: the tags are not those of such a JPEG.
    """
    try:
        # tifffile replaces the offsets of a page by those of its intervals, but not its tags.
        with silent(), tifffile.TiffFile(file.path) as tiff:
            tags = next(one.tags for one in tiff.pages if _is_level_0(one, page))
            (offset,), (count,) = tags["StripOffsets"].value, tags["StripByteCounts"].value
            starts, high = tags.valueof(_MCU_STARTS), tags.valueof(_HIGH_BYTES)
            starts = np.array([] if starts is None else starts, np.int64)
            starts += 0 if high is None else np.array(high, np.int64) << 32
    except Exception as error:  # tifffile can raise any exception on damaged numbers
        raise ValueError("the tags of level 0 are damaged") from error
    return int(offset), int(count), starts


def _is_level_0(one: tifffile.TiffPage, page: Page) -> bool:
    size = int(one.imagewidth), int(one.imagelength)
    lens, plane = float(one.tags.valueof(_MAGNIFICATION, 0)), float(one.tags.valueof(_FOCAL_PLANE, 0))
    return size == (page.width, page.height) and lens > 0 and plane == 0


def _head_of(beginning: bytes) -> bytes:
    """A JPEG up to its compressed data."""
    place = 2
    while beginning[place : place + 2] not in (b"\xff\xda", b""):
        place += 2 + int.from_bytes(beginning[place + 2 : place + 4], "big")
    head = beginning[: place + 2 + int.from_bytes(beginning[place + 2 : place + 4], "big")]
    if len(head) < place + 4:
        raise ValueError("the JPEG has no scan")
    return head


def _check_marker(found: bytes, index: int) -> None:
    """Raises a `ValueError` unless a restart marker precedes the interval of an index; OpenSlide wants one too."""
    if found not in _RESTART_MARKERS:
        raise ValueError(f"found {found.hex()} before interval {index}, expected a restart marker")
