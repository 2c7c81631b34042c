"""Slides that OpenSlide reads: Aperio, Hamamatsu, Leica, MIRAX, Philips, Ventana, DICOM, generic TIFF and more."""

import math
from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg_grid import JpegGrid, grid_of
from sr_tf.slides.tiff_pages import Page, Tiff
from sr_tf.slides.tiff_segments import decode_colour_jpeg

# Where level 0 is one page that begins at the slide's origin and whose tiles do not overlap.
_ONE_PAGE = ("aperio", "generic-tiff", "philips-tiff")
# What OpenSlide derives; `SlideInfo` has it in better form, and a hash would outlive de-identification.
_DERIVED = tuple(
    f"openslide.{name}"
    for name in ("level", "associated.", "mpp-", "objective-power", "vendor", "quickhash", "icc-size")
)  # fmt: skip
_COARSEST_MPP = 20.0
"""µm. Of a generic TIFF coarser than this, 1270 dpi, the resolution is that of a printed page (72, 96, 300 dpi, 1 per
centimetre), a default that nobody measured."""


class OpenSlideReader:
    """A slide in one of OpenSlide's formats.

    Attributes:
        info: what the file says.
        grid: of level 0, where that is a page of JPEG tiles.

    Args:
        path: of the slide.
        vendor: as OpenSlide detected it.
        tiff: the file's pages, where it is a TIFF.

    Raises:
        UserError: OpenSlide cannot open it.
    """

    def __init__(self, path: Path, vendor: str, tiff: Tiff | None):
        self._path = path
        try:
            self._slide = openslide.OpenSlide(path)
        except (openslide.OpenSlideError, OSError) as error:
            raise UserError(f"{path}: cannot be opened as a slide of format {vendor} ({_one_line(error)})") from error
        self._file = FileBytes(path)
        self._pages = tiff.pages if tiff else []
        try:
            self.info = self._read_info(vendor)
            page = self._level_0()
            if page is not None and not page.is_8_bit:
                raise UserError(f"{path}: found {page.depth} samples, expected unsigned 8-bit ones")
        except UserError:
            self.close()
            raise
        self.grid: JpegGrid | None = grid_of(self._file, page) if page and vendor in _ONE_PAGE else None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0 that lies inside it. Thread-safe.

        Returns:
            uint8 [height, width, 3]; the background's colour where the slide has no pixels.

        Raises:
            UserError: a tile is damaged. OpenSlide then refuses every further read.
        """
        try:
            return _on_background(self._slide.read_region((x, y), 0, (width, height)), self._background)
        except openslide.OpenSlideError as error:
            raise self._unreadable(f"region {x},{y},{width},{height}", error) from error

    def associated(self) -> dict[str, Associated]:
        """See `sr_tf.slides.slide.Slide.associated`."""
        try:
            return {name: self._associated(name) for name in sorted(self._slide.associated_images)}
        except openslide.OpenSlideError as error:
            raise self._unreadable("an associated image", error) from error

    def close(self) -> None:
        """Closes the slide."""
        self._slide.close()
        self._file.close()

    def _read_info(self, vendor: str) -> SlideInfo:
        try:
            # `get`: OpenSlide cannot be asked for a name that is no UTF-8, such as damage makes.
            found = {name: self._slide.properties.get(name) for name in sorted(self._slide.properties)}
            width, height = self._slide.dimensions
            # The only public way to the profile's own bytes; a region of no pixels decodes nothing.
            icc = self._slide.read_region((0, 0), 0, (0, 0)).info.get("icc_profile")
        except openslide.OpenSlideError as error:
            raise self._unreadable("the header", error) from error
        properties = {name: value for name, value in found.items() if value is not None}
        self._background = _colour(properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, ""))
        mpp = [_positive(properties.get(key)) for key in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)]
        if None in mpp or (vendor == "generic-tiff" and max(mpp) > _COARSEST_MPP):
            mpp = None
        return SlideInfo(
            format=vendor,
            width=width,
            height=height,
            mpp=mpp and (mpp[0], mpp[1]),
            objective_power=_positive(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)),
            icc=icc,
            properties={name: value for name, value in properties.items() if not name.startswith(_DERIVED)},
        )

    def _level_0(self) -> Page | None:
        size = (self.info.width, self.info.height)
        return next((page for page in self._pages if page.tiled and (page.width, page.height) == size), None)

    def _associated(self, name: str) -> Associated:
        claimed = [int(self._slide.properties[f"openslide.associated.{name}.{side}"]) for side in ("width", "height")]
        if math.prod(claimed) > Image.MAX_IMAGE_PIXELS:
            found = f"{claimed[0]}×{claimed[1]} pixels"
            raise UserError(f"{self._path}: the {name} claims {found}, expected at most {Image.MAX_IMAGE_PIXELS:,}")
        pixels = _on_background(self._slide.associated_images[name], self._background)
        return Associated(pixels, self._grid_of(pixels))

    def _grid_of(self, pixels: np.ndarray) -> JpegGrid | None:
        """Finds the page that an image came from: the one that decodes to the very same pixels."""
        for page in self._pages:
            grid = grid_of(self._file, page) if (page.height, page.width) == pixels.shape[:2] else None
            if grid and _decodes_to(grid, pixels):
                return grid
        return None

    def _unreadable(self, what: str, error: Exception) -> UserError:
        return UserError(f"{self._path}: {what} cannot be read, is damaged or truncated ({_one_line(error)})")


def _decodes_to(grid: JpegGrid, pixels: np.ndarray) -> bool:
    for row in range(grid.rows):
        for column in range(grid.columns):
            top, left = row * grid.segment_height, column * grid.segment_width
            expected = pixels[top : top + grid.segment_height, left : left + grid.segment_width]
            try:
                segment = decode_colour_jpeg(grid, column, row)
            except (UserError, ValueError):
                return False
            if not np.array_equal(segment[: expected.shape[0], : expected.shape[1]], expected):
                return False
    return True


def _on_background(image: Image.Image, background: np.ndarray) -> np.ndarray:
    """Composes RGBA over a colour: uint8 [h, w, 3]."""
    rgba = np.asarray(image)
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(colours)
    mixed = np.multiply(colours, alpha, dtype=np.uint16) + np.multiply(background, 255 - alpha, dtype=np.uint16)
    return ((mixed + 127) // 255).astype(np.uint8)


def _colour(text: str) -> np.ndarray:
    try:
        return np.frombuffer(bytes.fromhex(text or "FFFFFF"), np.uint8).reshape(3)
    except ValueError:
        return np.full(3, 255, np.uint8)


def _positive(text: str | None) -> float | None:
    try:
        number = float(text or 0)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
