"""The second reader of DICOM slides: pydicom parses, Pillow decodes. The first reader is OpenSlide with libdicom."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL

from sr_tf.slides.second.directory import RandomAccess
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.segments import decode_jpeg

_JPEG = ("1.2.840.10008.1.2.4.50",)
_JPEG2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_RAW = ("1.2.840.10008.1.2.1",)
_HEADER = [
    "ImageType", "SeriesInstanceUID", "TotalPixelMatrixColumns", "TotalPixelMatrixRows", "ConcatenationUID",
]  # fmt: skip
_YCBCR, _RGB = 6, 2


class DicomSecond:
    """A DICOM slide: the largest image of the series that the file belongs to; see `SecondReader`.

    Args:
        path: a file of the series.
        background: uint8 [3], the colour where the slide has no pixels.
    """

    page = None

    def __init__(self, path: Path, background: np.ndarray):
        import pydicom  # takes 0.3 s to import

        self._background, self.name = background, f"pydicom {pydicom.__version__} with Pillow {PIL.__version__}"
        images = _series(pydicom, path)
        self.levels = tuple(sorted((size for size, _ in images), reverse=True))
        (_, largest) = max(images, key=lambda one: one[0])
        with largest.open("rb") as file:
            data = pydicom.dcmread(file, stop_before_pixels=True)
            start = file.tell() + 12  # tag, representation and length of the pixels
            self._side = int(data.Columns), int(data.Rows)
            self._syntax = data.file_meta.TransferSyntaxUID
            if self._syntax not in (*_JPEG, *_JPEG2000, *_RAW) or data.BitsAllocated != 8:
                raise NoSecondReader("a DICOM transfer syntax that it does not know")
            self._samples, self._colours = int(data.SamplesPerPixel), str(data.PhotometricInterpretation)
            frames = int(data.get("NumberOfFrames", 1))
            self._places = _places(data, self.levels[0], self._side, frames)
            if self._syntax in _RAW:
                if self._colours not in ("RGB", "MONOCHROME2") or int(data.get("PlanarConfiguration", 0)):
                    raise NoSecondReader("raw DICOM pixels that are not RGB or grey, side by side")
                size = self._side[0] * self._side[1] * self._samples
                self._frames = [(start + index * size, size) for index in range(frames)]
            else:
                self._frames = _fragments(file, start, frames)
        self.exact = self._syntax in _RAW
        self._file = RandomAccess(largest)
        self._decoded = lru_cache(max(4, 2**24 // (self._side[0] * self._side[1])))(self._decode)

    def read(self, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of level 0: uint8 [height, width, 3]."""
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = self._background
        wide, high = self._side
        for row in range(y // high, -(-(y + height) // high)):
            for column in range(x // wide, -(-(x + width) // wide)):
                if (column, row) not in self._places:
                    continue
                left, top = max(x, column * wide), max(y, row * high)
                right, bottom = min(x + width, (column + 1) * wide), min(y + height, (row + 1) * high)
                tile = self._decoded(self._places[column, row])
                pixels[top - y : bottom - y, left - x : right - x] = tile[
                    top - row * high : bottom - row * high, left - column * wide : right - column * wide
                ]
        return pixels

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _decode(self, index: int) -> np.ndarray:
        data = self._file.at(*self._frames[index])
        if self._syntax in _JPEG:
            kind = 0 if self._samples == 1 else _RGB if self._colours == "RGB" else _YCBCR
            tile = decode_jpeg(data.rstrip(b"\0"), kind)
        elif self._syntax in _JPEG2000:
            from sr_tf.slides.second.segments import APERIO_RGB, JPEG2000, decode

            shape = (self._side[1], self._side[0], self._samples)
            tile = decode(data, APERIO_RGB if self._samples == 3 else JPEG2000, shape, _RGB, b"")
        else:
            tile = np.frombuffer(data, np.uint8).reshape(self._side[1], self._side[0], self._samples)
        tile = tile if tile.ndim == 3 else tile[..., None]
        return tile if tile.shape[2] == 3 else np.repeat(tile, 3, axis=2)


def _series(pydicom, path: Path) -> list[tuple[tuple[int, int], Path]]:
    """The size and file of each level: all images of the slide's series in the file's folder."""
    wanted = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_HEADER).SeriesInstanceUID
    found = []
    for other in sorted(path.parent.iterdir()):
        try:
            if not other.is_file():
                continue
            data = pydicom.dcmread(other, stop_before_pixels=True, specific_tags=_HEADER)
            if data.get("SeriesInstanceUID") != wanted or "VOLUME" not in data.get("ImageType", ()):
                continue
            if data.get("ConcatenationUID"):
                raise NoSecondReader("a DICOM image in several files")
            found.append(((int(data.TotalPixelMatrixColumns), int(data.TotalPixelMatrixRows)), other))
        except (pydicom.errors.InvalidDicomError, OSError, AttributeError):
            continue
    if not found:
        raise NoSecondReader("a DICOM series without a level")
    return found


def _places(data, size: tuple[int, int], side: tuple[int, int], frames: int) -> dict[tuple[int, int], int]:
    """The number of the frame at each (column, row) of the grid of tiles."""
    columns, rows = (-(-whole // one) for whole, one in zip(size, side, strict=True))
    if data.get("DimensionOrganizationType") == "TILED_FULL":
        if frames != columns * rows:
            raise NoSecondReader("a DICOM image of several planes")
        return {(index % columns, index // columns): index for index in range(frames)}
    places = {}
    for index, group in enumerate(data.get("PerFrameFunctionalGroupsSequence", ())):
        position = group.PlanePositionSlideSequence[0]
        x = int(position.ColumnPositionInTotalImagePixelMatrix) - 1
        y = int(position.RowPositionInTotalImagePixelMatrix) - 1
        if x % side[0] or y % side[1] or (x // side[0], y // side[1]) in places:
            raise NoSecondReader("DICOM tiles that are not on a grid")
        places[x // side[0], y // side[1]] = index
    if not places:
        raise NoSecondReader("DICOM tiles without positions")
    return places


def _fragments(file, start: int, frames: int) -> list[tuple[int, int]]:
    """Offset and size of each frame."""
    from pydicom.encaps import parse_basic_offsets, parse_fragments

    file.seek(start)
    parse_basic_offsets(file)
    count, places = parse_fragments(file)
    if count != frames:
        raise NoSecondReader("DICOM frames in several fragments")
    found = []
    for place in places:
        file.seek(place + 4)
        found.append((place + 8, int.from_bytes(file.read(4), "little")))
    return found
