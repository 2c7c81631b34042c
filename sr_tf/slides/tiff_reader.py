"""Reading OME-TIFF, and tiled TIFF that OpenSlide does not decode.

Pages with tiles are read tile by tile. Small pages without tiles are read as a whole.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.info import ASSOCIATED, Associated, SlideInfo
from sr_tf.slides.ome import OmeImage, parse_ome
from sr_tf.slides.page_pixels import PagePixels
from sr_tf.slides.page_roles import has_proportions, read_associated, sort_pages
from sr_tf.slides.page_rules import objection
from sr_tf.slides.resolution import plausible
from sr_tf.slides.tiff_header import Tiff
from sr_tf.slides.tiff_page import REDUCED, Page


class TiffReader:
    """The levels of a TIFF file, and its associated images.

    Attributes:
        info: size and metadata.
        grid: the segments of level 0 if they are colour JPEG tiles, else None.
        jpeg2000: None; such tiles are read as pixels.

    Args:
        path: the file.
        tiff: its header.

    Raises:
        UserError: the file does not hold one 8-bit RGB or grey image.
    """

    def __init__(self, path: Path, tiff: Tiff):
        images = parse_ome(path, tiff.ome) if tiff.ome is not None else []
        self._file = FileBytes(path)
        try:
            page = _page(path, tiff, images[0]) if images else tiff.pages[0]
            self._pixels = PagePixels(self._file, page)
            self._others = {_kind(path, image): _page(path, tiff, image) for image in images[1:]}
            if len(self._others) < len(images) - 1:
                raise UserError(f"{path}: holds {len(images)} images, expected one of each kind")
            named = {image.page for image in images} or {0}
            further = [(number, other) for number, other in enumerate(tiff.pages) if number not in named]
            self._others |= _further(path, page, further, self._others)
            chain = _smaller_copies(page, (other for _, other in further))
            self._copies = chain or (_smaller_copies(page, tiff.below) if page is tiff.pages[0] else [])
            self._levels = {0: self._pixels}
        except UserError:
            self._file.close()
            raise
        # The resolution tags of an OME-TIFF often describe the printed page; the XML states the scale.
        self.info = SlideInfo(
            format="ome-tiff" if images else "tiff",
            width=page.width,
            height=page.height,
            mpp=plausible(path, images[0].mpp) if images else tiff.mpp,
            objective_power=images[0].objective_power if images else None,
            icc=page.icc,
            properties=tiff.properties,
        )
        self.grid, self.jpeg2000 = self._pixels.grid if page.tiled else None, None

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0; see `PagePixels.read`."""
        return self._pixels.read(x, y, width, height)

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """See `sr_tf.slides.slide.Slide.levels`. Only pages that say that they are smaller copies are levels."""
        return ((self.info.width, self.info.height), *((page.width, page.height) for page in self._copies))

    def read_level(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `sr_tf.slides.slide.Slide.read_level`."""
        if level not in self._levels:
            self._levels[level] = PagePixels(self._file, self._copies[level - 1])
        return self._levels[level].read(x, y, width, height)

    def associated(self) -> dict[str, Associated]:
        """See `sr_tf.slides.slide.Slide.associated`."""
        return read_associated(self._file, self._others)

    def associated_names(self) -> list[str]:
        """See `sr_tf.slides.slide.Slide.associated_names`."""
        return list(self._others)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _page(path: Path, tiff: Tiff, image: OmeImage) -> Page:
    if not 0 <= image.page < len(tiff.pages):
        raise UserError(f"{path}: the OME-XML names page {image.page}, the file holds {len(tiff.pages)}")
    page = tiff.pages[image.page]
    if image.channels != page.samples:
        found = f"{image.channels} channels in planes of {page.samples}"
        raise UserError(f"{path}: holds {found}, expected RGB or grey in one plane")
    if image.type != "uint8" and page.is_8_bit:
        raise UserError(f"{path}: claims {image.type} pixels in the OME-XML, the page has {page.depth} samples")
    if (image.width, image.height) != (page.width, page.height):
        found = f"{image.width}×{image.height} pixels in the OME-XML"
        raise UserError(f"{path}: claims {found}, the page has {page.width}×{page.height}")
    return page


def _smaller_copies(slide: Page, pages: Iterable[Page]) -> list[Page]:
    """The tiled pages that are levels of the slide and can be read, the largest first."""
    copies = [
        page
        for page in pages
        if page.tiled and page.kind & REDUCED and has_proportions(page, slide) and not objection(page)
    ]
    return sorted(copies, key=lambda page: page.width * page.height, reverse=True)


def _further(path: Path, slide: Page, pages: list[tuple[int, Page]], known: dict[str, Page]) -> dict[str, Page]:
    """The associated images among the pages that the OME-XML does not name."""
    found = sort_pages(path, slide, pages)
    if twice := sorted(found.keys() & known.keys()):
        raise UserError(f"{path}: holds several images named {twice[0]}, expected one of each kind")
    return found


def _kind(path: Path, image: OmeImage) -> str:
    kinds = [kind for kind in ASSOCIATED if kind in image.name.lower()]
    if not kinds:
        # Reading only the first image would lose the others without a warning.
        expected = f"one slide, and images named {', '.join(ASSOCIATED)}"
        raise UserError(f"{path}: holds a further image “{image.name}”, expected {expected}")
    return kinds[0]
