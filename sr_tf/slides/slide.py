"""Slides: one class for every format, one function that finds out which it is."""

from pathlib import Path
from typing import Protocol

import numpy as np
import openslide

from sr_tf.errors import UserError
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg_grid import JpegGrid
from sr_tf.slides.openslide_reader import OpenSlideReader
from sr_tf.slides.plain_reader import PlainReader
from sr_tf.slides.tiff_pages import JPEG, Page, Tiff, is_tiff, read_tiff
from sr_tf.slides.tiff_reader import TiffReader

_EXPECTED = (
    "expected SVS, NDPI, OME-TIFF, tiled TIFF or another slide that OpenSlide reads, or a PNG, JPEG or BMP image"
)
_PLAIN = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")
# What OpenSlide's generic driver decodes; it takes files in other compressions for its own, too.
_GENERIC_COMPRESSIONS = (1, 5, JPEG, 8, 32946, 32773, 50000)


class _Reader(Protocol):
    info: SlideInfo
    grid: JpegGrid | None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray: ...
    def associated(self) -> dict[str, Associated]: ...
    def close(self) -> None: ...


class Slide:
    """An open slide; a context manager that closes it.

    Attributes:
        path: its file.
        info: what the file says.
        grid: the JPEG segments of level 0, where level 0 is a TIFF page of JPEG tiles; else None.
    """

    def __init__(self, path: Path, reader: _Reader):
        self.path = path
        self.info = reader.info
        self.grid = reader.grid
        self._reader = reader

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0. Thread-safe.

        Args:
            x: left edge in pixels.
            y: upper edge.
            width: at least 1.
            height: at least 1.

        Returns:
            uint8 [height, width, 3], RGB; where the slide has no pixels, its background's colour, white by default.

        Raises:
            UserError: the rectangle does not lie inside, or the file is damaged there.
        """
        info = self.info
        if not (0 <= x < x + width <= info.width and 0 <= y < y + height <= info.height):
            found = f"region {x},{y},{width},{height} does not lie inside"
            raise UserError(f"{self.path}: {found} {info.width}×{info.height} pixels")
        return self._reader.read(x, y, width, height)

    def associated(self) -> dict[str, Associated]:
        """Label, macro, thumbnail and the like, by OpenSlide's names; decoded anew at each call.

        Raises:
            UserError: one of them cannot be read.
        """
        return self._reader.associated()

    def close(self) -> None:
        """Closes the file; its grids can no longer be read."""
        self._reader.close()

    def __enter__(self) -> "Slide":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_slide(path: str | Path) -> Slide:
    """Opens a slide or an image. Its content decides, not its name.

    Vendors' formats and generic tiled TIFF are read by OpenSlide; OME-TIFF, and tiled TIFF that OpenSlide does not
    decode, tile by tile; a TIFF that is not tiled and plain images whole.

    Raises:
        UserError: the file is missing, damaged, truncated or no slide; or it is no single plane of 8-bit RGB or grey: a
            z-stack, a time series, 16 bits, fluorescence channels.
    """
    path = Path(path)
    beginning = _beginning(path)
    tiff = read_tiff(path) if is_tiff(beginning) else None
    if tiff and tiff.ome is not None:
        return Slide(path, TiffReader(path, tiff))
    vendor = _vendor(path)
    if tiff:
        _refuse_stacks(path, vendor, tiff)
    if vendor and (vendor != "generic-tiff" or _openslide_shows(tiff)):
        return Slide(path, OpenSlideReader(path, vendor, tiff))
    if tiff and tiff.pages[0].tiled:
        return Slide(path, TiffReader(path, tiff))
    if tiff or beginning.startswith(_PLAIN):
        return Slide(path, PlainReader(path, tiff))
    raise UserError(f"{path}: {'is no slide that can be read' if beginning else 'is empty'}, {_EXPECTED}")


def _beginning(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path}: is a folder, {_EXPECTED}")
    try:
        with path.open("rb") as file:
            return file.read(16)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file, {_EXPECTED}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def _vendor(path: Path) -> str | None:
    try:
        return openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error


def _refuse_stacks(path: Path, vendor: str | None, tiff: Tiff) -> None:
    first = tiff.pages[0]
    stack = tiff.stack
    if vendor not in (None, "generic-tiff", "aperio"):
        # Some scanners keep several areas of one slide as further axes, which OpenSlide puts together.
        stack = {axis: length for axis, length in stack.items() if axis in "ZT"}
    elif any(_alike(page, first) for page in tiff.pages[1:]):
        stack = stack or {"page": 1 + sum(_alike(page, first) for page in tiff.pages[1:])}
    if stack:
        found = " × ".join(f"{length} along {axis}" for axis, length in stack.items())
        raise UserError(f"{path}: holds a stack of images ({found}), expected one plane")


def _alike(page: Page, first: Page) -> bool:
    return page.tiled and first.tiled and (page.width, page.height) == (first.width, first.height)


def _openslide_shows(tiff: Tiff | None) -> bool:
    """Whether OpenSlide's generic driver gives a TIFF's pixels as they are: it cuts 16 bits to 8 without a word."""
    if tiff is None:
        return False
    page = tiff.pages[0]
    colours = {1: (1,), 3: (2, 6)}.get(page.samples, ())
    return (
        page.is_8_bit
        and page.photometric in colours
        and (page.photometric != 6 or page.compression == JPEG)
        and page.compression in _GENERIC_COMPRESSIONS
    )
