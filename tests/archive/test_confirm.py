"""Blocks that keep failing end in exact pixels, or in an error that names them."""

import numpy as np
import pytest
import tifffile
from archived_slides import archived

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.associated import segments_of
from sr_tf.archive.gate import Gate
from sr_tf.archive.kinds import EXACT, NATIVE
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.slides.slide import Slide, open_slide


@pytest.fixture
def hard(tmp_path):
    """A slide of JPEG tiles, 2 × 1 blocks."""
    noisy = np.clip(render_smear(3, 256, 600) + np.random.default_rng(1).normal(0, 25, (256, 600, 3)), 0, 254)
    path = tmp_path / "hard.tif"
    tifffile.imwrite(
        path, noisy.astype(np.uint8), tile=(128, 128), compression="jpeg", photometric="rgb",
        compressionargs={"level": 20}, metadata=None,
    )  # fmt: skip
    return path


def kinds_of(path):
    with ArchivedSlide(path) as archive:
        return {archive.kind(*place) for place in archive.header.grid.blocks()}


def unnoticed(monkeypatch):
    """A fault of the reader that the second decoder misses; test_second_look.py has those that it finds."""
    monkeypatch.setattr("sr_tf.archive.write.look_before_archiving", lambda slide: "nothing")


def inverted(monkeypatch):
    """The slide's reader gives other pixels than its JPEG segments do."""
    unnoticed(monkeypatch)
    read = Slide.read
    monkeypatch.setattr(Slide, "read", lambda self, *rectangle: 255 - read(self, *rectangle))


def test_segments_that_fail_are_replaced_by_exact_pixels(hard, tmp_path, monkeypatch):
    strict = Options(Gate("custom", 60, 0.9999), ())
    write_archive(hard, tmp_path / "whole.zip", strict)
    assert kinds_of(tmp_path / "whole.zip") == {NATIVE}
    inverted(monkeypatch)
    write_archive(hard, tmp_path / "other.zip", strict)
    assert kinds_of(tmp_path / "other.zip") == {EXACT}
    with ArchivedSlide(tmp_path / "other.zip") as archive, open_slide(hard) as slide:
        np.testing.assert_array_equal(archive.read(0, 0, 600, 256), slide.read(0, 0, 600, 256))


def test_lossless_segments_that_differ_are_an_error_that_names_the_block(hard, tmp_path, monkeypatch):
    inverted(monkeypatch)
    monkeypatch.setattr("sr_tf.archive.write.segments_to_keep", lambda slide, *_: segments_of(slide.grid))
    with pytest.raises(UserError, match=r"hard.tif: block 0,0 \(512×256 pixels at 0,0\), stored as exact, the orig"):
        archived(hard, tmp_path, "lossless")
    assert not (tmp_path / "lossless.sr.zip").exists()


@pytest.mark.parametrize("quality", ["visual", "lossless"])
def test_a_reader_that_never_gives_the_same_pixels_ends_in_an_error(quality, tmp_path, monkeypatch):
    path, random = tmp_path / "field.tif", np.random.default_rng(2)
    tifffile.imwrite(path, render_smear(3, 128, 160), tile=(128, 128), photometric="rgb", metadata=None)
    noise = lambda self, x, y, width, height: random.integers(0, 256, (height, width, 3), np.uint8)  # noqa: E731
    unnoticed(monkeypatch)
    monkeypatch.setattr(Slide, "read", noise)
    with pytest.raises(UserError, match=r"field.tif: block 0,0 .* delete .*\.sr\.zip\.journal and start again"):
        archived(path, tmp_path, quality, models=())


def test_segments_that_cannot_be_decoded_are_an_error_that_names_the_block(hard, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sr_tf.archive.write.reader_of", lambda slide, segments, deidentify: lambda row, column: b"no JPEG file"
    )
    with pytest.raises(UserError, match=r"hard.tif: block 0,0 cannot be decoded as it is stored"):
        archived(hard, tmp_path, "lossless", workers=1)  # in order: block 0,0 is the first to fail
