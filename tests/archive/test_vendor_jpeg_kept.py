"""Lossless archives of NDPI and SCN keep the JPEG data of the source; pixels are compared with OpenSlide's."""

import io

import numpy as np
import pydicom
import pytest
import tifffile
from openslide import OpenSlide
from PIL import Image
from vendor_slides import write_ndpi, write_scn
from wrong_tile import wrong_tile

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.copied import segments_to_keep
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.slides.ndpi_grid import rows_of_tile
from sr_tf.slides.slide import open_slide

SIDES = 1024, 528
"""OpenSlide reads an NDPI with restart markers only if both sides are whole intervals."""

UNCUT = 519, 500

NDPI = {  # restart interval in MCUs, chroma, and the size of a tile
    "4:4:4": (64, "4:4:4", (512, 272)),
    "4:2:2": (32, "4:2:2", (512, 272)),
    "a row": (128, "4:4:4", (1024, 272)),
    "whole": (0, "4:2:0", UNCUT),
}


def read_by_openslide(path):
    with OpenSlide(path) as slide:
        pixels = np.array(slide.read_region((0, 0), 0, slide.dimensions))
    pixels[pixels[..., 3] == 0] = 255
    return pixels[..., :3]


def ndpi(folder, kind="4:4:4", **options):
    restart, chroma, _ = NDPI[kind]
    width, height = SIDES if restart else UNCUT
    return write_ndpi(folder / "a.ndpi", render_smear(7, height, width), restart, chroma=chroma, cut=False, **options)


def scn(folder, **options):
    return write_scn(folder / "a.scn", render_smear(7, 500, 600), **options)


def archive(slide, **options):
    target = slide.with_suffix(".sr.zip")
    return write_archive(slide, target, Options(QUALITIES["lossless"], (), **options)), target


def kinds_of(target):
    with ArchivedSlide(target) as archived:
        return set(archived.index.kinds.flat)


@pytest.mark.parametrize("kind", NDPI)
def test_an_ndpi_is_kept_and_its_pixels_are_those_of_openslide(kind, tmp_path):
    slide = ndpi(tmp_path, kind)
    header, target = archive(slide)
    assert (header.native.segment_width, header.native.segment_height) == NDPI[kind][2]
    expected = read_by_openslide(slide)
    with ArchivedSlide(target) as archived:
        check_intervals(slide, archived)
        assert archived.header.version == 2
        np.testing.assert_array_equal(archived.read(0, 0, *expected.shape[1::-1]), expected)
    assert kinds_of(target) == {8}
    assert target.stat().st_size < slide.stat().st_size
    assert main(["verify", str(target), "--against", str(slide), "--second-reader"]) == 0
    for layout in ("ome-tiff", "svs") if kind == "4:4:4" else ("ome-tiff",):
        restored = tmp_path / f"{layout}.tif"
        assert main(["restore", str(target), str(restored), "--to", layout]) == 0
        np.testing.assert_array_equal(read_by_openslide(restored), expected)
        with tifffile.TiffFile(restored) as file:
            page = file.pages[0]
            np.testing.assert_array_equal(page.asarray(), expected)
            copied = (page.tilewidth, page.tilelength) == NDPI[kind][2]
            # 519 is no multiple of 16. Bio-Formats shows an OME-TIFF with full chroma in wrong colours.
            full = NDPI[kind][1] == "4:4:4" and layout == "ome-tiff"
            assert copied == (page.compression == 7) == (kind != "whole" and not full)


def check_intervals(slide, archived):
    """The tiles of an archived NDPI are the intervals that tifffile finds, to the byte; the last ones are repeated."""
    with tifffile.TiffFile(slide) as file:
        page, handle = file.pages[0], file.filehandle
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        intervals = [(handle.seek(offset), handle.read(count))[1][:-2] for offset, count in places]
    native = archived.header.native
    if len(intervals) == 1:
        assert archived.segment(0, 0) == intervals[0] + b"\xff\xd9"
        return
    count = native.segment_height // 8
    for row, column in np.ndindex(native.rows, native.columns):
        lines = [min(row * count + number, SIDES[1] // 8 - 1) for number in range(count)]
        data = [intervals[line * native.columns + column] for line in lines]
        marked = b"".join(one + bytes([255, 0xD0 + number % 8]) for number, one in enumerate(data))
        found = archived.segment(row, column)
        assert found.endswith(marked[:-2] + b"\xff\xd9")
        with Image.open(io.BytesIO(found)) as image:
            assert image.size == (native.segment_width, native.segment_height)


def test_an_area_of_an_scn_is_kept_at_its_place(tmp_path):
    slide = scn(tmp_path)
    header, target = archive(slide)
    assert (header.native.x, header.native.y, header.native.width, header.native.height) == (40, 20, 600, 500)
    expected = read_by_openslide(slide)
    with tifffile.TiffFile(slide) as file, ArchivedSlide(target) as archived:
        page, handle = file.pages[0], file.filehandle
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        tiles = [(handle.seek(offset), handle.read(count))[1] for offset, count in places]
        found = [archived.segment(*place) for place in np.ndindex(4, 5)]
        assert found == tiles
        assert archived.header.version == 4
        assert archived.header.native.subsampling == page.subsampling
        np.testing.assert_array_equal(archived.read(0, 0, 800, 800), expected)
    assert kinds_of(target) == {8}
    assert target.stat().st_size < slide.stat().st_size
    assert main(["verify", str(target), "--against", str(slide), "--second-reader"]) == 0
    assert main(["restore", str(target), str(tmp_path / "restored.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "restored.tif", level=0), expected)


def test_an_scn_of_several_areas_is_kept_as_pixels(tmp_path):
    slide = write_scn(tmp_path / "a.scn", render_smear(7, 300, 600), areas=2)
    header, target = archive(slide)
    assert (header.version, header.native, kinds_of(target)) == (2, None, {7})
    with ArchivedSlide(target) as archived:
        np.testing.assert_array_equal(archived.read(0, 0, 800, 800), read_by_openslide(slide))


@pytest.mark.parametrize("build", [ndpi, scn])
def test_de_identified_tiles(build, tmp_path):
    slide = build(tmp_path, **({"text": "Patient X."} if build is ndpi else {}))
    header, target = archive(slide, deidentify=True)
    assert header.native is not None
    assert b"Patient" not in target.read_bytes()
    with ArchivedSlide(target) as archived:
        assert b"Patient" not in archived.segment(0, 0)
        whole = archived.read(0, 0, archived.header.slide.width, archived.header.slide.height)
    np.testing.assert_array_equal(whole, read_by_openslide(slide))
    assert main(["verify", str(target), "--against", str(slide)]) == 0


@pytest.mark.parametrize("build", [ndpi, scn])
def test_other_qualities_do_not_keep_them(build, tmp_path):
    with open_slide(build(tmp_path)) as slide:
        assert segments_to_keep(slide, lossless=True) is not None
        assert segments_to_keep(slide, lossless=False) is None


def test_tiles_that_openslide_reads_in_another_way_are_kept_as_pixels(tmp_path, monkeypatch, capsys):
    """The second decoder would refuse this slide: it believes the tag about the colours."""
    monkeypatch.setattr("sr_tf.archive.write.look_before_archiving", lambda slide: "nothing")
    slide = ndpi(tmp_path, rgb=True)
    header, target = archive(slide)
    assert "kept as exact pixels, not byte by byte (tile 0,0: " in capsys.readouterr().err
    assert (header.native, kinds_of(target)) == (None, {7})
    with ArchivedSlide(target) as archived:
        np.testing.assert_array_equal(archived.read(0, 0, *SIDES), read_by_openslide(slide))


@pytest.mark.parametrize("build", [ndpi, scn])
def test_blocks_whose_tiles_have_other_pixels_are_replaced(build, tmp_path, monkeypatch):
    """The sample of tiles is right, another one is not."""
    slide = build(tmp_path)
    expected = read_by_openslide(slide)
    for check in ("check_copies", "_check_pixels"):
        monkeypatch.setattr(f"sr_tf.archive.copied.{check}", lambda *_: None)
    with wrong_tile(monkeypatch):
        header, target = archive(slide)
    assert header.native is not None
    with ArchivedSlide(target) as archived:
        assert [int(archived.index.kinds[place]) for place in ((0, 0), (0, 1), (1, 0))] == [8, 7, 8]
        np.testing.assert_array_equal(archived.read(0, 0, *expected.shape[1::-1]), expected)
    assert main(["verify", str(target), "--against", str(slide)]) == 0
    assert main(["restore", str(target), str(tmp_path / "restored.tif")]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "restored.tif", level=0), expected)
    with tifffile.TiffFile(tmp_path / "restored.tif") as file:
        assert file.pages[0].compression != 7


@pytest.mark.parametrize("fault", ["first", "missing"])
def test_an_ndpi_with_wrong_positions_of_restart_markers_is_not_cut(fault, tmp_path):
    slide = ndpi(tmp_path)
    with tifffile.TiffFile(slide, mode="r+") as file:
        tag = file.pages[0].tags[65426]
        starts = np.array(tag.value)
        if fault == "missing":
            file.filehandle.seek(tag.offset)
            file.filehandle.write((65400).to_bytes(2, "little"))
        else:
            starts[0] += 1
            file.filehandle.seek(tag.valueoffset)
            file.filehandle.write(starts.astype("<u4").tobytes())
    with open_slide(slide) as opened:
        assert opened.grid is None


def test_a_changed_tile_is_found_by_the_second_decoder(tmp_path, monkeypatch, capsys):
    slide = ndpi(tmp_path)
    _, target = archive(slide)
    from sr_tf.slides.second.ndpi_tiles import NdpiTiles

    segment = NdpiTiles.segment
    monkeypatch.setattr(NdpiTiles, "segment", lambda self, *place: segment(self, *place)[:-3] + b"\0\xff\xd9")
    assert main(["verify", str(target), "--against", str(slide)]) == 2
    assert "JPEG segment 0,0 is copied with SHA-256" in capsys.readouterr().err


def test_dicom_frames_are_the_tiles_of_an_ndpi(tmp_path):
    slide = ndpi(tmp_path)
    _, target = archive(slide)
    assert main(["restore", str(target), str(tmp_path / "series"), "--to", "dicom"]) == 0
    data = pydicom.dcmread(tmp_path / "series" / "level-0.dcm")
    assert data.file_meta.TransferSyntaxUID.name.startswith("JPEG Baseline")
    assert (data.Columns, data.Rows) == NDPI["4:4:4"][2]
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "series" / "level-0.dcm"), read_by_openslide(slide))


@pytest.mark.parametrize(
    ("width", "height", "rows", "expected"),
    [
        (2048, 8, 6400, 64),  # 512 pixels, a million in total
        (2048, 8, 6401, 64),  # 63 of 6464 rows are repeated
        (2048, 8, 96, 48),  # two tiles, none repeated
        (2048, 8, 13, 14),  # the sides of a tile of a TIFF file are multiples of 16
        (4096, 8, 6400, 32),
        (64, 8, 6400, 64),
        (200_000, 8, 6400, 2),
        (2048, 16, 3, 3),
    ],
)
def test_rows_of_a_tile(width, height, rows, expected):
    assert rows_of_tile(width, height, rows) == expected


def test_the_slide_says_where_its_tiles_are(tmp_path):
    with open_slide(scn(tmp_path)) as slide:
        assert (slide.grid.x, slide.grid.y, slide.grid.columns, slide.grid.rows) == (40, 20, 5, 4)
