"""De-identification of a slide's properties, with one rule for all vendors.

Every vendor chooses its own property names, so a list of identifying names would be incomplete. Therefore a property is
kept only if its name is known to be optical or technical. All others are removed: users, barcodes, dates, paths, serial
numbers, free text and unknown names. The free-text properties `tiff.ImageDescription` and `openslide.comment` repeat
identifying properties and are removed completely. Label and macro images and the file name are not properties; the
caller must remove them.
"""

import re
from dataclasses import replace

from sr_tf.slides.info import SlideInfo

# Words of technical names. A name is split at punctuation, digits and changes from small to capital letters.
_TECHNICAL = {
    "mpp", "mag", "magnification", "power", "objective", "lens", "na", "aperture", "zoom", "pixel", "pixels",
    "resolution", "spacing", "scale", "micrometer", "microns", "width", "height", "originalheight", "originalwidth",
    "size", "left", "top", "skew", "offset", "overlap", "stripe", "tile", "bounds", "region", "level", "levels",
    "layers", "focus", "focal", "exposure", "gain", "gamma", "wavelength", "illumination", "filtered", "white", "black",
    "background", "color", "colour", "icc", "bits", "channels", "samples", "photometric", "compression", "quality",
    "format", "version", "software", "model", "make", "manufacturer",
}  # fmt: skip
# Words that make a technical name identifying: "lens serial number", "Image file format id".
_IDENTIFYING = {
    "id", "uid", "uuid", "guid", "identifier", "serial", "sn", "number", "name", "user", "operator", "barcode", "label",
    "patient", "case", "specimen", "accession", "date", "datetime", "file", "filename", "path", "folder", "host",
    "comment", "description", "text", "title", "notes",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def deidentified(info: SlideInfo) -> tuple[SlideInfo, list[str]]:
    """Removes every property that is not known to be optical or technical.

    Args:
        info: the slide's size and metadata.

    Returns:
        (a copy without these properties, the names of the removed properties in alphabetical order). Size, mpp,
        objective power and colour profile are kept.
    """
    removed = sorted(name for name in info.properties if not _is_technical(name))
    kept = {name: value for name, value in info.properties.items() if name not in removed}
    return replace(info, properties=kept), removed


def _is_technical(name: str) -> bool:
    # The first part of the name is the vendor.
    words = {word.lower() for word in _WORD.findall(name.partition(".")[2])}
    return bool(words & _TECHNICAL) and not words & _IDENTIFYING
