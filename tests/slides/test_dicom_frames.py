"""DICOM slides whose frames do not lie where their tables say. OpenSlide would end the process."""

import io
import re
import struct

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit
from slide_files import read_all

from sr_tf.errors import UserError
from sr_tf.slides.slide import open_slide

SIDE, TILE = 100, 64


def jpeg(tile):
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_dicom(path, pixels, compressed=True, instance=1):
    """A slide of 100×100 pixels in four frames."""
    padded = np.pad(pixels[:SIDE, :SIDE], ((0, 28), (0, 28), (0, 0)), "edge")
    tiles = [padded[y : y + TILE, x : x + TILE] for y in (0, TILE) for x in (0, TILE)]
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", f"1.2.826.0.1.3680043.9.7.{instance}"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1.3680043.9.7.7", "1.2.826.0.1.3680043.9.7.8"
    data.Modality, data.ImageType = "SM", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.Rows, data.Columns, data.NumberOfFrames = TILE, TILE, str(len(tiles))
    data.TotalPixelMatrixColumns = data.TotalPixelMatrixRows = SIDE
    data.DimensionOrganizationType = "TILED_FULL"
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelRepresentation = 3, 0, 0
    data.PhotometricInterpretation = "YBR_FULL_422" if compressed else "RGB"
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.NumberOfOpticalPaths, data.TotalPixelMatrixFocalPlanes = 1, 1
    data.PixelData = (
        encapsulate([jpeg(tile) for tile in tiles]) if compressed else b"".join(map(np.ndarray.tobytes, tiles))
    )
    data["PixelData"].VR = "OB"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if compressed else ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


def pixel_data(data):
    """The place of the length of the pixel data."""
    return data.index(b"\xe0\x7f\x10\x00OB\0\0") + 8


def changed(path, place, value):
    data = bytearray(path.read_bytes())
    data[place : place + 4] = struct.pack("<I", value)
    path.write_bytes(data)


@pytest.mark.parametrize("compressed", [True, False])
def test_intact_frames_are_read(tmp_path, pixels, compressed):
    with open_slide(write_dicom(tmp_path / "a.dcm", pixels, compressed)) as slide:
        difference = read_all(slide).astype(int) - pixels[:SIDE, :SIDE]
    assert np.abs(difference).mean() < (10 if compressed else 1e-9)


@pytest.mark.parametrize("offset", [1, 2**31, 0])
def test_a_wrong_offset_is_refused(tmp_path, pixels, offset):
    path = write_dicom(tmp_path / "a.dcm", pixels)
    changed(path, pixel_data(path.read_bytes()) + 4 + 8 + 4, offset)  # of the second frame
    with pytest.raises(UserError, match=re.escape(f"{path}: is damaged, its table of frames")):
        open_slide(path)


def test_a_frame_with_a_wrong_length_is_refused(tmp_path, pixels):
    path = write_dicom(tmp_path / "a.dcm", pixels)
    changed(path, pixel_data(path.read_bytes()) + 4 + 8 + 16 + 4, 2**31)  # of the first frame
    with pytest.raises(UserError, match="expected a frame at byte"):
        open_slide(path)


def test_too_few_pixels_are_refused(tmp_path, pixels):
    path = write_dicom(tmp_path / "a.dcm", pixels, compressed=False)
    changed(path, pixel_data(path.read_bytes()), 100)
    with pytest.raises(UserError, match="holds 100 bytes of pixels, expected 49,152"):
        open_slide(path)


def test_other_files_of_the_series_are_checked_too(tmp_path, pixels):
    path = write_dicom(tmp_path / "a.dcm", pixels)
    other = write_dicom(tmp_path / "b.dcm", pixels, instance=2)
    changed(other, pixel_data(other.read_bytes()) + 4 + 8 + 4, 1)
    with pytest.raises(UserError, match=r"b\.dcm: is damaged"):
        open_slide(path)


def test_a_damaged_file_of_another_series_does_not_matter(tmp_path, pixels):
    path = write_dicom(tmp_path / "a.dcm", pixels)
    (tmp_path / "b.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    with open_slide(path) as slide:
        assert (slide.info.width, slide.info.height) == (SIDE, SIDE)
