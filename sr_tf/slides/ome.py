"""Reading the OME-XML of an OME-TIFF file."""

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from sr_tf.errors import UserError

# µm per unit. OME's units "pixel" and "reference frame" are not lengths.
_UNITS = {"pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "um": 1.0, "mm": 1e3, "cm": 1e4, "dm": 1e5, "m": 1e6, "in": 25400.0}


@dataclass(frozen=True)
class OmeImage:
    """An image with one plane.

    Attributes:
        name: the image's name in the file; may be empty.
        page: index of its page in the file's main chain.
        width: width in pixels.
        height: height in pixels.
        channels: SizeC, which is 3 for RGB.
        type: the kind of the samples: "uint8", "int8", "uint16" and others.
        mpp: µm per pixel, x and y, or None.
        objective_power: nominal magnification, or None.
    """

    name: str
    page: int
    width: int
    height: int
    channels: int
    type: str
    mpp: tuple[float, float] | None
    objective_power: float | None


def parse_ome(path: Path, text: str) -> list[OmeImage]:
    """Parses OME-XML.

    Args:
        path: the file, for error messages.
        text: the XML.

    Returns:
        The images. The first one is the slide.

    Raises:
        UserError: the XML is damaged or names other files, or an image is a z-stack or a time series.
    """
    try:
        # OME-XML needs no entities, and malicious ones can expand until they fill the memory.
        if "<!ENTITY" in text:
            raise ValueError("it defines entities")
        root = ET.fromstring(text)
        _refuse_other_files(path, root)
        powers = {
            objective.get("ID"): _positive(objective.get("NominalMagnification"))
            for objective in root.iterfind(".//{*}Objective")
        }
        images = [_image(path, index, image, powers) for index, image in enumerate(root.iterfind("{*}Image"))]
        if not images:
            raise ValueError("it has no images")
    except (ET.ParseError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(f"{path}: the OME-XML is damaged ({error})") from error
    return images


def _refuse_other_files(path: Path, root: ET.Element) -> None:
    """Refuses XML whose pixels are in other files: the page of that number in this file would be another image."""
    companion = root.find(".//{*}BinaryOnly")
    if companion is not None:
        found = f"OME-XML that is in another file, “{companion.get('MetadataFile') or ''}”"
        raise UserError(f"{path}: found {found}, expected it in this file")
    own = (root.get("UUID") or "").strip().lower()
    for place in root.iterfind(".//{*}TiffData/{*}UUID"):
        file, uuid = place.get("FileName") or "", (place.text or "").strip().lower()
        # The UUID still identifies a file that was renamed. Without one, only the name is left.
        if uuid != own if own and uuid else Path(file).name != path.name:
            name = file or uuid or "without a name"
            raise UserError(f"{path}: found OME-XML with pixels in another file, “{name}”, expected them in this file")


def _image(path: Path, index: int, image: ET.Element, powers: dict[str | None, float | None]) -> OmeImage:
    pixels = image.find("{*}Pixels")
    planes = {axis: int(pixels.get(f"Size{axis}")) for axis in "ZT"}
    if max(planes.values()) > 1:
        found = f"a stack of {planes['Z']} focal planes and {planes['T']} time points"
        raise UserError(f"{path}: holds {found}, expected one plane")
    data, settings = pixels.find("{*}TiffData"), image.find("{*}ObjectiveSettings")
    sizes = [_length(pixels, axis) for axis in "XY"]
    return OmeImage(
        name=image.get("Name") or "",
        page=index if data is None else int(data.get("IFD", 0)),
        width=int(pixels.get("SizeX")),
        height=int(pixels.get("SizeY")),
        channels=int(pixels.get("SizeC")),
        type=(pixels.get("Type") or "uint8").lower(),
        mpp=None if None in sizes else (sizes[0], sizes[1]),
        objective_power=None if settings is None else powers.get(settings.get("ID")),
    )


def _length(pixels: ET.Element, axis: str) -> float | None:
    size = _positive(pixels.get(f"PhysicalSize{axis}"))
    unit = _UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "um").replace("µ", "u").replace("μ", "u"))
    return None if size is None or unit is None else size * unit


def _positive(text: str | None) -> float | None:
    number = float(text or 0)
    return number if 0 < number < math.inf else None
