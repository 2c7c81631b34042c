"""Slides of JPEG 2000 tiles as Aperio's software and DICOM store them, written by the tests."""

import io
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from openslide import OpenSlide
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear

TILE, WIDTH, HEIGHT = 256, 700, 560
TEXT = f"Aperio Image Library v10.0.50\r\n{WIDTH}x{HEIGHT} (256x256) J2K|AppMag = 20|MPP = 0.5|User = abc"
COMMENT = b"\xff\x64\x00\x0e\x00\x01Patient X."
JPEG, JPEG_2000, ANY = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 90, 91))
"""Transfer syntaxes; the last one allows both kinds of JPEG 2000."""


@dataclass(frozen=True)
class Built:
    """A slide and the codestreams of its tiles, row by row."""

    path: Path
    tiles: list[bytes]


def padded_tiles(pixels: np.ndarray) -> list[np.ndarray]:
    """The tiles of a slide, row by row; those at its edges are filled up."""
    padded = np.pad(pixels, ((0, -pixels.shape[0] % TILE), (0, -pixels.shape[1] % TILE), (0, 0)), mode="edge")
    places = product(range(0, padded.shape[0], TILE), range(0, padded.shape[1], TILE))
    return [np.ascontiguousarray(padded[y : y + TILE, x : x + TILE]) for y, x in places]


def build(path: Path, code: int, reversible: bool, comment: bytes = b"", lossy: int = 40) -> Built:
    """An SVS."""
    tiles = []
    for tile in padded_tiles(render_smear(5, HEIGHT, WIDTH)):
        components = np.asarray(Image.fromarray(tile).convert("YCbCr")) if code == 33003 else tile
        options = {"reversible": reversible, "codecformat": "j2k", "mct": code == 33005}
        stream = imagecodecs.jpeg2k_encode(components, level=lossy, **options)
        first = stream.index(b"\xff\x52")  # COD follows SIZ
        tiles.append(stream[:first] + comment + stream[first:])
    write(path, code, tiles)
    return Built(path, tiles)


def write(path: Path, code: int, tiles: list[bytes]) -> None:
    """Writes the tiles into an SVS."""
    options = {"shape": (HEIGHT, WIDTH, 3), "dtype": "uint8", "tile": (TILE, TILE), "photometric": "rgb"}
    with tifffile.TiffWriter(path) as writer:
        writer.write(iter(tiles), compression=code, description=TEXT, metadata=None, **options)


def frame(pixels: np.ndarray, syntax: str) -> bytes:
    """A frame of DICOM."""
    if syntax == JPEG:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=80, subsampling=1)
        return buffer.getvalue()
    level = 0 if syntax == JPEG_2000 else 38
    return imagecodecs.jpeg2k_encode(pixels, level=level, reversible=level == 0, codecformat="j2k", mct=True)


def write_dicom_slide(path: Path, syntax: str, colours: str, spacing: float | None = None) -> list[bytes]:
    """A DICOM slide of nine frames, with millimetres per pixel if they are given; returns the frames."""
    frames = [frame(tile, syntax) for tile in padded_tiles(render_smear(9, HEIGHT, WIDTH))]
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.826.0.1.3680043.9.7.1"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1.3680043.9.7.7", "1.2.826.0.1.3680043.9.7.8"
    data.Modality, data.ImageType = "SM", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.Rows = data.Columns = TILE
    data.NumberOfFrames = str(len(frames))
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = WIDTH, HEIGHT
    data.DimensionOrganizationType, data.PhotometricInterpretation = "TILED_FULL", colours
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelRepresentation = 3, 0, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.NumberOfOpticalPaths, data.TotalPixelMatrixFocalPlanes = 1, 1
    if spacing is not None:
        measures, groups = Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = [spacing, spacing], 0.001
        groups.PixelMeasuresSequence = [measures]
        data.SharedFunctionalGroupsSequence = [groups]
    data.PixelData = encapsulate(frames)
    data["PixelData"].VR = "OB"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return frames


def read_by_openslide(path: Path) -> np.ndarray:
    """Level 0; white where the slide leaves a tile out."""
    with OpenSlide(path) as slide:
        pixels = np.array(slide.read_region((0, 0), 0, slide.dimensions))
    pixels[pixels[..., 3] == 0] = 255
    return pixels[..., :3]


def archive(slide: Path, target: Path, deidentify: bool = False):
    """Archives a slide without loss."""
    return write_archive(slide, target, Options(QUALITIES["lossless"], (), deidentify=deidentify))
