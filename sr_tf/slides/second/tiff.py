"""The second reader of slides that are TIFF files: finds level 0 in each family and reads it page by page.

A parser of its own reads the directories; zlib, libtiff and Pillow decode the tiles. For NDPI see
`sr_tf.slides.second.ndpi`.
"""

import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import PIL
import tifffile

from sr_tf.slides.second.directory import DESCRIPTION, KIND, TILE_WIDTH, XMP, Directory, RandomAccess, read_directories
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.page import SecondPage
from sr_tf.slides.silent import silent

Sizes = tuple[tuple[int, int], ...]
_REDUCED = 1


class TiffSecond:
    """A slide in one TIFF file; see `sr_tf.slides.second.reader.SecondReader`.

    Args:
        path: the file.
        family: `SlideInfo.format`.
        background: uint8 [3], the colour where the slide has no pixels.
    """

    def __init__(self, path: Path, family: str, background: np.ndarray):
        self._file, self._background = RandomAccess(path), background
        try:
            directories = read_directories(self._file)
            self._areas, self.levels = _FAMILIES[family](path, self._file, directories)
        except BaseException:
            self.close()
            raise
        pages = [page for _, _, page in self._areas]
        self.page = pages[0] if len(pages) == 1 else None
        if self.page is not None:
            self.page.place = self._areas[0][:2]
        self.exact = all(page.exact for page in pages)
        shared = next((f", {page.shared} for the tiles as in the first reader" for page in pages if page.shared), "")
        self.name = f"Pillow {PIL.__version__} with a TIFF parser of its own{shared}"

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0: uint8 [height, width, 3]."""
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = self._background
        for left, top, page in self._areas:
            first, upper = x - left, y - top
            if first < page.width and upper < page.height and first + width > 0 and upper + height > 0:
                dx, dy = max(0, -first), max(0, -upper)
                w = min(width, page.width - first) - dx
                h = min(height, page.height - upper) - dy
                pixels[dy : dy + h, dx : dx + w] = page.read(first + dx, upper + dy, w, h, self._background)
        return pixels

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


Found = tuple[list[tuple[int, int, SecondPage]], Sizes]
"""(x, y, page) of each area of level 0, and the sizes of all levels."""


def _tiled(file: RandomAccess, directories: list[Directory]) -> list[Directory]:
    return [directory for directory in directories if TILE_WIDTH in directory]


def _size(directory: Directory) -> tuple[int, int]:
    return directory.number(256, 0), directory.number(257, 0)


def _first(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    page = SecondPage(file, directories[0])
    return [(0, 0, page)], (page.size,)


def _all_tiled(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    levels = (_size(directory) for directory in _tiled(file, directories))
    return [(0, 0, SecondPage(file, directories[0]))], tuple(levels)


def _generic(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    smaller = [one for one in _tiled(file, directories[1:]) if one.number(KIND, 0) & _REDUCED]
    page = SecondPage(file, directories[0])
    return [(0, 0, page)], (page.size, *map(_size, smaller))


def _ome(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    """Takes the page that tifffile finds for the first image; the first reader has its own parser of OME-XML."""
    try:
        with silent(), tifffile.TiffFile(path, _multifile=False) as tiff:
            series = tiff.series[0]
            page, is_ome = series.levels[0].pages[0], tiff.is_ome
            index = page.index if isinstance(page.index, int) else -1
    except Exception as error:  # tifffile can raise any exception on damaged numbers
        raise NoSecondReader(f"tifffile does not parse the OME-XML ({type(error).__name__})") from error
    if not is_ome or not 0 <= index < len(directories):
        raise NoSecondReader("tifffile does not find the first image of the OME-XML")
    return _first(path, file, directories[index:])


def _leica(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    """A Leica slide is a canvas in nanometres with one or more areas."""
    root = _xml(directories[0].text(DESCRIPTION))
    collection = root.find("{*}collection")
    if collection is None:
        raise NoSecondReader("an SCN file without a collection")
    canvas = [int(collection.get(f"size{axis}")) for axis in "XY"]
    areas, levels = [], []
    for image in collection.iterfind("{*}image"):
        view = image.find("{*}view")
        size, offset = ([int(view.get(f"{name}{axis}")) for axis in "XY"] for name in ("size", "offset"))
        light = image.findtext(".//{*}illuminationSource")
        if (size == canvas and offset == [0, 0]) or light != "brightfield":
            continue
        found = [one for one in image.iterfind("{*}pixels/{*}dimension") if one.get("z", "0") == "0"]
        found.sort(key=lambda one: -int(one.get("sizeX")))
        scales = [size[0] / int(one.get("sizeX")) for one in found]
        # Like OpenSlide, rounds down to a whole pixel.
        left, top = (int(place / scales[0]) for place in offset)
        areas.append((left, top, SecondPage(file, directories[int(found[0].get("ifd"))])))
        levels = levels or [tuple(math.ceil(side / scale) for side in canvas) for scale in scales]
    if not areas:
        raise NoSecondReader("an SCN file without a brightfield area")
    return areas, tuple(levels)


def _ventana(path: Path, file: RandomAccess, directories: list[Directory]) -> Found:
    levels = [one for one in directories if re.search(r"\blevel=\d+\b", one.text(DESCRIPTION))]
    if not levels or "level=0" not in levels[0].text(DESCRIPTION):
        raise NoSecondReader("a BIF file without level 0")
    layout = levels[0].content(XMP).decode("utf-8", "replace")
    if re.search(r'Overlap[XY]="-?0*[1-9]', layout) or len(re.findall("<ImageInfo", layout)) != 1:
        raise NoSecondReader("BIF tiles that overlap, or several areas")
    return [(0, 0, SecondPage(file, levels[0]))], tuple(map(_size, levels))


def _xml(text: str) -> ET.Element:
    if "<!ENTITY" in text:
        raise NoSecondReader("XML that defines entities")
    try:
        return ET.fromstring(text)
    except ET.ParseError as error:
        raise NoSecondReader("XML that cannot be parsed") from error


_FAMILIES = {
    "aperio": _all_tiled,
    "generic-tiff": _generic,
    "leica": _leica,
    "ome-tiff": _ome,
    "philips": _all_tiled,
    "tiff": _first,
    "ventana": _ventana,
}
FAMILIES = frozenset(_FAMILIES)
"""The formats, as in `SlideInfo.format`."""
