"""Lossless archives of DICOM slides keep the frames: JPEG and JPEG 2000, compared with pydicom's and OpenSlide's."""

import io
from itertools import product

import imagecodecs
import numpy as np
import pydicom
import pytest
from openslide import OpenSlide
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear

WIDTH, HEIGHT, TILE = 700, 560, 256
JPEG, JPEG_2000, ANY = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 90, 91))


def frame(pixels: np.ndarray, syntax: str) -> bytes:
    if syntax == JPEG:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=80, subsampling=1)
        return buffer.getvalue()
    return imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(pixels), level=0 if syntax == JPEG_2000 else 38, reversible=syntax == JPEG_2000,
        codecformat="j2k", mct=True,
    )  # fmt: skip


def write_slide(path, syntax: str, colours: str) -> list[bytes]:
    """A slide of nine frames; returns them."""
    padded = np.pad(render_smear(9, HEIGHT, WIDTH), ((0, -HEIGHT % TILE), (0, -WIDTH % TILE), (0, 0)), "edge")
    places = product(range(0, HEIGHT, TILE), range(0, WIDTH, TILE))
    frames = [frame(padded[y : y + TILE, x : x + TILE], syntax) for y, x in places]
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
    data.PixelData = encapsulate(frames)
    data["PixelData"].VR = "OB"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return frames


@pytest.mark.parametrize(
    ("syntax", "colours", "version"),
    [(JPEG, "YBR_FULL_422", 2), (JPEG_2000, "YBR_RCT", 3), (ANY, "YBR_ICT", 3)],
)
def test_the_frames_are_kept(syntax, colours, version, tmp_path):
    (tmp_path / "slide").mkdir()
    path, target, restored = tmp_path / "slide" / "a.dcm", tmp_path / "a.sr.zip", tmp_path / "a.tif"
    write_slide(path, syntax, colours)
    write_archive(path, target, Options(QUALITIES["lossless"], ()))
    assert main(["verify", str(target), "--against", str(path)]) == 0
    with OpenSlide(path) as slide:
        expected = np.asarray(slide.read_region((0, 0), 0, (WIDTH, HEIGHT)))[..., :3]
    frames = list(generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=9))
    with ArchivedSlide(target) as archived:
        assert archived.header.version == version
        assert set(archived.index.kinds.flat) == {8}
        assert [archived.segment(*place) for place in np.ndindex(3, 3)] == frames
        np.testing.assert_array_equal(archived.read(0, 0, WIDTH, HEIGHT), expected)
    assert target.stat().st_size < path.stat().st_size + 12_000
    assert main(["restore", str(target), str(restored)]) == 0
    with OpenSlide(restored) as slide:
        np.testing.assert_array_equal(np.asarray(slide.read_region((0, 0), 0, (WIDTH, HEIGHT)))[..., :3], expected)
