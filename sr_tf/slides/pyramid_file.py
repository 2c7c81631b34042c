"""Writing the TIFF file of a pyramid in a layout that OpenSlide, tiffslide and tifffile can read completely.

OME-TIFF stores the reduced levels as SubIFDs of the first page, where tifffile and Bio-Formats read them. OpenSlide
reads only the file's main chain of pages. Therefore this file has the levels in both places:

    first page (level 0) → associated images … → level 1 → level 2 …
         └─ SubIFDs: level 1, level 2 …

OME-XML refers to pages by their index in the main chain. The reduced levels come last, so they change no index.
OpenSlide takes tiled pages as levels. Therefore the associated images are written in strips.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

_SOFTWARE = "sr-tf"
_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Level:
    """An encoded level of a pyramid.

    Attributes:
        width: width in pixels.
        height: height in pixels.
        page: the arguments of `tifffile.TiffWriter.write` that describe the tiles: `photometric`, `compression` etc.
        tiles: the encoded tiles, row by row.
    """

    width: int
    height: int
    page: Mapping[str, object]
    tiles: Iterator[bytes]


def write_pyramid_file(
    path: Path,
    levels: Sequence[Level],
    tile: tuple[int, int],
    *,
    ome: bytes,
    mpp: tuple[float, float] | None,
    icc: bytes | None,
    associated: Mapping[str, np.ndarray],
) -> None:
    """Writes a BigTIFF file. Memory holds one tile and the tables of offsets at a time.

    Args:
        path: the file to create or overwrite.
        levels: the levels, the largest first.
        tile: height and width of a tile in pixels, multiples of 16.
        ome: OME-XML from `ome_xml`.
        mpp: µm per pixel of level 0, x and y. If it is None, the pages get no physical resolution.
        icc: colour profile of level 0, or None.
        associated: further images by name, uint8 [H, W, 3], in the order of the OME-XML.

    Raises:
        OSError: the file cannot be written.
    """
    with tifffile.TiffWriter(path, bigtiff=True, byteorder="<", ome=False, shaped=False) as writer:
        for index, level in enumerate(levels):
            writer.write(
                level.tiles,
                shape=(level.height, level.width, 3),
                dtype="uint8",
                tile=tile,
                subfiletype=1 if index else 0,
                subifds=None if index else len(levels) - 1,
                description=None if index else ome,
                iccprofile=None if index else icc,
                software=False if index else _SOFTWARE,
                metadata=None,
                **_resolution(mpp, level, levels[0]),
                **level.page,
            )
        for image in associated.values():
            writer.write(image, photometric="rgb", compression="zstd", predictor=True, software=False, metadata=None)
    if len(levels) > 1:
        link_levels(path)


def link_levels(path: Path) -> None:
    """Appends the SubIFDs of the first page to the main chain of pages.

    Every page ends with a pointer to the next one. Only the pointer of the last page in the main chain is changed,
    because TiffWriter has already linked the SubIFDs with each other; this is checked first.

    Args:
        path: a file that `write_pyramid_file` has written, not linked yet.

    Raises:
        ValueError: the file has another structure. It is not changed.
    """
    with tifffile.TiffFile(path, mode="r+") as file:
        if not file.is_bigtiff or file.byteorder != "<":
            raise ValueError(f"{path}: expected a little-endian BigTIFF file")
        levels = list(file.pages[0].subifds or ())
        last = file.pages[len(file.pages) - 1].offset
        chain = [_next(file.filehandle, offset)[1] for offset in levels]
        place, following = _next(file.filehandle, last)
        if not levels or chain != [*levels[1:], 0] or following != 0 or last in levels:
            raise ValueError(f"{path}: SubIFDs at {levels} point to {chain}, the last page at {last} to {following}")
        file.filehandle.seek(place)
        file.filehandle.write(levels[0].to_bytes(8, "little"))


def _next(file: tifffile.FileHandle, offset: int) -> tuple[int, int]:
    """The position of a page's pointer to the next page, and the pointer's value, which is 0 for the last page."""
    # A page in BigTIFF: number of tags (8 bytes), tags (20 bytes each), pointer (8 bytes).
    file.seek(offset)
    place = offset + 8 + 20 * int.from_bytes(file.read(8), "little")
    file.seek(place)
    return place, int.from_bytes(file.read(8), "little")


def _resolution(mpp: tuple[float, float] | None, level: Level, base: Level) -> dict[str, object]:
    # TIFF requires a resolution. Without one, tifffile writes 1 with the unit "none", which no reader takes as a size.
    if mpp is None:
        return {}
    x, y = 1e4 / mpp[0] * level.width / base.width, 1e4 / mpp[1] * level.height / base.height
    return {"resolution": (x, y), "resolutionunit": "CENTIMETER"}


def ome_xml(
    size: tuple[int, int],
    *,
    name: str,
    description: str,
    mpp: tuple[float, float] | None,
    objective_power: float | None,
    annotations: Mapping[str, str],
    associated: Mapping[str, np.ndarray],
) -> bytes:
    """Makes the OME-XML of a pyramid and its associated images.

    The first image is the pyramid. Each associated image follows as an image with its own name.

    Args:
        size: width and height of level 0 in pixels.
        name: name of the pyramid.
        description: description of the pyramid.
        mpp: µm per pixel, x and y, or None.
        objective_power: nominal magnification, or None.
        annotations: keys and values of the pyramid's MapAnnotation. Characters that XML does not allow become U+FFFD.
        associated: further images by name, uint8 [H, W, 3].

    Returns:
        XML in UTF-8. Bio-Formats does not read character references such as &#181;, and then takes the file for a TIFF
        without a pyramid.
    """
    root = ET.Element("OME", {"xmlns": _OME, "Creator": _SOFTWARE})
    if objective_power is not None:
        instrument = ET.SubElement(root, "Instrument", ID="Instrument:0")
        ET.SubElement(instrument, "Objective", ID="Objective:0", NominalMagnification=f"{objective_power:g}")
    image = ET.SubElement(root, "Image", ID="Image:0", Name=_legal(name))
    if description:
        ET.SubElement(image, "Description").text = _legal(description)
    if objective_power is not None:
        ET.SubElement(image, "InstrumentRef", ID="Instrument:0")
        ET.SubElement(image, "ObjectiveSettings", ID="Objective:0")
    _add_pixels(image, 0, size, mpp)
    if annotations:
        ET.SubElement(image, "AnnotationRef", ID="Annotation:0")
    for index, (other, pixels) in enumerate(associated.items(), start=1):
        element = ET.SubElement(root, "Image", ID=f"Image:{index}", Name=_legal(other))
        _add_pixels(element, index, (pixels.shape[1], pixels.shape[0]), None)
    if annotations:
        structured = ET.SubElement(root, "StructuredAnnotations")
        annotation = ET.SubElement(structured, "MapAnnotation", ID="Annotation:0", Namespace="sr-tf/properties")
        value = ET.SubElement(annotation, "Value")
        for key, text in annotations.items():
            ET.SubElement(value, "M", K=_legal(key)).text = _legal(text)
    # XML parsers replace a bare carriage return by a line feed.
    return ET.tostring(root, encoding="utf-8", xml_declaration=True).replace(b"\r", b"&#13;")


def _add_pixels(image: ET.Element, index: int, size: tuple[int, int], mpp: tuple[float, float] | None) -> None:
    physical = {}
    if mpp is not None:
        for axis, value in zip("XY", mpp, strict=True):
            physical |= {f"PhysicalSize{axis}": repr(float(value)), f"PhysicalSize{axis}Unit": "µm"}
    pixels = ET.SubElement(
        image,
        "Pixels",
        {"ID": f"Pixels:{index}", "DimensionOrder": "XYCZT", "Type": "uint8", "Interleaved": "true"}
        | {"SizeX": str(size[0]), "SizeY": str(size[1]), "SizeC": "3", "SizeZ": "1", "SizeT": "1"}
        | physical,
    )
    ET.SubElement(pixels, "Channel", ID=f"Channel:{index}:0", SamplesPerPixel="3")
    ET.SubElement(pixels, "TiffData", IFD=str(index), PlaneCount="1")


def _legal(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)
