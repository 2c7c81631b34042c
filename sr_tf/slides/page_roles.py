"""What the pages of a TIFF file are for: the slide, its smaller copies, its label and macro.

A page that is none of these is refused, because reading only the slide would lose it without a warning.
"""

import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from sr_tf.disk.file_bytes import FileBytes
from sr_tf.errors import UserError
from sr_tf.slides.info import ASSOCIATED, Associated
from sr_tf.slides.page_pixels import PagePixels
from sr_tf.slides.tiff_page import MASK, REDUCED, Page

_KIND = re.compile(rf"\b({'|'.join(ASSOCIATED)})\b", re.IGNORECASE)
_LONGEST_NAME = 500
# A page that does not say that it is a smaller copy is compared with the slide at places on a grid.
_PLACES, _SIDE, _LARGEST_FACTOR = 8, 16, 64
_LARGEST_DIFFERENCE = 12.0


def sort_pages(path: Path, slide: Page, others: Iterable[tuple[int, Page]]) -> dict[str, Page]:
    """Finds the associated images among the further pages of a TIFF file.

    Args:
        path: the file.
        slide: the page that is the slide.
        others: the number and page of each further one.

    Returns:
        The associated images by their kind. Smaller copies of the slide are left out.

    Raises:
        UserError: a page is neither a smaller copy of the slide nor named as an associated image, or two have one kind.
    """
    found: dict[str, Page] = {}
    for number, page in others:
        # Some writers repeat the slide's description at each smaller copy.
        kind = None if page.name == slide.name else _kind(page)
        if kind is None and is_smaller_copy(path, page, slide):
            continue
        if kind is None or page.width * page.height >= slide.width * slide.height or page.kind & MASK:
            size = f"{page.width}×{page.height} pixels (TIFF page {number})"
            expected = f"smaller copies of the slide, and images named {', '.join(ASSOCIATED)}"
            raise UserError(f"{path}: holds a further image of {size}, expected one slide, {expected}")
        if kind in found:
            raise UserError(f"{path}: holds several images named {kind}, expected one of each kind")
        found[kind] = page
    return found


def read_associated(file: FileBytes, pages: dict[str, Page]) -> dict[str, Associated]:
    """Reads associated images.

    Raises:
        UserError: an image cannot be read or is larger than `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    images = {}
    for name, page in pages.items():
        if page.width * page.height > Image.MAX_IMAGE_PIXELS:
            found = f"{page.width}×{page.height} pixels"
            raise UserError(f"{file.path}: the {name} has {found}, expected at most {Image.MAX_IMAGE_PIXELS:,} pixels")
        try:
            pixels = PagePixels(file, page)
            images[name] = Associated(pixels.read(0, 0, page.width, page.height), pixels.grid)
        except UserError as error:
            why = str(error).removeprefix(f"{file.path}: ")
            raise UserError(f"{file.path}: the {name} image cannot be read ({why})") from error
    return images


def has_proportions(page: Page, slide: Page) -> bool:
    """Whether a page has the size of a smaller copy of the slide, whether rounded up or down at each halving."""
    ranges = [
        (whole / (side + 1), math.inf if side == 1 else whole / (side - 1))
        for whole, side in ((slide.width, page.width), (slide.height, page.height))
    ]
    smaller = page.width <= slide.width and page.height <= slide.height
    return (
        smaller
        and page.width * page.height < slide.width * slide.height
        and max(ranges)[0] <= min(upper for _, upper in ranges)
    )


def is_smaller_copy(path: Path, page: Page, slide: Page) -> bool:
    """Whether a page is a smaller copy of the slide: by its size, and by its tag NewSubfileType or its pixels."""
    if not has_proportions(page, slide) or page.samples != slide.samples or page.kind & MASK:
        return False
    return bool(page.kind & REDUCED) or _looks_alike(path, page, slide)


def _kind(page: Page) -> str | None:
    kinds = {kind.lower() for kind in _KIND.findall(page.name)} if len(page.name) <= _LONGEST_NAME else set()
    return kinds.pop() if len(kinds) == 1 else None


def _looks_alike(path: Path, page: Page, slide: Page) -> bool:
    """Compares the means of small squares, spread evenly, with those of the same places of the slide."""
    across, down = slide.width / page.width, slide.height / page.height
    if max(across, down) > _LARGEST_FACTOR:
        return False
    file = FileBytes(path)
    try:
        small, large = PagePixels(file, page), PagePixels(file, slide)
        for y, height in _spread(page.height):
            for x, width in _spread(page.width):
                left, top = int(x * across), int(y * down)
                right, bottom = math.ceil((x + width) * across), math.ceil((y + height) * down)
                sides = min(right, slide.width) - left, min(bottom, slide.height) - top
                whole = large.read(left, top, *sides).mean(axis=(0, 1))
                if np.abs(whole - small.read(x, y, width, height).mean(axis=(0, 1))).max() > _LARGEST_DIFFERENCE:
                    return False
    except UserError:
        return False
    finally:
        file.close()
    return True


def _spread(length: int) -> list[tuple[int, int]]:
    side = min(_SIDE, length)
    return [(int(start), side) for start in np.unique(np.linspace(0, length - side, _PLACES).astype(int))]
