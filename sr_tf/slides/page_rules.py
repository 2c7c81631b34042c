"""Whether a page of a TIFF file can be read, and by which decoder.

Every page passes through this module before a pixel is decoded. It decides from the kind of the samples, their planes,
the colours, the orientation and the compression. What it does not know is refused with a sentence that says what was
found and what was expected.
"""

from sr_tf.images.tiff_samples import fit_in_8_bits
from sr_tf.slides.tiff_page import JPEG, MASK, RGB, Page
from sr_tf.slides.tiff_segments import COMPRESSIONS, HORIZONTAL, NO_PREDICTOR

_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)
# The compressions that OpenSlide's generic driver decodes. It also detects files that it cannot decode as its own.
_GENERIC_COMPRESSIONS = (1, 5, JPEG, 8, 32946, 32773, 50000)


def objection(page: Page) -> str:
    """Says why the tiles or strips of a page cannot be decoded one by one as 8-bit RGB or grey.

    Returns:
        The reason; an empty string if they can be decoded.
    """
    if why := vendor_objection(page):
        return why
    if page.kind & MASK:
        return "found a transparency mask, expected pixels"
    if not page.is_rgb_or_grey:
        found = f"{page.samples} samples of photometric interpretation {page.photometric}"
        return f"found pixels of {found}, expected RGB or grey"
    if page.planes > 1 and page.photometric != RGB:
        return f"found planes of photometric interpretation {page.photometric}, expected RGB"
    if page.compression not in COMPRESSIONS or (page.compression == JPEG and page.samples == 4):
        return (
            f"found TIFF compression {page.compression}, expected JPEG, deflate, LZW, zstd, WebP, JPEG 2000 or JPEG XL"
        )
    if page.predictor not in (NO_PREDICTOR, HORIZONTAL) or page.fill_order != 1:
        found = f"predictor {page.predictor} and fill order {page.fill_order}"
        return f"found {found}, expected predictor 1 or 2 and fill order 1"
    return ""


def vendor_objection(page: Page) -> str:
    """Says why a page of a vendor's format cannot be read with OpenSlide, which knows the colours of these formats.

    OpenSlide reduces 16 bits to 8, and turns or mirrors each tile by itself, without a warning.
    """
    if not page.is_8_bit:
        return f"found {page.depth} samples, expected unsigned 8-bit samples"
    if page.orientation != _UPRIGHT:
        return f"found TIFF orientation {page.orientation}, expected 1 (upright)"
    return ""


def whole_objection(page: Page) -> str:
    """Says why a page cannot be read as a whole with Pillow, which applies the orientation and scales 1 to 8 bits."""
    if not fit_in_8_bits(page.bits, page.formats):
        return f"found {page.depth} samples, expected unsigned 8-bit samples"
    if page.orientation not in _ORIENTATIONS:
        return f"found TIFF orientation {page.orientation}, expected 1 to 8"
    return ""


def openslide_decodes(page: Page) -> bool:
    """Whether OpenSlide's generic driver decodes a page exactly. It reduces 16 bits to 8 without a warning."""
    known = page.is_rgb_or_grey and page.samples < 4 and page.compression in _GENERIC_COMPRESSIONS
    return known and page.planes == 1 and not vendor_objection(page)
