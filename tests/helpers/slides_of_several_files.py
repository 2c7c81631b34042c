"""Writes slides of several files: Hamamatsu VMS, DICOM, MIRAX (not its pixels) and Trestle."""

from pathlib import Path

import cv2
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage, generate_uid

TILE = 64
VMS = """[Virtual Microscope Specimen]
NoLayers=1
NoJpegColumns=1
NoJpegRows=1
ImageFile=pixels.jpg
MapFile=map.jpg
MacroImage=macro.jpg
PhysicalWidth={width}000
PhysicalHeight={height}000
SourceLens=20
"""


def pattern(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random smooth pixels: uint8 [height, width, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def write_vms(folder: Path, pixels: np.ndarray) -> list[Path]:
    """Writes a slide of Hamamatsu's format; the sides must be multiples of 64. Returns its files, slide.vms first."""
    height, width = pixels.shape[:2]
    paths = [folder / name for name in ("slide.vms", "macro.jpg", "map.jpg", "pixels.jpg")]
    paths[0].write_text(VMS.format(width=width, height=height))
    for path, step in zip(paths[1:], (8, 4, 1), strict=True):
        write_restarting_jpeg(path, pixels[::step, ::step])
    return paths


def write_restarting_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Writes a JPEG file with a restart marker after each row of blocks, as OpenSlide needs them."""
    blocks = -(-pixels.shape[1] // 8)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, quality=92, subsampling=0, restart_marker_blocks=blocks)


def write_dicom(folder: Path, pixels: np.ndarray, series: str | None = None) -> list[Path]:
    """Writes a DICOM slide of two levels, a file each; the sides must be multiples of 128. Returns its files."""
    series = series or generate_uid()
    paths = []
    for number, step in enumerate((1, 2), 1):
        paths.append(folder / f"{number}.dcm")
        write_instance(paths[-1], pixels[::step, ::step], series)
    return paths


def write_instance(path: Path, pixels: np.ndarray, series: str) -> None:
    """Writes one level of a DICOM slide, uncompressed."""
    height, width = pixels.shape[:2]
    tiles = pixels.reshape(height // TILE, TILE, width // TILE, TILE, 3).swapaxes(1, 2)
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SeriesInstanceUID, data.Modality = series, "SM"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.Rows = data.Columns = TILE
    data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns = height, width
    data.TotalPixelMatrixFocalPlanes = 1
    data.NumberOfFrames = tiles.shape[0] * tiles.shape[1]
    data.DimensionOrganizationType = "TILED_FULL"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = np.ascontiguousarray(tiles).tobytes()
    data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)


def write_mirax_names(folder: Path) -> list[Path]:
    """Writes files that OpenSlide takes for a MIRAX slide by their names. Returns them, slide.mrxs first."""
    parts = folder / "slide"
    parts.mkdir()
    paths = [folder / "slide.mrxs", *(parts / name for name in ("Data0000.dat", "Data0001.dat", "Index.dat"))]
    for path in paths:
        path.write_bytes(path.name.encode())
    (parts / "Slidedat.ini").write_text(
        "\ufeff[GENERAL]\r\nSLIDE_ID = 1\r\n[HIERARCHICAL]\r\nINDEXFILE = Index.dat\r\n"
        "[DATAFILE]\r\nFILE_COUNT = 2\r\nFILE_0 = Data0000.dat\r\nFILE_1 = Data0001.dat\r\n"
    )
    return [*paths, parts / "Slidedat.ini"]


def write_trestle(folder: Path, pixels: np.ndarray) -> list[Path]:
    """Writes a slide of Trestle's format with a macro image."""
    paths = [folder / "slide.tif", folder / "slide.Full"]
    tifffile.imwrite(
        paths[0], pixels, tile=(128, 128), compression="jpeg", photometric="rgb", software="MedScan",
        description="OverlapsXY= 0 0;Background Color=FFFFFF", metadata=None,
    )  # fmt: skip
    Image.fromarray(np.ascontiguousarray(pixels[::8, ::8])).save(paths[1], "JPEG")
    return paths
