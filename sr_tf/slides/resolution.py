"""The scale of a slide: µm per pixel from a TIFF's resolution, and which values can be true."""

import math
import re
from pathlib import Path

import tifffile
from absl import logging

_FINEST, _COARSEST = 0.005, 100.0
"""µm per pixel that a light microscope or an overview camera can have."""

_COARSEST_PRINTED = 20.0
"""µm per pixel (1270 dpi). Per inch or centimetre, a coarser resolution is that of a printed page (72, 96, 300 dpi, 1
per centimetre), a default that was not measured."""

_LARGEST_RATIO = 4.0
_INCH, _CENTIMETRE = 2, 3
_UNIT_NAMES = {1: "none", _INCH: "inch", _CENTIMETRE: "centimeter"}
_TAG_MICRONS = {_INCH: 25_400.0, _CENTIMETRE: 10_000.0}
# ImageJ writes its unit into the description, and the pixels per unit into the resolution tags.
_IMAGEJ_UNIT = re.compile(r"^unit=(.*)$", re.MULTILINE)
_IMAGEJ_MICRONS = {"nm": 1e-3, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "mm": 1e3}
_IMAGEJ_PRINTED = {"cm": 1e4, "inch": 25_400.0}


def plausible(path: Path, mpp: tuple[float | None, float | None] | None) -> tuple[float, float] | None:
    """Returns µm per pixel if the file states both and they can be true, else None.

    An impossible scale is ignored with a warning that names the file and the values.
    """
    if mpp is None or mpp[0] is None or mpp[1] is None:
        return None
    if _possible(mpp[0], mpp[1], _COARSEST):
        return mpp[0], mpp[1]
    found = f"states {mpp[0]:g} × {mpp[1]:g} µm per pixel"
    expected = f"{_FINEST:g} to {_COARSEST:g}, in one direction at most {_LARGEST_RATIO:g} times that in the other"
    logging.warning(f"{path}: {found}, expected {expected}; the scale is ignored")
    return None


def is_printed(mpp: tuple[float, float]) -> bool:
    """Whether a resolution per inch or centimetre is that of a printed page."""
    return max(mpp) > _COARSEST_PRINTED


def read_resolution(page: tifffile.TiffPage) -> tuple[dict[str, str], tuple[float, float] | None]:
    """Reads the resolution of a page.

    Returns:
        (the resolution tags in text, by OpenSlide's names; µm per pixel, x and y, or None if they do not state a scale
        that was measured).
    """
    names = [name for name in ("XResolution", "YResolution") if name in page.tags]
    densities = [_density(page.tags[name].value) for name in names]
    properties = {f"tiff.{name}": f"{number:.17g}" for name, number in zip(names, densities, strict=True) if number}
    if len(properties) < 2:
        return properties, None
    unit = int(page.tags["ResolutionUnit"].value) if "ResolutionUnit" in page.tags else _INCH
    properties["tiff.ResolutionUnit"] = _UNIT_NAMES.get(unit, "unknown")
    microns, coarsest = _TAG_MICRONS.get(unit), _COARSEST_PRINTED
    if page.is_imagej and (found := _IMAGEJ_UNIT.search(page.description)):
        name = found[1].strip().replace("\\u00B5", "u").replace("µ", "u").replace("μ", "u").lower()
        microns = _IMAGEJ_MICRONS.get(name) or _IMAGEJ_PRINTED.get(name)
        coarsest = _COARSEST_PRINTED if name in _IMAGEJ_PRINTED else _COARSEST
    if microns is None:
        return properties, None
    mpp = (microns / densities[0], microns / densities[1])
    return properties, mpp if _possible(*mpp, coarsest) else None


def _density(value: tuple[int, int] | float) -> float:
    number = value[0] / value[1] if isinstance(value, tuple) and value[1] else 0.0
    return number if 0 < number < math.inf else 0.0


def _possible(x: float, y: float, coarsest: float) -> bool:
    return _FINEST <= min(x, y) <= max(x, y) <= coarsest and max(x, y) <= _LARGEST_RATIO * min(x, y)
