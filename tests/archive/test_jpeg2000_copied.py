"""`sr-tf restore` copies JPEG 2000 tiles into an SVS or DICOM; every reader gets the pixels that the original gives."""

from itertools import product

import imagecodecs
import numpy as np
import pydicom
import pytest
import tifffile
import tiffslide
from forger import Forgery
from jpeg2000_slides import (
    ANY,
    COMMENT,
    HEIGHT,
    JPEG_2000,
    TILE,
    WIDTH,
    archive,
    build,
    read_by_openslide,
    write,
    write_dicom_slide,
)
from openslide import OpenSlide
from pydicom.encaps import generate_frames
from wrong_tile import wrong_tile

from sr_tf.archive.restore import restore_slide
from sr_tf.archive.restore_dicom import restore_dicom
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.slides.jpeg2000 import Transforms, transforms_of, without_comments

SVS, DICOM = RestoreOptions("svs"), RestoreOptions("dicom")


def tiles_of(path) -> list[bytes]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        read = file.filehandle.read_segments(page.dataoffsets, page.databytecounts)
        return [data or b"" for data, _ in sorted(read, key=lambda one: one[1])]


def frames_of(folder) -> list[bytes]:
    image = pydicom.dcmread(folder / "level-0.dcm")
    return list(generate_frames(image.PixelData, number_of_frames=int(image.NumberOfFrames)))


def joined(frames: np.ndarray) -> np.ndarray:
    columns = -(-WIDTH // frames.shape[2])
    rows = [np.concatenate(list(frames[at : at + columns]), axis=1) for at in range(0, len(frames), columns)]
    return np.concatenate(rows)[:HEIGHT, :WIDTH]


def read_by_wsidicom(folder) -> np.ndarray:
    wsidicom = pytest.importorskip("wsidicom", exc_type=ImportError)
    with wsidicom.WsiDicom.open(folder) as slide:
        assert len(slide.levels) == 2
        return np.asarray(slide.read_region((0, 0), 0, (WIDTH, HEIGHT)).convert("RGB"))


def read_by_pydicom(folder) -> np.ndarray:
    return joined(pydicom.dcmread(folder / "level-0.dcm").pixel_array)


def check_readers(folder, expected: np.ndarray, exact: bool) -> None:
    """Other decoders may round the irreversible wavelet in another way."""
    np.testing.assert_array_equal(read_by_openslide(folder / "level-0.dcm"), expected)
    for read in (read_by_wsidicom, read_by_pydicom):
        assert np.abs(np.subtract(read(folder), expected, dtype=np.int16)).max() <= (0 if exact else 1)


def compression_of(path) -> int:
    with tifffile.TiffFile(path) as file:
        return int(file.pages[0].compression)


@pytest.mark.parametrize("code", [33003, 33005])
@pytest.mark.parametrize("reversible", [True, False])
def test_an_svs_has_the_tiles_of_the_svs(code, reversible, tmp_path, capsys):
    slide, target, restored = build(tmp_path / "a.svs", code, reversible), tmp_path / "a.sr.zip", tmp_path / "b.svs"
    archive(slide.path, target)
    assert main(["restore", str(target), str(restored), "--to", "svs"]) == 0
    told, written = capsys.readouterr().out.splitlines()
    assert "estimated from 8 of 9 tiles" in told
    assert "the original's JPEG 2000 tiles" in written
    assert tiles_of(restored) == slide.tiles
    assert compression_of(restored) == code
    np.testing.assert_array_equal(read_by_openslide(restored), read_by_openslide(slide.path))
    np.testing.assert_array_equal(tifffile.imread(restored, level=0), tifffile.imread(slide.path))
    with tiffslide.TiffSlide(restored) as copy, tiffslide.TiffSlide(slide.path) as original:
        whole = [one.read_region((0, 0), 0, one.dimensions, as_array=True) for one in (copy, original)]
        np.testing.assert_array_equal(*whole)
    with OpenSlide(restored) as copy:
        assert copy.properties["openslide.vendor"] == "aperio"
        assert copy.properties["openslide.mpp-x"] == "0.5"
        assert copy.level_dimensions == ((700, 560), (350, 280))
        smaller = np.asarray(copy.read_region((0, 0), 1, (350, 280)))[..., :3]
    means = read_by_openslide(slide.path).reshape(280, 2, 350, 2, 3).mean(axis=(1, 3))
    assert np.abs(smaller - means).mean() < 3
    assert main(["archive", str(restored), str(tmp_path / "c.sr.zip"), "--quality", "lossless"]) == 0


@pytest.mark.parametrize("reversible", [True, False])
def test_a_series_has_the_tiles_of_the_svs(reversible, tmp_path):
    slide, target, folder = build(tmp_path / "a.svs", 33005, reversible), tmp_path / "a.sr.zip", tmp_path / "series"
    archive(slide.path, target)
    assert "the original's JPEG 2000 tiles" in restore_dicom(target, folder)
    copied = [one[: len(tile)] for one, tile in zip(frames_of(folder), slide.tiles, strict=True)]
    assert copied == slide.tiles
    header = pydicom.dcmread(folder / "level-0.dcm", stop_before_pixels=True)
    assert header.file_meta.TransferSyntaxUID == ANY
    assert header.PhotometricInterpretation == ("YBR_RCT" if reversible else "YBR_ICT")
    assert header.LossyImageCompression == ("00" if reversible else "01")
    assert header.get("LossyImageCompressionMethod") == (None if reversible else "ISO_15444_1")
    check_readers(folder, read_by_openslide(slide.path), reversible)


@pytest.mark.parametrize(("syntax", "colours"), [(JPEG_2000, "YBR_RCT"), (ANY, "YBR_ICT")])
def test_a_series_has_the_frames_of_the_series_and_so_has_an_svs(syntax, colours, tmp_path):
    (tmp_path / "slide").mkdir()
    path, target = tmp_path / "slide" / "a.dcm", tmp_path / "a.sr.zip"
    frames = write_dicom_slide(path, syntax, colours, spacing=0.0005)
    archive(path, target)
    restore_dicom(target, tmp_path / "series")
    restore_slide(target, tmp_path / "b.svs", options=SVS)
    copied = [one[: len(frame)] for one, frame in zip(frames_of(tmp_path / "series"), frames, strict=True)]
    assert copied == frames
    header = pydicom.dcmread(tmp_path / "series" / "level-0.dcm", stop_before_pixels=True)
    assert header.PhotometricInterpretation == colours
    expected = read_by_openslide(path)
    check_readers(tmp_path / "series", expected, syntax == JPEG_2000)
    assert compression_of(tmp_path / "b.svs") == 33005
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.svs"), expected)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.svs", level=0), expected)


def test_frames_in_ycbcr_and_frames_of_several_kinds_are_not_copied(tmp_path):
    slide, other = build(tmp_path / "a.svs", 33005, True), build(tmp_path / "b.svs", 33005, False)
    write(tmp_path / "mixed.svs", 33005, [*slide.tiles[:8], other.tiles[8]])
    ycbcr = build(tmp_path / "c.svs", 33003, True).path
    for path in (tmp_path / "mixed.svs", ycbcr):
        target, folder = path.with_suffix(".zip"), path.with_suffix("")
        archive(path, target)
        assert "lossless JPEG 2000" in restore_dicom(target, folder)
        check_readers(folder, read_by_openslide(path), exact=True)


def test_what_excludes_copies(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True, lossy=0), tmp_path / "a.sr.zip"
    archive(slide.path, target)
    expected = read_by_openslide(slide.path)
    exact, small, reduced = (
        RestoreOptions("svs", compression="zstd"),
        RestoreOptions("svs", max_bytes=120_000),
        RestoreOptions("svs", max_magnification=10),
    )
    assert "lossless (zstd)" in restore_slide(target, tmp_path / "b.svs", options=exact)
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.svs"), expected)
    assert "JPEG 2000" not in restore_slide(target, tmp_path / "b.svs", options=small)
    assert (tmp_path / "b.svs").stat().st_size <= 120_000
    assert "350×280 pixels at 10×, JPEG 90" in restore_slide(target, tmp_path / "b.svs", options=reduced)
    assert "lossless (zstd)" in restore_slide(target, tmp_path / "b.ome.tif")
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.ome.tif"), expected)
    for number, options in enumerate([{"jpeg_quality": 80}, {"max_magnification": 10}]):
        line = restore_dicom(target, tmp_path / str(number), options=RestoreOptions("dicom", **options))
        assert line.endswith("JPEG 80" if "jpeg_quality" in options else "lossless JPEG 2000")


def test_de_identified_copies_have_no_comments(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True, COMMENT), tmp_path / "a.sr.zip"
    archive(slide.path, target, deidentify=True)
    restore_slide(target, tmp_path / "b.svs", options=SVS)
    restore_dicom(target, tmp_path / "series")
    assert tiles_of(tmp_path / "b.svs") == [without_comments(tile) for tile in slide.tiles]
    for path in (tmp_path / "b.svs", *(tmp_path / "series").iterdir()):
        assert b"Patient X." not in path.read_bytes()
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.svs"), read_by_openslide(slide.path))


def test_tiles_that_the_slide_leaves_out(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True), tmp_path / "a.sr.zip"
    tiles = [*slide.tiles[:4], b"", *slide.tiles[5:]]
    write(slide.path, 33005, tiles)
    archive(slide.path, target)
    assert "original" in restore_slide(target, tmp_path / "b.svs", options=SVS)
    assert tiles_of(tmp_path / "b.svs") == tiles
    assert "lossless JPEG 2000" in restore_dicom(target, tmp_path / "series"), "frames cannot be left out"
    for path in (tmp_path / "b.svs", tmp_path / "series" / "level-0.dcm"):
        np.testing.assert_array_equal(read_by_openslide(path), read_by_openslide(slide.path))


def test_nothing_is_copied_if_a_tile_has_other_pixels(tmp_path, monkeypatch):
    slide, target = build(tmp_path / "a.svs", 33005, True), tmp_path / "a.sr.zip"
    monkeypatch.setattr("sr_tf.archive.copied._check_pixels", lambda *_: None)
    with wrong_tile(monkeypatch):
        archive(slide.path, target)
    exact = RestoreOptions("svs", compression="zstd")
    for options in (SVS, exact):
        restore_slide(target, tmp_path / "b.svs", options=options)
        assert compression_of(tmp_path / "b.svs") == (50000 if options is exact else 7)
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.svs"), read_by_openslide(slide.path))
    assert "lossless JPEG 2000" in restore_dicom(target, tmp_path / "series")


@pytest.mark.parametrize("to", [SVS, DICOM])
def test_a_forged_tile_is_not_copied(to, tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True), tmp_path / "a.sr.zip"
    archive(slide.path, target)
    forgery, tile = Forgery(target), slide.tiles[0]
    place = tile.index(b"\xff\x93") + 2
    broken = tile[:place] + bytes(range(200)) * 10 + b"\xff\xd9"
    forgery.set_segment(2, broken, broken)
    forgery.save(tmp_path / "forged.zip")
    out = tmp_path / ("b.svs" if to is SVS else "series")
    with pytest.raises(UserError, match="JPEG 2000"):
        (restore_slide if to is SVS else restore_dicom)(tmp_path / "forged.zip", out, options=to)
    assert not out.exists()


def test_the_transforms_of_a_codestream():
    found = {}
    for colours, reversible in product((False, True), (False, True)):
        options = {"mct": colours, "reversible": reversible, "codecformat": "j2k", "level": 40}
        tile = imagecodecs.jpeg2k_encode(np.zeros((TILE, TILE, 3), np.uint8), **options)
        found[colours, reversible] = tile
        assert transforms_of(tile) == Transforms(colours, reversible)
    tile = found[True, True]
    first = tile.index(b"\xff\x52")
    of_one_component = b"\xff\x53\x00\x09\x00\x00" + tile[first + 9 : first + 14]
    unknown = tile[: first + 13] + b"\x02" + tile[first + 14 :]
    for other, what in (
        (tile[:first] + of_one_component + tile[first:], "in one way"),
        (tile[:first] + tile[first + 2 + tile[first + 3] :], "in one way"),
        (unknown, "unknown transform"),
        (tile[: first + 6], "damaged"),
    ):
        with pytest.raises(ValueError, match=what):
            transforms_of(other)
