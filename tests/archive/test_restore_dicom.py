"""`sr-tf restore --to dicom`: pixels and metadata by OpenSlide and pydicom, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import openslide
import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.restore_dicom import restore_dicom
from sr_tf.cli.main import main
from sr_tf.disk.outputs import partial_of
from sr_tf.errors import UserError
from sr_tf.slides.pyramid import level_sizes


@pytest.fixture(scope="module")
def copied(lossless, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dicom") / "copied"
    restore_dicom(lossless.archive, folder)
    return folder


@pytest.fixture(scope="module")
def exact(visual, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dicom") / "exact"
    restore_dicom(visual.archive, folder)
    return folder


def whole(folder):
    with openslide.OpenSlide(folder / "level-0.dcm") as slide:
        assert slide.level_dimensions == tuple(level_sizes(*slide.dimensions))
        assert float(slide.properties[openslide.PROPERTY_NAME_MPP_X]) == pytest.approx(0.25)
        assert float(slide.properties[openslide.PROPERTY_NAME_MPP_Y]) == pytest.approx(0.25)
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))


def test_lossless_frames_are_the_restored_pixels(visual, exact):
    with ArchivedSlide(visual.archive) as archive:
        info = archive.header.slide
        np.testing.assert_array_equal(whole(exact), archive.read(0, 0, info.width, info.height))
    header = dcmread(exact / "level-0.dcm", stop_before_pixels=True)
    assert header.file_meta.TransferSyntaxUID == JPEG2000Lossless
    assert (header.PhotometricInterpretation, header.LossyImageCompression) == ("YBR_RCT", "01")


def test_jpeg_tiles_are_copied_byte_for_byte(lossless, copied):
    image = dcmread(copied / "level-0.dcm")
    assert image.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    frames = list(generate_frames(image.PixelData, number_of_frames=image.NumberOfFrames))
    with ArchivedSlide(lossless.archive) as archive:
        grid = archive.header.native
        for index, frame in enumerate(frames):
            segment = archive.segment(*divmod(index, grid.columns))
            assert frame[: len(segment)] == segment and len(frame) - len(segment) <= 1
    assert np.abs(np.subtract(whole(copied), lossless.pixels, dtype=np.int16)).max() <= 3


def test_levels_are_one_series_of_one_pyramid(exact):
    levels = [dcmread(path, stop_before_pixels=True) for path in sorted(exact.iterdir())]
    assert len({(one.SeriesInstanceUID, one.PyramidUID, one.FrameOfReferenceUID) for one in levels}) == 1
    assert len({one.SOPInstanceUID for one in levels}) == len(levels)
    assert not any(one.PatientName or one.PatientID for one in levels)
    assert not any("AcquisitionDateTime" in one for one in levels)


@pytest.mark.parametrize("to", ["copied", "exact"])
def test_other_readers_see_the_same_pixels(to, request):
    folder = request.getfixturevalue(to)
    wsidicom, highdicom = (pytest.importorskip(name, exc_type=ImportError) for name in ("wsidicom", "highdicom"))
    expected = whole(folder)
    height, width, _ = expected.shape
    with wsidicom.WsiDicom.open(folder) as slide:
        assert slide.levels[0].size.to_tuple() == (width, height)
        read = np.asarray(slide.read_region((0, 0), 0, (width, height)).convert("RGB"))
    assert np.abs(np.subtract(read, expected, dtype=np.int16)).max() <= (3 if to == "copied" else 0)
    image = highdicom.imread(folder / "level-0.dcm")
    assert (image.TotalPixelMatrixColumns, image.TotalPixelMatrixRows) == (width, height)
    if to == "exact":
        frame = image.get_total_pixel_matrix(apply_icc_profile=False, dtype=np.uint8)
        np.testing.assert_array_equal(frame, expected)


def test_a_folder_is_only_replaced_if_asked_and_if_it_holds_dicom(visual, tmp_path, capsys):
    folder = tmp_path / "series"
    call = ["restore", str(visual.archive), str(folder), "--to", "dicom", "--jpeg-quality", "80"]
    assert main(call) == 0
    assert dcmread(folder / "level-0.dcm", stop_before_pixels=True).LossyImageCompressionMethod == "ISO_10918_1"
    assert main(call) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*call, "--overwrite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series"]
    (folder / "notes.txt").write_text("mine")
    assert main([*call, "--overwrite"]) == 2
    assert (folder / "notes.txt").read_text() == "mine"
    assert main([*call, "--region", "0,0,9,9"]) == 2


def test_nothing_is_written_of_a_slide_without_a_scale(tiny, tmp_path):
    with pytest.raises(UserError, match="states no µm per pixel"):
        restore_dicom(tiny, tmp_path / "series")
    assert not list(tmp_path.iterdir()) and not partial_of(tmp_path / "series").exists()


def test_associated_images_are_files_of_the_series(tmp_path):
    golden = Path(__file__).parents[1] / "golden" / "2-associated.sr.zip"
    with ArchivedSlide(golden) as archive:
        expected = {name: archive.associated(name) for name in archive.header.associated}
    assert expected
    restore_dicom(golden, tmp_path / "series")
    with openslide.OpenSlide(tmp_path / "series" / "level-0.dcm") as slide:
        assert set(slide.associated_images) == set(expected)
        for name, pixels in expected.items():
            np.testing.assert_array_equal(np.asarray(slide.associated_images[name].convert("RGB")), pixels)


def test_the_function_writes_what_the_command_writes(visual, exact, tmp_path):
    folder, calls = tmp_path / "series", []
    assert sr_tf.restore(visual.archive, folder, to="dicom", progress=lambda *done: calls.append(done)) == folder
    assert {path.name for path in folder.iterdir()} == {path.name for path in exact.iterdir()}
    np.testing.assert_array_equal(whole(folder), whole(exact))
    assert calls
    with pytest.raises(UserError, match="exists, expected a new name"):
        sr_tf.restore(visual.archive, folder, to="dicom")
    for unfit in ({"compression": "zstd"}, {"max_bytes": 10**9}):
        with pytest.raises(UserError, match="expected none with DICOM, which is lossless JPEG 2000"):
            sr_tf.restore(visual.archive, tmp_path / "other", to="dicom", **unfit)
    assert not (tmp_path / "other").exists()


def test_a_folder_with_one_series_opens_as_one_slide(exact, tmp_path):
    with sr_tf.open(exact) as slide:
        read = slide.read_region((0, 0), 0, slide.dimensions, as_array=True)
        assert slide.level_count == 3
    np.testing.assert_array_equal(read, whole(exact))
    assert main(["archive", str(exact), str(tmp_path / "a.sr.zip"), "--quality", "lossless"]) == 0
    assert main(["verify", str(tmp_path / "a.sr.zip"), "--against", str(exact)]) == 0
    before = {path.name: path.read_bytes() for path in exact.iterdir()}
    with pytest.raises(UserError, match="is the original of"):
        restore_dicom(tmp_path / "a.sr.zip", exact, overwrite=True)
    assert {path.name: path.read_bytes() for path in exact.iterdir()} == before
    shutil.copytree(exact, tmp_path / "two")
    other = dcmread(exact / "level-0.dcm")
    other.SeriesInstanceUID = "2.25.7"
    other.save_as(tmp_path / "two" / "other.dcm")
    with pytest.raises(UserError, match="2 DICOM series"):
        sr_tf.open(tmp_path / "two")
