"""De-identification of a slide's properties, for all vendors by one rule.

Vendors invent names freely, so a list of what identifies would always lack some. The rule is the other way round: kept
is what is known to be optical or technical by its name; everything else goes, be it a user, a barcode, a date, a path,
a serial number, free text or something nobody has thought of. The free-text properties (`tiff.ImageDescription`,
`openslide.comment`) repeat all of it and go as a whole. Label and macro images, and the file's own name, are not
properties: whoever stores them decides.
"""

import re
from dataclasses import replace

from sr_tf.slides.info import SlideInfo

# Whole words of a name, which is cut at punctuation, digits and changes from small to capital letters.
_TECHNICAL = {
    "mpp", "mag", "magnification", "power", "objective", "lens", "na", "aperture", "zoom", "pixel", "pixels",
    "resolution", "spacing", "scale", "micrometer", "microns", "width", "height", "originalheight", "originalwidth",
    "size", "left", "top", "skew", "offset", "overlap", "stripe", "tile", "bounds", "region", "level", "levels",
    "layers", "focus", "focal", "exposure", "gain", "gamma", "wavelength", "illumination", "filtered", "white", "black",
    "background", "color", "colour", "icc", "bits", "channels", "samples", "photometric", "compression", "quality",
    "format", "version", "software", "model", "make", "manufacturer",
}  # fmt: skip
# A technical name with one of these means something else: "lens serial number", "Image file format id".
_IDENTIFYING = {
    "id", "uid", "uuid", "guid", "identifier", "serial", "sn", "number", "name", "user", "operator", "barcode", "label",
    "patient", "case", "specimen", "accession", "date", "datetime", "file", "filename", "path", "folder", "host",
    "comment", "description", "text", "title", "notes",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def deidentified(info: SlideInfo) -> tuple[SlideInfo, list[str]]:
    """Leaves out every property that is not known to be optical or technical.

    Args:
        info: of a slide.

    Returns:
        (the same without them, the names of what was removed in alphabetical order). Size, mpp, objective power and
        colour profile stay.
    """
    removed = sorted(name for name in info.properties if not _is_technical(name))
    kept = {name: value for name, value in info.properties.items() if name not in removed}
    return replace(info, properties=kept), removed


def _is_technical(name: str) -> bool:
    # The first part is the vendor's name.
    words = {word.lower() for word in _WORD.findall(name.partition(".")[2])}
    return bool(words & _TECHNICAL) and not words & _IDENTIFYING
