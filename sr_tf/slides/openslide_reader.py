"""Reading slides with OpenSlide: Aperio, Hamamatsu, Leica, MIRAX, Philips, Ventana, DICOM, generic TIFF and more."""

import math
from functools import cached_property
from pathlib import Path

import numpy as np
import openslide
from PIL import Image

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError, reason
from sr_tf.slides.dicom_page import page_of_frames
from sr_tf.slides.info import Associated, SlideInfo
from sr_tf.slides.jpeg2000_grid import Jpeg2000Grid, jpeg2000_grid_of
from sr_tf.slides.jpeg_grid import JpegGrid, PlacedGrid, first_is_jfif, grid_of, has_segments
from sr_tf.slides.ndpi_grid import ndpi_grid_of
from sr_tf.slides.page_roles import has_proportions, read_associated, sort_pages
from sr_tf.slides.page_rules import vendor_objection
from sr_tf.slides.resolution import is_printed, plausible
from sr_tf.slides.tiff_header import Tiff
from sr_tf.slides.tiff_page import RGB, Page

# Formats in which level 0 is one page that begins at the slide's origin, with tiles that do not overlap.
_ONE_PAGE = ("aperio", "generic-tiff", "philips")
# Properties that OpenSlide derives are left out: `SlideInfo` has fields for them, and the hash would identify a slide
# after de-identification.
_DERIVED = tuple(
    f"openslide.{name}"
    for name in ("level", "associated.", "mpp-", "objective-power", "vendor", "quickhash", "icc-size")
)  # fmt: skip


class OpenSlideReader:
    """A slide in one of OpenSlide's formats.

    Attributes:
        info: size and metadata.

    Args:
        path: the slide's file.
        vendor: the format that OpenSlide detected.
        tiff: the file's header if it is a TIFF, else None.

    Raises:
        UserError: OpenSlide cannot open the slide, its samples are not upright unsigned 8-bit numbers, or it holds
            images that OpenSlide would not show.
    """

    def __init__(self, path: Path, vendor: str, tiff: Tiff | None):
        self._path, self._vendor = path, vendor
        self._frames_file: FileBytes | None = None
        try:
            self._slide = openslide.OpenSlide(path)
        except (openslide.OpenSlideError, OSError) as error:
            raise UserError(f"{path}: cannot be opened as a slide of format {vendor} ({reason(error)})") from error
        self._file = FileBytes(path)
        self._pages = tiff.pages if tiff else []
        try:
            self.info = self._read_info(vendor)
            self._refuse_other_pixels(self._level_0())
            self._further = self._further_pages(vendor)
        except UserError:
            self.close()
            raise

    @cached_property
    def grid(self) -> JpegGrid | None:
        """See `sr_tf.slides.slide.Slide.grid`. Found when it is first asked for: viewing a slide does not need it."""
        if self._kept is not None:
            return grid_of(*self._kept, by_tag=True)
        return self._part_of_level_0(self._vendor)

    @cached_property
    def jpeg2000(self) -> Jpeg2000Grid | None:
        """See `sr_tf.slides.slide.Slide.jpeg2000`. Found when it is first asked for."""
        return jpeg2000_grid_of(*self._kept) if self._kept is not None else None

    @cached_property
    def _kept(self) -> tuple[FileBytes, Page] | None:
        """The page or the frames that are level 0 as a whole, and their file."""
        if self._vendor == "dicom":
            return self._frames()
        page = self._level_0() if self._vendor in _ONE_PAGE else None
        return (self._file, page) if page else None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0 that lies inside it. Thread-safe.

        Returns:
            uint8 [height, width, 3], RGB; the background colour where the slide has no pixels.

        Raises:
            UserError: a tile is damaged. After that, OpenSlide refuses to read anything from this slide.
        """
        try:
            return on_background(self._slide.read_region((x, y), 0, (width, height)), self._background)
        except openslide.OpenSlideError as error:
            raise self._unreadable(f"region {x},{y},{width},{height}", error) from error

    @property
    def openslide(self) -> openslide.OpenSlide:
        """The slide as OpenSlide opened it."""
        return self._slide

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """See `sr_tf.slides.slide.Slide.levels`."""
        return tuple(self._slide.level_dimensions)

    @property
    def _size(self) -> tuple[int, int]:
        return self.info.width, self.info.height

    def associated(self) -> dict[str, Associated]:
        """See `sr_tf.slides.slide.Slide.associated`."""
        images = {name: self._associated(name) for name in sorted(self._slide.associated_images)}
        return images | read_associated(self._file, self._further)

    def associated_names(self) -> list[str]:
        """See `sr_tf.slides.slide.Slide.associated_names`."""
        return [*self._slide.associated_images, *self._further]

    def close(self) -> None:
        """Closes the slide."""
        self._slide.close()
        self._file.close()
        if self._frames_file is not None:
            self._frames_file.close()

    def _read_info(self, vendor: str) -> SlideInfo:
        try:
            # `get`, because OpenSlide does not find a name that damage has made invalid UTF-8.
            found = {name: self._slide.properties.get(name) for name in sorted(self._slide.properties)}
            width, height = self._slide.dimensions
            # The only public way to the bytes of the colour profile. Reading a region without pixels decodes nothing.
            icc = self._slide.read_region((0, 0), 0, (0, 0)).info.get("icc_profile")
        except openslide.OpenSlideError as error:
            raise self._unreadable("the header", error) from error
        properties = {name: value for name, value in found.items() if value is not None}
        self._background = background_colour(properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, ""))
        x, y = (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
        mpp = (_positive(properties.get(x)), _positive(properties.get(y)))
        if vendor == "generic-tiff" and None not in mpp and is_printed(mpp):
            mpp = None
        return SlideInfo(
            format=vendor,
            width=width,
            height=height,
            mpp=plausible(self._path, mpp),
            objective_power=_positive(properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)),
            icc=icc,
            properties={name: value for name, value in properties.items() if not name.startswith(_DERIVED)},
        )

    def _level_0(self) -> Page | None:
        return next((page for page in self._pages if page.tiled and (page.width, page.height) == self._size), None)

    def _part_of_level_0(self, vendor: str) -> JpegGrid | None:
        """The segments of a slide whose level 0 is not a page of tiles as it is."""
        if vendor == "hamamatsu":
            page = next((one for one in self._pages if (one.width, one.height) == self._size), None)
            return ndpi_grid_of(self._file, page) if page else None
        if vendor != "leica":
            return None
        # A Leica slide is a canvas with areas; OpenSlide says where they are, in whole pixels.
        sides = ("x", "y", "width", "height")
        found = [self._slide.properties.get(f"openslide.region[0].{side}") for side in sides]
        if None in found or "openslide.region[1].x" in self._slide.properties:
            return None
        x, y, *size = map(int, found)
        if min(x, y) < 0 or x + size[0] > self.info.width or y + size[1] > self.info.height:
            return None
        page = next((one for one in self._pages if one.tiled and [one.width, one.height] == size), None)
        return PlacedGrid(self._file, page, x, y) if page and has_segments(page) else None

    def _frames(self) -> tuple[FileBytes, Page] | None:
        found = page_of_frames(self._path, self.info.width, self.info.height)
        if found is None:
            return None
        self._frames_file = FileBytes(found[0])
        return self._frames_file, found[1]

    def _refuse_other_pixels(self, page: Page | None) -> None:
        # Where OpenSlide composes level 0 from several pages, the largest one stands for all.
        tiled = [page] if page else [page for page in self._pages if page.tiled]
        if tiled and (why := vendor_objection(max(tiled, key=lambda page: page.width * page.height))):
            raise UserError(f"{self._path}: {why}")
        if page and page.photometric == RGB and first_is_jfif(self._file, page):
            raise UserError(
                f"{self._path}: found JPEG tiles in YCbCr under a tag that says RGB, expected the same in both"
            )

    def _further_pages(self, vendor: str) -> dict[str, Page]:
        """The associated images that OpenSlide does not show."""
        if vendor == "aperio":
            self._refuse_areas()
        if vendor != "generic-tiff":
            return {}
        first = self._pages[0]
        if (first.width, first.height) != (self.info.width, self.info.height):
            found = f"{self.info.width}×{self.info.height} pixels"
            raise UserError(f"{self._path}: the slide has {found}, expected the {first.width}×{first.height} of page 0")
        return sort_pages(self._path, first, enumerate(self._pages[1:], 1))

    def _refuse_areas(self) -> None:
        """OpenSlide shows any tiled page of an SVS as a smaller copy of level 0, without a look at its proportions."""
        first = self._pages[0]
        for number, page in enumerate(self._pages[1:], 1):
            if page.tiled and not has_proportions(page, first):
                size = f"{page.width}×{page.height} pixels (TIFF page {number})"
                expected = f"smaller copies of the slide of {first.width}×{first.height} pixels"
                raise UserError(f"{self._path}: holds a further image of {size}, expected {expected}")

    def _associated(self, name: str) -> Associated:
        claimed = [int(self._slide.properties[f"openslide.associated.{name}.{side}"]) for side in ("width", "height")]
        if math.prod(claimed) > Image.MAX_IMAGE_PIXELS:
            found = f"{claimed[0]}×{claimed[1]} pixels"
            raise UserError(
                f"{self._path}: the {name} claims {found}, expected at most {Image.MAX_IMAGE_PIXELS:,} pixels"
            )
        try:
            pixels = on_background(self._slide.associated_images[name], self._background)
        except openslide.OpenSlideError as error:
            raise self._unreadable(f"the {name} image", error) from error
        return Associated(pixels, self._grid_of(pixels))

    def _grid_of(self, pixels: np.ndarray) -> JpegGrid | None:
        """Finds the page that an image was read from: the one that decodes to the same pixels."""
        for page in self._pages:
            grid = grid_of(self._file, page, by_tag=True) if (page.height, page.width) == pixels.shape[:2] else None
            if grid and _decodes_to(page, grid, pixels):
                return grid
        return None

    def _unreadable(self, what: str, error: Exception) -> UserError:
        return UserError(f"{self._path}: {what} cannot be read, the file is damaged or truncated ({reason(error)})")


def _decodes_to(page: Page, grid: JpegGrid, pixels: np.ndarray) -> bool:
    try:
        decoded = page.assemble(lambda row, column: grid.decode(column, row), 0, 0, page.width, page.height)
    except UserError:
        return False
    return np.array_equal(decoded, pixels)


def on_background(image: Image.Image, background: np.ndarray) -> np.ndarray:
    """Composes an RGBA image over a background colour.

    Args:
        image: what OpenSlide read.
        background: uint8 [3], RGB.

    Returns:
        uint8 [h, w, 3], RGB.
    """
    rgba = np.asarray(image)
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(colours)
    mixed = np.multiply(colours, alpha, dtype=np.uint16) + np.multiply(background, 255 - alpha, dtype=np.uint16)
    return ((mixed + 127) // 255).astype(np.uint8)


def background_colour(text: str) -> np.ndarray:
    """The colour that a slide's property states as RRGGBB, uint8 [3]; white if it states none."""
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
