"""Lossless archives of Aperio's JPEG 2000 tiles keep the codestreams; pixels are compared with OpenSlide's."""

import imagecodecs
import numpy as np
import pytest
from jpeg2000_slides import COMMENT, HEIGHT, TILE, WIDTH, archive, build, read_by_openslide, write
from openslide import OpenSlide

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.slides.jpeg2000 import check_codestream, decode_codestream, without_comments
from sr_tf.slides.slide import open_slide


@pytest.mark.parametrize("code", [33003, 33005])
@pytest.mark.parametrize("reversible", [True, False])
def test_the_codestreams_are_kept_and_the_pixels_are_those_of_openslide(code, reversible, tmp_path):
    slide, target = build(tmp_path / "a.svs", code, reversible), tmp_path / "a.sr.zip"
    header = archive(slide.path, target)
    assert check_integrity(target) == []
    assert main(["verify", str(target), "--against", str(slide.path)]) == 0
    expected = read_by_openslide(slide.path)
    with ArchivedSlide(target) as archived:
        assert archived.header.version == 3
        assert set(archived.index.kinds.flat) == {8}
        assert [archived.segment(*place) for place in np.ndindex(3, 3)] == slide.tiles
        np.testing.assert_array_equal(archived.read(0, 0, WIDTH, HEIGHT), expected)
    assert target.stat().st_size < slide.path.stat().st_size + 12_000  # overview, index and header
    assert main(["restore", str(target), str(tmp_path / "b.tif")]) == 0
    np.testing.assert_array_equal(read_by_openslide(tmp_path / "b.tif"), expected)
    with OpenSlide(slide.path) as original:
        assert (
            header.slide.mpp
            == (0.5, 0.5)
            == tuple(float(original.properties[f"openslide.mpp-{axis}"]) for axis in "xy")
        )
        assert header.slide.objective_power == 20
        assert header.slide.properties["aperio.User"] == original.properties["aperio.User"]


def test_colours_are_converted_as_openslide_does(tmp_path):
    cb, cr = np.meshgrid(np.arange(256), np.arange(256))
    planes = [np.stack([np.full_like(cb, luma), cb, cr], -1).astype(np.uint8) for luma in range(0, 256, 29)]
    options = {"level": 0, "reversible": True, "codecformat": "j2k", "mct": False}
    tiles = [imagecodecs.jpeg2k_encode(plane, **options) for plane in planes]
    write(tmp_path / "a.svs", 33003, tiles)
    found = [decode_codestream(tile, 6, TILE, TILE) for tile in tiles]
    rows = [np.concatenate(found[row : row + 3], axis=1) for row in (0, 3, 6)]
    np.testing.assert_array_equal(np.concatenate(rows)[:HEIGHT, :WIDTH], read_by_openslide(tmp_path / "a.svs"))


def test_de_identified_tiles_have_no_comments(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True, COMMENT), tmp_path / "a.sr.zip"
    archive(slide.path, target, deidentify=True)
    assert b"Patient" not in target.read_bytes()
    with ArchivedSlide(target) as archived:
        tiles = [archived.segment(*place) for place in np.ndindex(3, 3)]
        np.testing.assert_array_equal(archived.read(0, 0, WIDTH, HEIGHT), read_by_openslide(slide.path))
    assert tiles == [without_comments(tile) for tile in slide.tiles]
    assert main(["verify", str(target), "--against", str(slide.path)]) == 0


def test_other_forms_are_kept_as_exact_pixels(tmp_path, capsys):
    slide, target = build(tmp_path / "a.svs", 33005, True), tmp_path / "a.sr.zip"
    write(slide.path, 33005, [*slide.tiles[:-1], slide.tiles[-1] + b"more"])
    archive(slide.path, target)
    assert "tile 2,2 cannot be kept (the JPEG 2000 codestream does not end" in capsys.readouterr().err
    with ArchivedSlide(target) as archived:
        assert (archived.header.version, archived.header.native) == (2, None)
        assert set(archived.index.kinds.flat) == {7}
        np.testing.assert_array_equal(archived.read(0, 0, WIDTH, HEIGHT), read_by_openslide(slide.path))


def test_tiles_that_the_slide_leaves_out(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33003, True), tmp_path / "a.sr.zip"
    tiles = [*slide.tiles[:4], b"", *slide.tiles[5:]]
    write(slide.path, 33003, tiles)
    archive(slide.path, target)
    assert check_integrity(target) == []
    with ArchivedSlide(target) as archived:
        kept = [archived.segment(*place) for place in np.ndindex(3, 3)]
        np.testing.assert_array_equal(archived.read(0, 0, WIDTH, HEIGHT), read_by_openslide(slide.path))
    assert kept == tiles


def test_other_qualities_do_not_keep_them(tmp_path):
    slide, target = build(tmp_path / "a.svs", 33005, True), tmp_path / "a.sr.zip"
    write_archive(slide.path, target, Options(QUALITIES["visual"], ()))
    with ArchivedSlide(target) as archived:
        assert (archived.header.version, archived.header.native) == (2, None)


@pytest.mark.parametrize("place, what", [(11, "pixels"), (27, "tiles"), (41, "components"), (42, "components")])
def test_a_codestream_that_states_something_else_is_refused(place, what, tmp_path):
    tile = bytearray(build(tmp_path / "a.svs", 33005, True).tiles[0])
    check_codestream(bytes(tile), TILE, TILE)
    with pytest.raises(ValueError, match="does not end"):
        check_codestream(bytes(tile[:-1]), TILE, TILE)
    tile[place] ^= 1
    if what == "tiles":
        tile[24:28] = (128).to_bytes(4, "big")
    with pytest.raises(ValueError, match=what):
        check_codestream(bytes(tile), TILE, TILE)


def test_a_tile_is_checked_by_its_ends(tmp_path):
    slide = build(tmp_path / "a.svs", 33005, True)
    cut, followed = slide.tiles[1][:-2], slide.tiles[2] + bytes(200)
    write(slide.path, 33005, [slide.tiles[0], cut, followed, b"", *slide.tiles[4:]])
    with open_slide(slide.path) as opened:
        grid = opened.jpeg2000
        for column in (0, 2):
            grid.check(0, column)
        grid.check(1, 0)
        with pytest.raises(UserError, match=r"tile 1,0 cannot be kept .*end marker"):
            grid.check(0, 1)
        assert grid.tile(0, 2) == followed
