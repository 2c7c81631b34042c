"""Reading the pages of a TIFF file and checking them before a pixel is decoded.

A damaged header can ask for any amount of memory. Therefore the data of each page must lie inside the file, a tiled
page must have the number of tiles that its size requires, and tiles must not be too large.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError, reason
from sr_tf.slides.resolution import read_resolution
from sr_tf.slides.silent import silent
from sr_tf.slides.tiff_page import MAX_SEGMENT_PIXELS, Page

_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_PAGES = 10_000
_PRIVATE, _ICC = 32768, 34675
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# tifffile also requires the end of the XML. A truncated XML is still recognised here, and reported as damaged.
_OME = re.compile(r"<(\w+:)?OME[\s>]")
# The tags that OpenSlide reports as properties, by its names.
_PROPERTIES = (
    "ImageDescription", "Make", "Model", "Software", "DateTime", "Artist", "HostComputer", "Copyright", "DocumentName",
)  # fmt: skip
_NAMES = ("ImageDescription", "DocumentName", "PageName")


@dataclass(frozen=True)
class Tiff:
    """The header of a TIFF file.

    Attributes:
        pages: the pages of the main chain.
        ome: the OME-XML, or None.
        stack: the axes other than width, height and samples, with their lengths: {"Z": 5}. Empty for OME-TIFF, whose
            XML describes them.
        properties: the text tags and the resolution of the first page, by OpenSlide's names.
        mpp: µm per pixel, x and y, from the resolution of the first page; None if it was not measured.
        below: the pages below the first one (tag SubIFDs), where OME-TIFF has its smaller levels; those that are
            damaged are left out, since nothing but these levels depends on them.
    """

    pages: list[Page]
    ome: str | None
    stack: dict[str, int]
    properties: dict[str, str]
    mpp: tuple[float, float] | None
    below: list[Page]


def is_tiff(beginning: bytes) -> bool:
    """Whether a file is a TIFF, from its first bytes."""
    return beginning[:4] in _MAGICS


def read_tiff(path: Path) -> Tiff:
    """Reads and checks the pages of a TIFF file.

    Raises:
        UserError: the file is damaged or truncated, or its pages are inconsistent or too large.
    """
    file = FileBytes(path)
    try:
        count = sum(1 for _ in _chain(file))
    finally:
        file.close()
    try:
        # With `_multifile=False`, tifffile does not open other files that an OME-TIFF refers to.
        with silent(), tifffile.TiffFile(path, _multifile=False) as tiff:
            pages = [_page(tiff.pages[index]) for index in range(count)]
            text = tiff.pages[0].description
            ome = text if _OME.search(text, 0, 2000) else None
            stack = {} if ome else _stack(tiff)
            larger, below = _larger_sub_page(tiff.pages[0]), _below(tiff.pages[0])
            resolution, mpp = read_resolution(tiff.pages[0])
            properties = _properties(tiff.pages[0]) | resolution
    except Exception as error:  # tifffile can raise any exception on damaged numbers.
        raise UserError(f"{path}: the TIFF's header is damaged ({reason(error)})") from error
    if larger:
        found = f"a preview of {pages[0].width}×{pages[0].height} pixels before an image of {larger[0]}×{larger[1]}"
        raise UserError(f"{path}: holds {found}, expected the image on the first page")
    for number, page in enumerate(pages):
        _check(path, file.size, number, page)
    return Tiff(pages, ome, stack, properties, mpp, [page for page in below if _is_sound(path, file.size, page)])


def check_untiled_size(path: Path, page: Page) -> None:
    """Refuses a large page without tiles, which would have to be decoded as a whole.

    Raises:
        UserError: the page has strips and more pixels than `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if not page.tiled and page.width * page.height > limit:
        found = f"is an untiled TIFF of {page.width}×{page.height} pixels"
        raise UserError(f"{path}: {found}, expected tiles in a TIFF of more than {limit:,} pixels")


def _chain(file: FileBytes) -> Iterator[int]:
    """Yields the offsets of the pages. A broken chain is an error, because images would be lost without a warning."""
    header = file.read(0, 16) if file.size >= 16 else b""
    order = "little" if header[:2] == b"II" else "big"
    big = int.from_bytes(header[2:4], order) == 43
    # Classic TIFF is limited to 4 GiB. Larger NDPI files have pointers of 8 bytes at the same positions.
    pointer = 8 if big or file.size >= 2**32 else 4
    start, count_bytes, tag_bytes = (8, 8, 20) if big else (4, 2, 12)
    offset, seen = int.from_bytes(header[start : start + pointer], order), set()
    while offset or not seen:
        if offset in seen or len(seen) >= _MAX_PAGES or not 8 <= offset < file.size:
            raise UserError(f"{file.path}: is damaged or truncated, TIFF page {len(seen)} cannot be at byte {offset:,}")
        seen.add(offset)
        yield offset
        tags = int.from_bytes(file.read(offset, count_bytes), order)
        place = offset + count_bytes + tags * tag_bytes
        if place >= file.size:
            raise UserError(f"{file.path}: is damaged or truncated, TIFF page {len(seen) - 1} claims {tags:,} tags")
        entries = file.read(offset + count_bytes, tags * tag_bytes)
        for start in range(0, len(entries), tag_bytes):
            if tag := _tag_beyond(entries[start : start + tag_bytes], order, file.size):
                raise UserError(
                    f"{file.path}: is damaged or truncated, tag {tag} of TIFF page {len(seen) - 1} has no value"
                )
        offset = int.from_bytes(file.read(place, pointer), order)


def _tag_beyond(entry: bytes, order: str, size: int) -> int:
    """The code of a tag whose value lies beyond the end of the file, else 0. tifffile would ignore such a tag.

    Private tags are not checked, except the colour profile: old software copied some of them without their values.
    """
    half = (len(entry) - 4) // 2
    code, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
    length = int.from_bytes(entry[4 : 4 + half], order) * _TYPE_BYTES.get(kind, 1)
    there = length <= half or int.from_bytes(entry[4 + half :], order) + length <= size
    return 0 if there or (code >= _PRIVATE and code != _ICC) else code


def _page(page: tifffile.TiffPage) -> Page:
    tiled, tables, icc = page.is_tiled, page.jpegtables, page.iccprofile
    subsampling = page.subsampling if "YCbCrSubSampling" in page.tags else None
    return Page(
        width=int(page.imagewidth),
        height=int(page.imagelength),
        segment_width=int(page.tilewidth if tiled else page.imagewidth),
        # Without the tag RowsPerStrip, there is one strip.
        segment_height=int(page.tilelength if tiled else min(page.rowsperstrip or page.imagelength, page.imagelength)),
        tiled=tiled,
        compression=int(page.compression),
        photometric=int(page.photometric),
        samples=int(page.samplesperpixel),
        bits=tuple(np.atleast_1d(page.bitspersample).tolist()),
        formats=(int(page.sampleformat),),
        contiguous=int(page.planarconfig or 1) == 1,
        orientation=int(page.tags["Orientation"].value) if "Orientation" in page.tags else 1,
        kind=int(page.subfiletype),
        name="\n".join(str(page.tags[name].value) for name in _NAMES if name in page.tags),
        predictor=int(page.predictor),
        fill_order=int(page.fillorder),
        tables=None if tables is None else bytes(tables),
        subsampling=None if subsampling is None else (int(subsampling[0]), int(subsampling[1])),
        icc=None if icc is None else bytes(icc),
        offsets=np.array(page.dataoffsets, np.int64),
        counts=np.array(page.databytecounts, np.int64),
    )


def _larger_sub_page(page: tifffile.TiffPage) -> tuple[int, int] | None:
    """The size of an image below the first page (tag SubIFDs) that is larger than it, as in camera raw files."""
    below = page.pages if "SubIFDs" in page.tags else None
    sizes = [(int(sub.imagewidth), int(sub.imagelength)) for sub in below or ()]
    own = page.imagewidth * page.imagelength
    return next((size for size in sizes if size[0] * size[1] > own), None)


def _below(page: tifffile.TiffPage) -> list[Page]:
    """The pages below a page, as far as they can be read."""
    found: list[Page] = []
    # tifffile can raise any exception on damaged numbers.
    with suppress(Exception):
        found.extend(_page(sub) for sub in (page.pages if "SubIFDs" in page.tags else None) or ())
    return found


def _is_sound(path: Path, size: int, page: Page) -> bool:
    try:
        _check(path, size, 0, page)
    except UserError:
        return False
    return True


def _stack(tiff: tifffile.TiffFile) -> dict[str, int]:
    series = tiff.series[0]
    lengths = zip(series.axes, series.shape, strict=True)
    return {axis: int(length) for axis, length in lengths if axis not in "YXS" and length > 1}


def _properties(page: tifffile.TiffPage) -> dict[str, str]:
    tags = {name: page.tags[name].value for name in _PROPERTIES if name in page.tags}
    found = {name: value.decode("latin-1") if isinstance(value, bytes) else str(value) for name, value in tags.items()}
    return {f"tiff.{name}": value for name, value in found.items() if value}


def _check(path: Path, size: int, number: int, page: Page) -> None:
    pixels = page.segment_width * page.segment_height
    if min(page.width, page.height, page.segment_width, page.segment_height, page.samples) < 1:
        raise UserError(
            f"{path}: the header of TIFF page {number} is damaged, it claims {page.width}×{page.height} pixels of "
            f"{page.samples} samples in segments of {page.segment_width}×{page.segment_height} pixels"
        )
    if len(page.offsets) != len(page.counts):
        found = f"{len(page.offsets):,} offsets and {len(page.counts):,} byte counts"
        raise UserError(f"{path}: TIFF page {number} has {found} of segments, expected equal numbers")
    if page.tiled:
        side = math.isqrt(MAX_SEGMENT_PIXELS)
        if pixels > MAX_SEGMENT_PIXELS:
            found = f"tiles of {page.segment_width}×{page.segment_height} pixels"
            raise UserError(f"{path}: TIFF page {number} claims {found}, expected at most {side}×{side}")
        expected = page.columns * page.rows * page.planes
        if len(page.offsets) != expected:
            found = f"{page.width}×{page.height} pixels and {len(page.offsets):,} tiles"
            raise UserError(f"{path}: TIFF page {number} claims {found}, expected {expected:,} tiles")
    there = page.counts != 0
    ends = page.offsets[there] + page.counts[there]
    if (page.counts < 0).any() or (page.offsets[there] < 8).any() or (ends < 0).any() or (ends > size).any():
        last = int(ends.max(initial=0))
        raise UserError(
            f"{path}: is truncated or damaged, TIFF page {number} has data up to byte {last:,}, the file {size:,} bytes"
        )
