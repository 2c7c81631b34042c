"""`archive` and `verify --against` with a second decoder: faults of the reader are not archived as right."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from archived_slides import slide_pixels
from PIL import Image

from sr_tf.archive import second_look
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.slides.jpeg_grid import JpegGrid
from sr_tf.slides.second.errors import NoSecondReader
from sr_tf.slides.second.page import SecondPage
from sr_tf.slides.slide import Slide

PIXELS = slide_pixels()[:600, :700]
READ = Slide.read


def swapped(self, *place):
    return READ(self, *place)[..., ::-1].copy()


@pytest.fixture(scope="module")
def png(tmp_path_factory):
    path = tmp_path_factory.mktemp("png") / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.fixture(scope="module")
def tiff(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiff") / "a.tif"
    options = {"compression": "jpeg", "compressionargs": {"level": 90}, "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, PIXELS, tile=(128, 128), **options)
    return path


@pytest.fixture(scope="module")
def lossless(tiff, tmp_path_factory):
    target = tmp_path_factory.mktemp("lossless") / "a.zip"
    write_archive(tiff, target, Options(QUALITIES["lossless"], ()))
    return target


@pytest.fixture(scope="module")
def visual(png, tmp_path_factory):
    target = tmp_path_factory.mktemp("visual") / "a.zip"
    write_archive(png, target, Options(QUALITIES["visual"], ()))
    return target


def test_archive_refuses_what_a_second_decoder_reads_differently(png, tiff, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Slide, "read", swapped)
    for slide, decoders in ((png, "Pillow and OpenCV"), (tiff, "OpenSlide and Pillow")):
        target = tmp_path / "out" / "a.zip"
        with pytest.raises(UserError, match=f"tile at 0,0 of 256×256 pixels: {decoders} .* differ by up to"):
            write_archive(slide, target, Options(QUALITIES["visual"], ()))
        assert not target.parent.exists()


def test_archive_says_what_was_compared(visual, lossless):
    with ArchiveFile(visual) as archive:
        assert archive.header.source["second_reader"].endswith(": 9 tiles")
    with ArchiveFile(lossless) as archive:
        assert archive.header.source["second_reader"].endswith(": 9 tiles, 30 JPEG segments")


def test_verify_finds_what_a_second_decoder_reads_differently(png, visual, monkeypatch):
    assert measure_again(visual, png, ())[0] == []
    monkeypatch.setattr(Slide, "read", swapped)
    found, _ = measure_again(visual, png, ())
    assert "Pillow and OpenCV" in found[0] and "differ by up to" in found[0]


def test_with_second_reader_every_block_is_compared(tiff, lossless, png, visual, monkeypatch):
    for path, slide in ((lossless, tiff), (visual, png)):
        lines = []
        assert measure_again(path, slide, (), second_reader=True, report=lines.append)[0] == []
        assert lines[0].endswith(", and all blocks")
    monkeypatch.setattr(second_look, "sample", lambda *_: [])
    monkeypatch.setattr(Slide, "read", swapped)
    assert not [line for line in measure_again(visual, png, ())[0] if "differ by" in line]
    found, _ = measure_again(visual, png, (), second_reader=True)
    assert any("tile at 512,512" in line and "differ by up to" in line for line in found)


def test_an_archive_of_wrong_pixels_fails_although_the_first_reader_agrees(png, tmp_path, monkeypatch):
    """What archives of earlier versions may hold."""
    monkeypatch.setattr(Slide, "read", swapped)
    with monkeypatch.context() as patch:
        patch.setattr(second_look, "sample", lambda *_: [])
        for quality in ("visual", "lossless"):
            target = tmp_path / f"{quality}.zip"
            write_archive(png, target, Options(QUALITIES[quality], ()))
            found, _ = measure_again(target, png, (), second_reader=True)
            assert any("the restored pixels" in line for line in found)
            assert measure_again(target, png, ())[0] == []
    assert measure_again(tmp_path / "visual.zip", png, ())[0]


def test_copied_jpeg_segments_are_compared_by_their_hashes(tiff, lossless, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stored = SecondPage.segment
        # Another tile that decodes to pixels all the same: only the hash can tell.
        patch.setattr(SecondPage, "segment", lambda self, column, row: stored(self, column, row)[:-2] + b"\0\xff\xd9")
        found, _ = measure_again(lossless, tiff, ())
        assert len(found) == 30
        assert "JPEG segment 0,0 is copied with SHA-256" in found[0] and "as in the file" in found[0]
    with monkeypatch.context() as patch:
        standalone = JpegGrid.standalone
        patch.setattr(JpegGrid, "standalone", lambda self, column, row: standalone(self, 0, row))
        with pytest.raises(UserError, match="JPEG segment 1,0 is copied with SHA-256"):
            write_archive(tiff, tmp_path / "a.zip", Options(QUALITIES["lossless"], ()))


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["sr-tf", *map(str, arguments)])
    return main([str(argument) for argument in arguments])


def test_without_a_second_decoder_archive_goes_on_and_says_so(png, tmp_path, monkeypatch, capsys):
    def none(path: Path, info):
        raise NoSecondReader("format mirax")

    monkeypatch.setattr(second_look, "open_second", none)
    target = tmp_path / "a.zip"
    assert not run(monkeypatch, "archive", png, target, "--models", "")
    assert "second decoder: none (format mirax); the file was checked by its hash only" in capsys.readouterr().out
    with zipfile.ZipFile(target) as archive:
        assert json.loads(archive.read("archive.json"))["source"]["second_reader"].startswith("none (format mirax)")
    assert not run(monkeypatch, "verify", target, "--against", png)
    assert "second decoder: none (format mirax)" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"found no second decoder: none .format mirax"):
        measure_again(target, png, (), second_reader=True)


def test_second_reader_needs_the_original(visual):
    from argparse import Namespace

    from sr_tf.cli.archive_commands import verify

    with pytest.raises(UserError, match="--second-reader: reads the original, expected --against"):
        verify(Namespace(archive=visual, against=None, second_reader=True))


def test_archives_of_earlier_versions_are_verified(png, visual, monkeypatch):
    """They do not say what was compared."""
    with ArchiveFile(visual) as archive:
        source = {key: value for key, value in archive.header.source.items() if key != "second_reader"}
        assert sorted(source) == ["bytes", "name", "sha256"]
    opened = ArchiveFile._open

    def without(self):
        opened(self)
        self.header.source.pop("second_reader")

    monkeypatch.setattr(ArchiveFile, "_open", without)
    assert measure_again(visual, png, ())[0] == []


def test_rounding_of_another_decoder_passes(tiff, lossless, monkeypatch):
    read = SecondPage.read

    def rounded(self, x, y, width, height, background):
        pixels = read(self, x, y, width, height, background)
        pixels[::3, ::2] ^= np.uint8(1)
        return pixels

    monkeypatch.setattr(SecondPage, "read", rounded)
    assert measure_again(lossless, tiff, (), second_reader=True)[0] == []
