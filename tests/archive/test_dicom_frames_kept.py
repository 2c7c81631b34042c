"""Lossless archives of DICOM slides keep the frames: JPEG and JPEG 2000, compared with pydicom's and OpenSlide's."""

import numpy as np
import pydicom
import pytest
from jpeg2000_slides import ANY, HEIGHT, JPEG, JPEG_2000, WIDTH, archive, write_dicom_slide
from openslide import OpenSlide
from pydicom.encaps import generate_frames

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.cli.main import main


@pytest.mark.parametrize(
    ("syntax", "colours", "version"),
    [(JPEG, "YBR_FULL_422", 2), (JPEG_2000, "YBR_RCT", 3), (ANY, "YBR_ICT", 3)],
)
def test_the_frames_are_kept(syntax, colours, version, tmp_path):
    (tmp_path / "slide").mkdir()
    path, target, restored = tmp_path / "slide" / "a.dcm", tmp_path / "a.sr.zip", tmp_path / "a.tif"
    write_dicom_slide(path, syntax, colours)
    archive(path, target)
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
