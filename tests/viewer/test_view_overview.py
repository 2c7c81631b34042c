"""Coarse levels of an archive come from its overview, without decoding a block; without one, from the blocks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from viewed import running, whole_level

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.images.means import pad_to_multiple
from sr_tf.viewer.levels import Levels, Tile
from sr_tf.viewer.maker import TileMaker
from sr_tf.viewer.source import INTERPOLATED, RESTORED

GOLDEN = Path(__file__).parents[1] / "golden"
VERSION_1, VERSION_2 = GOLDEN / "interpolated.sr.zip", GOLDEN / "2-interpolated.sr.zip"  # of one slide
LEVELS = Levels(1060, 560)
LAST = 3
"""The level of the overview, which is the last one."""


@pytest.fixture
def decoded(monkeypatch):
    """The blocks that were decoded since the test began, one entry for each time."""
    blocks, stored_image = [], ArchiveFile.stored_image

    def counted(archive, row, column):
        blocks.append((row, column))
        return stored_image(archive, row, column)

    monkeypatch.setattr(ArchiveFile, "stored_image", counted)
    return blocks


def _halved(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pad_to_multiple(pixels, 2), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def test_the_first_look_is_the_overview_and_decodes_no_block(open_view, decoded):
    with ArchiveFile(VERSION_2) as archive:
        overview = archive.overview()
    with open_view(VERSION_2) as source, running(source) as server:
        assert (source.levels, source.levels.count) == (LEVELS, LAST + 1)
        for layer in (RESTORED, INTERPOLATED):
            np.testing.assert_array_equal(whole_level(server, layer, LEVELS, LAST), overview)
            np.testing.assert_array_equal(source.layers[layer].read(LAST, 5, 9, 100, 50), overview[9:59, 5:105])
        assert decoded == []
        finer = whole_level(server, RESTORED, LEVELS, LAST - 1)
    assert len(set(decoded)) == 6
    error = overview.astype(float) - _halved(finer)
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 28  # what AVIF leaves of this slide at the overview's quality
    assert np.abs(error.mean(axis=(0, 1))).max() < 2


def test_the_overview_is_decoded_when_it_is_needed_and_once(open_view, monkeypatch):
    opened, overview = [], ArchiveFile.overview
    monkeypatch.setattr(ArchiveFile, "overview", lambda archive: opened.append(archive) or overview(archive))
    with open_view(VERSION_2) as source:
        layer = source.layers[RESTORED]
        assert [layer.reads(level) for level in range(3)] == 3 * [True]
        assert opened == []
        for _ in range(3):
            assert layer.reads(LAST)
            layer.read(LAST, 0, 0, 133, 70)
    assert len(opened) == 1


def _damaged(path: Path) -> Path:
    """A copy with a flipped bit in the overview."""
    content = bytearray(VERSION_2.read_bytes())
    with ArchiveFile(VERSION_2) as archive:
        overview = archive.member("overview.avif")
    content[content.index(overview) + len(overview) // 2] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("damaged", [False, True], ids=["version 1", "damaged"])
def test_without_an_overview_coarse_levels_come_from_the_blocks(damaged, open_view, decoded, tmp_path, capsys):
    path = _damaged(tmp_path / "damaged.sr.zip") if damaged else VERSION_1
    with open_view(path) as source, running(source) as server:
        last = whole_level(server, RESTORED, LEVELS, LAST)
        assert len(set(decoded)) == 6
        np.testing.assert_array_equal(last, _halved(whole_level(server, RESTORED, LEVELS, LAST - 1)))
    printed = capsys.readouterr().err
    assert printed.count("overview.avif") == (1 if damaged else 0)
    assert printed.count(f"{path}: is damaged") == (1 if damaged else 0)


class _Nothing:
    """A cache that keeps nothing."""

    def get(self, tile):
        return None

    def put(self, tile, png):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "first"), [(8201, 1, 4), (1, 2049, 3), (1033, 515, 3)])
def test_levels_have_their_sizes_on_slides_of_odd_sides(width, height, first, open_view, decoded, tmp_path):
    path = tmp_path / "odd.png"
    Image.new("RGB", (width, height), (225, 230, 235)).save(path)
    write_archive(path, tmp_path / "odd.sr.zip", Options(QUALITIES["visual"], ()))
    decoded.clear()
    with open_view(tmp_path / "odd.sr.zip") as source:
        levels, layer = source.levels, source.layers[RESTORED]
        direct = [layer.reads(level) for level in range(levels.count)]
        assert direct == [level <= 2 or level >= first for level in range(levels.count)]
        for level in range(first, levels.count):
            size = levels.size(level)
            assert layer.read(level, 0, 0, *size).shape == (*size[::-1], 3)
        assert decoded == []
        # A level between the blocks' and the overview's is averaged from finer tiles.
        maker, tile = TileMaker(levels, source.layers, _Nothing()), Tile(RESTORED, first - 1, 0, 0)
        (png,) = maker(tile, lambda: True).values()
        assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).shape[1::-1] == levels.rectangle(tile)[2:]
        assert decoded
