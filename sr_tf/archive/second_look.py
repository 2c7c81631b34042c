"""A second look at the original with another decoder, so that a fault of the reader is not archived as right."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from sr_tf.archive.gate import Gate
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.measure import Measure
from sr_tf.archive.native import JPEG_2000, JPEG_FILES
from sr_tf.archive.reader import ArchiveFile
from sr_tf.disk.cores import usable_cores
from sr_tf.errors import UserError, reason
from sr_tf.slides.jpeg2000 import without_comments
from sr_tf.slides.jpeg_metadata import without_metadata
from sr_tf.slides.reduced import Read, ReducedSlide, reducing
from sr_tf.slides.second.compare import Place, difference, sample
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.ndpi import NdpiSecond
from sr_tf.slides.second.ndpi_tiles import NdpiTiles
from sr_tf.slides.second.page import SecondPage
from sr_tf.slides.second.reader import UNREADABLE, open_second
from sr_tf.slides.second.segments import join
from sr_tf.slides.slide import Slide

_FIRST = {"image": "Pillow", "ome-tiff": "imagecodecs", "tiff": "imagecodecs"}
# What scores may lose because two decoders of JPEG round differently.
_SLACK = {"min_psnr": 0.5, "min_ssim": 0.01, "max_shift": 0.5, "min_local_ssim": 0.05, "max_local_error": 4.0}
# Philips rounds the pages of its smaller levels up to whole tiles.
_PADDED = ("philips",)


class SecondLook:
    """Compares a slide with what a second decoder reads; a context manager that closes it.

    Args:
        slide: the slide, opened by the first reader. If it is reduced, the whole one is compared.

    Attributes:
        available: whether there is a second decoder for this slide.
        description: the second decoder and what it compared, in one line; or why there is none.
    """

    def __init__(self, slide: Slide):
        self._factor = slide.factor if isinstance(slide, ReducedSlide) else 1
        slide = slide.whole if isinstance(slide, ReducedSlide) else slide
        self._slide, self._first = slide, _FIRST.get(slide.info.format, "OpenSlide")
        self._reader = None
        try:
            self._reader = open_second(slide.path, slide.info)
            size = slide.info.width, slide.info.height
            self._read = reducing(self._reader.read, size, self._factor)
            self.description = self._reader.name
            self._reader.read(0, 0, 1, 1)
        except NoSecondReader as why:
            self.close()
            self._reader, self.description = None, _none(why)
        except UNREADABLE:
            pass  # a damaged first tile; `check` reports it
        self.available = self._reader is not None

    def __enter__(self) -> "SecondLook":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the second reader."""
        if self._reader is not None:
            self._reader.close()

    def check(self) -> Iterator[str]:
        """Compares the sizes of the levels, a sample of tiles, and the JPEG segments under them.

        Yields:
            A line for each difference.
        """
        try:
            if self.available:
                yield from self._check()
        except NoSecondReader as why:  # a tile is stored in a way of its own
            self.available, self.description = False, _none(why)

    def _check(self) -> Iterator[str]:
        sizes = list(self._sizes())
        yield from sizes
        if sizes:
            return
        info = self._slide.info
        try:
            places = sample(info.width, info.height, self._reader.read)
        except UNREADABLE as error:
            yield f"{self._slide.path}: cannot be read by {self._reader.name} ({reason(error)}), expected pixels"
            return
        with ThreadPoolExecutor(usable_cores()) as pool:
            for findings in pool.map(lambda place: list(self._compare(place, self._slide.read(*place))), places):
                yield from findings
        page = self._page(self._slide.grid.segment_height) if self._slide.grid else None
        segments = sorted({segment for place in places for segment in self._segments(page, place)})
        for column, row in segments:
            yield from self._same_segment(page, column, row, self._slide.grid.standalone(column, row))
        copied = f", {len(segments)} JPEG segments" if segments else ""
        self.description = f"{self._reader.name}: {len(places)} tiles{copied}"

    def check_block(
        self, place: Place, original: np.ndarray, restored: np.ndarray, measure: Measure, gate: Gate
    ) -> Iterator[str]:
        """Compares a block of the slide and its restored pixels with the second decoder's pixels.

        Yields:
            A line for each difference.
        """
        try:
            yield from self._compare(place, original, self._read)
            pixels = self._read(*place)
        except UNREADABLE:
            return  # `_compare` has said it
        except NoSecondReader as why:
            yield f"{self._slide.path}: block at {place[0]},{place[1]} has no second decoder ({why}), expected one"
            return
        if np.array_equal(pixels, original):
            return  # the restored pixels were measured against the same pixels
        what = f"{self._slide.path}: block at {place[0]},{place[1]}"
        if gate.lossless:
            if why := difference(restored, pixels, self._reader.exact):
                yield f"{what}: the restored pixels and those of {self._reader.name} {why}"
            return
        limit = gate if self._reader.exact else gate.loosened(_SLACK)
        scores = measure(pixels, restored)
        if not limit.passed_as_stored(scores).all():
            lowest = f"PSNR {scores['psnr'].min():.2f} dB, SSIM {scores['ssim'].min():.4f}"
            yield (
                f"{what}: the restored pixels do not pass the gate against those of {self._reader.name} ({lowest}), "
                f"expected {limit.describe()}"
            )

    def check_segments(self, archive: ArchiveFile) -> Iterator[str]:
        """Compares the hash of every segment that an archive holds with the bytes in the slide's file.

        A de-identified archive is compared with these bytes without their metadata.

        Yields:
            A line for each difference.
        """
        native = archive.header.native
        page = self._page(native.segment_height) if native and self.available else None
        if native is None or page is None:
            return
        found = (native.columns, native.rows, native.segment_width, native.segment_height, native.x, native.y)
        expected = (page.columns, page.rows, *page.segment_size, *page.place)
        if found != expected:
            yield f"{archive.path}: JPEG segments in a grid of {found}, expected {expected} as in {self._slide.path}"
            return
        grid, cleaned = archive.header.grid, "sha256" not in archive.header.source
        blocks = [place for place in grid.blocks() if archive.kind(*place) is NATIVE]
        for row, column in sorted({one for block in blocks for one in native.under(*grid.rectangle(*block))}):
            segment = archive.segment(row, column)
            yield from self._same_segment(page, column, row, segment, cleaned, native.codec)

    def _sizes(self) -> Iterator[str]:
        first, second = self._slide.levels, self._reader.levels
        path = self._slide.path
        if first[0] != second[0] or (self._slide.info.width, self._slide.info.height) != second[0]:
            found = f"{self._first} reads {_size(first[0])}, {self._reader.name} {_size(second[0])}"
            yield f"{path}: {found}, expected equal sizes"
            return
        padding = self._reader.page.segment_size if self._slide.info.format in _PADDED and self._reader.page else (0, 0)
        for size in second[1:]:
            near = [
                one for one in first if all(0 <= b - a <= room for a, b, room in zip(one, size, padding, strict=True))
            ]
            if not near:
                found = ", ".join(map(_size, first))
                yield f"{path}: {self._reader.name} reads a level of {_size(size)}, {self._first} only {found}"

    def _compare(self, place: Place, original: np.ndarray, read: Read | None = None) -> Iterator[str]:
        x, y, width, height = place
        what = f"{self._slide.path}: tile at {x},{y} of {width}×{height} pixels"
        try:
            pixels = (read or self._reader.read)(*place)
        except UNREADABLE as error:
            yield f"{what}: cannot be read by {self._reader.name} ({reason(error)}), though {self._first} reads it"
            return
        if why := difference(original, pixels, self._reader.exact):
            yield f"{what}: {self._first} and {self._reader.name} {why}"

    def _page(self, segment_height: int) -> SecondPage | NdpiTiles | None:
        """What gives the segments of level 0 of a height in pixels, as the second decoder finds them."""
        return self._reader.tiles(segment_height) if isinstance(self._reader, NdpiSecond) else self._reader.page

    def _segments(self, page: SecondPage | NdpiTiles | None, place: Place) -> Iterator[tuple[int, int]]:
        """(column, row) of the JPEG segments under a tile, if an archive may copy them."""
        grid = self._slide.grid
        if grid is None or page is None or not page.is_jpeg:
            return
        x, y, width, height = place[0] - page.place[0], place[1] - page.place[1], *place[2:]
        wide, high = page.segment_size
        for row in range(max(0, y // high), min(grid.rows, page.rows, -(-(y + height) // high))):
            for column in range(max(0, x // wide), min(grid.columns, page.columns, -(-(x + width) // wide))):
                yield column, row

    def _same_segment(
        self,
        page: SecondPage | NdpiTiles,
        column: int,
        row: int,
        found: bytes,
        cleaned: bool = False,
        codec: str = JPEG_FILES,
    ) -> Iterator[str]:
        path = self._slide.path
        try:
            if codec == JPEG_2000:
                expected, clean = page.segment(column, row), without_comments
            else:
                expected, clean = join(page.tables, page.segment(column, row)), without_metadata
            expected = clean(expected) if cleaned and expected else expected
        except UNREADABLE as error:
            yield f"{path}: JPEG segment {column},{row} cannot be read by {self._reader.name} ({reason(error)})"
            return
        hashes = [hashlib.sha256(data).hexdigest() for data in (found, expected)]
        if hashes[0] != hashes[1]:
            yield (
                f"{path}: JPEG segment {column},{row} is copied with SHA-256 {hashes[0][:12]}… ({len(found):,} bytes), "
                f"expected {hashes[1][:12]}… ({len(expected):,} bytes) as in the file"
            )


def look_before_archiving(slide: Slide) -> str:
    """Compares a slide with the second decoder before it is archived.

    Args:
        slide: the slide.

    Returns:
        What was compared, for the archive's header.

    Raises:
        UserError: the two decoders disagree.
    """
    with SecondLook(slide) as look:
        for finding in look.check():
            raise UserError(finding)
        return look.description


def look_at_all(slide: Slide) -> SecondLook:
    """A second look at every block.

    Raises:
        UserError: there is no second decoder for this slide.
    """
    look = SecondLook(slide)
    if not look.available:
        raise UserError(f"{Path(slide.path)}: --second-reader: found no second decoder: {look.description}")
    return look


def _none(why: NoSecondReader) -> str:
    return f"none ({why}); the file was checked by its hash only"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]} pixels"
