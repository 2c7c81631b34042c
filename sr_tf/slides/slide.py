"""Opening slides of every supported format."""

from pathlib import Path
from typing import Protocol

import numpy as np
import openslide

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.disk.files import input_file
from sr_tf.errors import UserError, unreadable
from sr_tf.slides.dicom_frames import check_series
from sr_tf.slides.dicom_series import file_of
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg2000_grid import Jpeg2000Grid
from sr_tf.slides.jpeg_grid import JpegGrid, first_is_jfif
from sr_tf.slides.openslide_reader import OpenSlideReader
from sr_tf.slides.page_rules import openslide_decodes
from sr_tf.slides.plain_reader import PlainReader
from sr_tf.slides.tiff_header import Tiff, is_tiff, read_tiff
from sr_tf.slides.tiff_page import JPEG, RGB, Page
from sr_tf.slides.tiff_reader import TiffReader

_EXPECTED = (
    "expected SVS, NDPI, OME-TIFF, tiled TIFF or another slide that OpenSlide reads, or a PNG, JPEG or BMP image"
)
_PLAIN = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")


class _Reader(Protocol):
    info: SlideInfo

    @property
    def grid(self) -> JpegGrid | None: ...
    @property
    def jpeg2000(self) -> Jpeg2000Grid | None: ...
    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray: ...
    def associated(self) -> dict[str, Associated]: ...
    def associated_names(self) -> list[str]: ...
    def close(self) -> None: ...


class Slide:
    """A slide opened for reading; a context manager that closes it.

    Attributes:
        path: the slide's file.
        info: size and metadata.
    """

    def __init__(self, path: Path, reader: _Reader):
        self.path = path
        self.info = reader.info
        self._reader = reader

    @property
    def grid(self) -> JpegGrid | None:
        """The segments of level 0 if they are colour JPEG, else None.

        Tiles of a TIFF page, frames of DICOM, what can be cut from the JPEG of an NDPI, or the tiles of a Leica slide's
        only area. An open slide finds them when they are first asked for.

        Raises:
            UserError: the file cannot be read.
        """
        return self._reader.grid

    @property
    def jpeg2000(self) -> Jpeg2000Grid | None:
        """The tiles of level 0 if they are JPEG 2000 in an Aperio or DICOM slide, else None; found like `grid`.

        Raises:
            UserError: the file cannot be read.
        """
        return self._reader.jpeg2000

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0. Thread-safe.

        Args:
            x: left edge in pixels.
            y: upper edge in pixels.
            width: width in pixels, at least 1.
            height: height in pixels, at least 1.

        Returns:
            uint8 [height, width, 3], RGB. Where the slide has no pixels: its background colour, white by default.

        Raises:
            UserError: the rectangle is not inside the slide, or the file is damaged there.
        """
        self.info.require_inside(self.path, x, y, width, height)
        return self._reader.read(x, y, width, height)

    @property
    def openslide(self) -> openslide.OpenSlide | None:
        """The slide as OpenSlide opened it; None if it is read in another way."""
        return self._reader.openslide if isinstance(self._reader, OpenSlideReader) else None

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of the levels that the reader found, the largest first; only level 0 if it reads no other."""
        return getattr(self._reader, "levels", ((self.info.width, self.info.height),))

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle that lies inside a level. Thread-safe.

        Slides that OpenSlide reads have their levels there, in OpenSlide's own coordinates.

        Args:
            level: the level; other than 0 only of a TIFF file that OpenSlide does not decode.
            x: left edge in pixels of the level.
            y: upper edge in pixels of the level.
            width: in pixels of the level.
            height: in pixels of the level.

        Returns:
            uint8 [height, width, 3], RGB.

        Raises:
            UserError: the file is damaged there.
        """
        return self._reader.read_level(level, x, y, width, height) if level else self.read(x, y, width, height)

    def associated(self) -> dict[str, Associated]:
        """Reads the associated images: label, macro, thumbnail and others, by OpenSlide's names.

        Each call decodes them again.

        Raises:
            UserError: an image cannot be read.
        """
        return self._reader.associated()

    def associated_names(self) -> list[str]:
        """The names of the associated images, in alphabetical order. None of them is decoded."""
        return sorted(self._reader.associated_names())

    def close(self) -> None:
        """Closes the file. After that, its grids cannot be read."""
        self._reader.close()

    def __enter__(self) -> "Slide":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_slide(path: str | Path) -> Slide:
    """Opens a slide or an image. The format is detected from the content, not from the name.

    OpenSlide reads vendors' formats and generic tiled TIFF. OME-TIFF, and tiled TIFF that OpenSlide does not decode,
    are read tile by tile. TIFF without tiles and plain images are read as a whole. A folder with one DICOM series is
    the slide of its files.

    Raises:
        UserError: the file is missing, damaged, truncated or not a slide; or it is not one plane of 8-bit RGB or grey,
            but a z-stack, a time series, 16-bit or fluorescence channels; or it holds images that would be lost, or
            pixels in other files. `sr_tf.slides.page_rules` and `sr_tf.slides.page_roles` decide this for TIFF.
    """
    path = file_of(Path(path))
    beginning = _beginning(path)
    tiff = read_tiff(path) if is_tiff(beginning) else None
    if tiff and tiff.ome is not None:
        return Slide(path, TiffReader(path, tiff))
    vendor = _vendor(path)
    if tiff:
        _refuse_stacks(path, vendor, tiff)
    if vendor == "dicom":
        check_series(path)
    if vendor and vendor != "generic-tiff":
        return Slide(path, OpenSlideReader(path, vendor, tiff))
    mislabelled = tiff is not None and _is_mislabelled(path, tiff.pages[0])
    if vendor and tiff and openslide_decodes(tiff.pages[0]) and not mislabelled:
        return Slide(path, OpenSlideReader(path, vendor, tiff))
    if tiff and (tiff.pages[0].tiled or mislabelled):
        return Slide(path, TiffReader(path, tiff))
    if tiff or beginning.startswith(_PLAIN):
        return Slide(path, PlainReader(path, tiff))
    raise UserError(f"{path}: {'is not a readable slide' if beginning else 'is empty'}, {_EXPECTED}")


def _beginning(path: Path) -> bytes:
    with input_file(path, _EXPECTED), path.open("rb") as file:
        return file.read(16)


def _vendor(path: Path) -> str | None:
    try:
        return openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError as error:
        raise unreadable(path, error) from error


def _refuse_stacks(path: Path, vendor: str | None, tiff: Tiff) -> None:
    first = tiff.pages[0]
    stack = tiff.stack
    if vendor not in (None, "generic-tiff", "aperio"):
        # Some scanners store several areas of one slide as further axes. OpenSlide composes them.
        stack = {axis: length for axis, length in stack.items() if axis in "ZT"}
    elif any(_alike(page, first) for page in tiff.pages[1:]):
        stack = stack or {"page": 1 + sum(_alike(page, first) for page in tiff.pages[1:])}
    if stack:
        found = " × ".join(f"{length} along {axis}" for axis, length in stack.items())
        raise UserError(f"{path}: holds a stack of images ({found}), expected one plane")


def _alike(page: Page, first: Page) -> bool:
    return page.tiled and first.tiled and (page.width, page.height) == (first.width, first.height)


def _is_mislabelled(path: Path, page: Page) -> bool:
    """Whether the page's tag says RGB and its JPEG segments are YCbCr. OpenSlide and Pillow read these as RGB."""
    if page.compression != JPEG or page.photometric != RGB:
        return False
    file = FileBytes(path)
    try:
        return first_is_jfif(file, page)
    finally:
        file.close()
