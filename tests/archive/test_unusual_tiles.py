"""Lossless archives of JPEG tiles with unusual or wrong tags: whatever is archived can be restored."""

import io

import numpy as np
import pytest
import tifffile
from jpeg_tiffs import SIDE, tiles_of, without_tables, write_tiff
from openslide import OpenSlide
from PIL import Image

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.restore import restore_slide
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.slides.slide import open_slide


def copied_after_restoring(slide, folder):
    """Archives without loss, verifies and restores; returns whether the JPEG tiles were copied."""
    archive, restored = folder / "slide.sr.zip", folder / "restored.tif"
    header = write_archive(slide, archive, Options(QUALITIES["lossless"], ()))
    assert check_integrity(archive) == []
    assert check_restorable(archive) == []
    restore_slide(archive, restored)
    with open_slide(slide) as opened:
        pixels = opened.read(0, 0, SIDE, SIDE)
    np.testing.assert_array_equal(tifffile.imread(restored, level=0), pixels)
    with OpenSlide(restored) as opened:
        np.testing.assert_array_equal(np.asarray(opened.read_region((0, 0), 0, (SIDE, SIDE)))[..., :3], pixels)
    with Image.open(restored) as opened:  # libtiff, which believes the tags
        assert np.abs(np.asarray(opened.convert("RGB"), int) - pixels).max() <= 3
    return header.native is not None


@pytest.mark.parametrize(
    ("tile", "subsampling", "tag", "copied"),
    [
        ((128, 128), "444", (1, 1), True),
        ((128, 64), "422", (2, 1), True),
        ((64, 128), "420", (2, 2), True),
        ((128, 128), "420", None, True),
        ((128, 128), "444", None, True),  # without a tag, TIFF means 2×2
        ((128, 128), "420", (1, 4), True),
        ((128, 128), "422", (4, 1), True),
        ((128, 128), "420", (1, 1), True),
        ((128, 128), "411", (4, 1), False),
        ((128, 128), "440", (1, 2), False),
        ((128, 128), "411", (2, 2), False),
        ((120, 120), "420", (2, 2), False),
        ((100, 40), "444", (1, 1), False),
        ((8, 8), "444", (1, 1), False),
    ],
)
@pytest.mark.parametrize("shared_tables", [False, True])
def test_every_subsampling_tag_and_tile(tile, subsampling, tag, copied, shared_tables, tmp_path):
    jpegs, tables = tiles_of(tile, subsampling), None
    if shared_tables:
        tables = without_tables(jpegs[0])[0]
        jpegs = [without_tables(jpeg)[1] for jpeg in jpegs]
    slide = write_tiff(tmp_path / "slide.tif", tile, jpegs, tag, tables=tables)
    assert copied_after_restoring(slide, tmp_path) == copied


def test_copied_tiles_are_those_of_the_original_to_the_byte(tmp_path):
    jpegs = tiles_of((128, 128), "420")
    assert copied_after_restoring(write_tiff(tmp_path / "slide.tif", (128, 128), jpegs, (1, 4)), tmp_path)
    with tifffile.TiffFile(tmp_path / "restored.tif") as file:
        page, handle = file.pages[0], file.filehandle
        assert page.subsampling == (2, 2)
        places = zip(page.dataoffsets, page.databytecounts, strict=True)
        assert [(handle.seek(offset), handle.read(count))[1] for offset, count in places] == jpegs


@pytest.mark.parametrize("tag", [None, (4, 1), (2, 2)])
def test_tiles_in_rgb_whatever_their_subsampling_tag_says(tag, tmp_path):
    jpegs = tiles_of((128, 128), "444", colorspace="rgb", outcolorspace="rgb")
    slide = write_tiff(tmp_path / "slide.tif", (128, 128), jpegs, tag, photometric=2)
    assert copied_after_restoring(slide, tmp_path)


def test_tiles_in_ycbcr_under_a_tag_that_says_rgb(tmp_path):
    slide = write_tiff(tmp_path / "slide.tif", (128, 128), tiles_of((128, 128), "420"), photometric=2)
    assert copied_after_restoring(slide, tmp_path)


def test_progressive_tiles(tmp_path):
    jpegs = []
    for jpeg in tiles_of((128, 128), "444"):
        content = io.BytesIO()
        Image.open(io.BytesIO(jpeg)).save(content, "JPEG", quality=90, subsampling=2, progressive=True)
        jpegs.append(content.getvalue())
    assert copied_after_restoring(write_tiff(tmp_path / "slide.tif", (128, 128), jpegs, (2, 2)), tmp_path)


def test_tiles_of_several_subsamplings_are_kept_as_pixels(tmp_path, capsys):
    jpegs = tiles_of((128, 128), "420")[:3] + tiles_of((128, 128), "444")[3:]
    assert not copied_after_restoring(write_tiff(tmp_path / "slide.tif", (128, 128), jpegs, (2, 2)), tmp_path)
    found = "kept as exact pixels, not byte by byte (tile 1,1: chroma subsampling (1, 1), other tiles have (2, 2))"
    assert found in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["another size", "12 bits", "cut"])
def test_tiles_that_cannot_be_read_are_refused_in_one_line(kind, tmp_path, capsys):
    jpegs = tiles_of((128, 128), "420")
    jpegs[2] = {
        "another size": tiles_of((64, 64), "420")[0],
        "12 bits": twelve_bits(),
        "cut": jpegs[2][: len(jpegs[2]) // 2],
    }[kind]
    slide = write_tiff(tmp_path / "slide.tif", (128, 128), jpegs, (2, 2))
    assert main(["archive", str(slide), str(tmp_path / "a.sr.zip"), "--quality", "lossless"]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(error) == 1
    assert str(slide) in error[0]
    assert not (tmp_path / "a.sr.zip").exists()


def twelve_bits() -> bytes:
    """A JPEG tile of 12 bits, made by changing the precision that a frame header states."""
    jpeg = bytearray(tiles_of((128, 128), "420")[2])
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 4] = 12
    return bytes(jpeg)


def test_an_archive_whose_tags_cannot_be_written_is_restored_by_its_pixels(tmp_path, monkeypatch):
    """Archives were written whose JPEG tiles no TIFF file can hold."""
    import sr_tf.archive.write as write
    from sr_tf.archive.associated import segments_of

    slide = write_tiff(tmp_path / "slide.tif", (120, 120), tiles_of((120, 120), "420"), (2, 2))
    monkeypatch.setattr(write, "segments_to_keep", lambda slide, *_: segments_of(slide.grid))
    assert copied_after_restoring(slide, tmp_path)  # in the archive; the restored file has its pixels
    with ArchivedSlide(tmp_path / "slide.sr.zip") as archive, open_slide(slide) as original:
        np.testing.assert_array_equal(archive.read(0, 0, SIDE, SIDE), original.read(0, 0, SIDE, SIDE))
