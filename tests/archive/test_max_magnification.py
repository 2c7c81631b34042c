"""Slides that are archived or restored at a lower magnification."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import openslide
import pytest
import tifffile
from archived_slides import archived, slide_pixels

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.restore import restore_slide
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.archive.schema import parse
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options
from sr_tf.errors import UserError
from sr_tf.fleet.existing import check_existing
from sr_tf.fleet.record import words
from sr_tf.slides.reduced import ReducedSlide, factor_for, reduced_info
from sr_tf.slides.slide import open_slide
from sr_tf.viewer.source import open_source


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A slide of 40× and odd size."""
    path = tmp_path_factory.mktemp("forty") / "slide.svs"
    tifffile.imwrite(
        path, slide_pixels()[:701, :1001], tile=(256, 256), compression="jpeg", photometric="rgb",
        compressionargs={"level": 92}, description="Aperio Image|AppMag = 40|MPP = 0.25", metadata=None,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def at_20(slide, tmp_path_factory):
    return archived(slide, tmp_path_factory.mktemp("twenty"), "lossless", models=(), max_magnification=20.0)


def means(pixels, factor):
    """The mean of each square of pixels; the last row and column are repeated to fill the squares."""
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge").astype(float)
    squares = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor, 3)
    return squares.mean((1, 3))


def test_an_archive_at_a_lower_magnification_keeps_the_means_and_says_what_the_slide_was(slide, at_20, tmp_path):
    with ArchivedSlide(at_20.archive) as archive:
        info = archive.header.slide
        assert (info.width, info.height, info.mpp, info.objective_power) == (501, 351, (0.5, 0.5), 20)
        pixels = archive.read(0, 0, 501, 351)
        before = {"factor": 2, "objective_power": 40, "width": 1001, "height": 701}
        assert archive.header.source["reduced"] == before
    assert np.abs(pixels - means(at_20.pixels, 2)).max() <= 0.5
    path = tmp_path / "restored.tif"
    restore_slide(at_20.archive, path)
    with openslide.OpenSlide(path) as restored:
        assert float(restored.properties["openslide.mpp-x"]) == pytest.approx(0.5)
        np.testing.assert_array_equal(np.asarray(restored.read_region((0, 0), 0, (501, 351)).convert("RGB")), pixels)
    with tifffile.TiffFile(path) as tiff:
        assert "the original had 40× and was reduced" in tiff.ome_metadata.replace("&#215;", "×")


@pytest.mark.parametrize("second_reader", [False, True])
def test_it_is_verified_against_the_whole_original(slide, at_20, second_reader):
    findings, worst = measure_again(at_20.archive, slide, (), second_reader=second_reader)
    assert findings == []
    assert worst["psnr"] == np.inf


def test_a_deidentified_archive_says_it_too(slide, tmp_path):
    result = archived(slide, tmp_path, "visual", models=(), max_magnification=10.0, deidentify=True)
    with ArchivedSlide(result.archive) as archive:
        assert archive.header.slide.objective_power == 10
        assert archive.header.source["reduced"]["factor"] == 4
        assert "sha256" not in archive.header.source
    assert measure_again(result.archive, slide, (), second_reader=True)[0] == []


def test_a_reduction_that_does_not_give_the_slides_size_is_refused(at_20):
    with zipfile.ZipFile(at_20.archive) as file:
        content = json.loads(file.read("archive.json"))
    content["source"]["reduced"]["factor"] = 4
    with pytest.raises(ValueError, match=r"`slide` has 501×351 pixels, expected those of `source.reduced`, 251×176"):
        parse(json.dumps(content))


def test_restoring_at_a_lower_magnification(slide, tmp_path):
    full = archived(slide, tmp_path, "lossless", models=())
    path = tmp_path / "restored.svs"
    options = RestoreOptions("svs", compression="zstd", max_magnification=20.0)
    assert "501×351 pixels at 20×" in restore_slide(full.archive, path, options=options)
    with openslide.OpenSlide(path) as restored:
        found = np.asarray(restored.read_region((0, 0), 0, (501, 351)).convert("RGB"))
        assert restored.properties["openslide.objective-power"] == "20"
        assert restored.properties["openslide.mpp-x"] == "0.5"
        assert "Reduced 2 times" in restored.properties["aperio.Restored"]
    assert np.abs(found - means(full.pixels, 2)).max() <= 0.5


def test_a_reduced_slide_reads_any_rectangle_alike(slide):
    with open_slide(slide) as whole, ReducedSlide(open_slide(slide), 4) as reduced:
        assert (reduced.info.width, reduced.info.height) == (251, 176)
        expected = means(whole.read(0, 0, 1001, 701), 4)
        for x, y, width, height in ((0, 0, 251, 176), (200, 100, 51, 76), (250, 175, 1, 1)):
            found = reduced.read(x, y, width, height)
            assert np.abs(found - expected[y : y + height, x : x + width]).max() <= 0.5
        assert reduced.grid is None and reduced.levels == ((251, 176),)


def test_a_fleet_knows_an_archive_of_another_magnification(slide, at_20):
    wanted = Options(QUALITIES["lossless"], (), max_magnification=20.0)
    assert check_existing(slide, at_20.archive, None, words(wanted)).width == 501
    with pytest.raises(UserError, match=r"exists and is reduced 2 times, expected 1 times; it is left as it is"):
        check_existing(slide, at_20.archive, None, words(replace(wanted, max_magnification=None)))


def test_a_slide_without_objective_power_is_refused(slide_file, tmp_path):
    with pytest.raises(UserError, match=r"smear.tif: does not state its objective power"):
        archived(slide_file, tmp_path, "lossless", models=(), max_magnification=20.0)
    assert list(tmp_path.iterdir()) == []


def test_the_viewer_and_python_show_the_reduced_original_and_say_so(slide, at_20):
    with open_source(at_20.archive, slide, None, (), "tensorflow") as source:
        assert source.same_original
        shown = source.layers["original"].read(0, 100, 100, 64, 64)
        np.testing.assert_array_equal(shown, source.layers["restored"].read(0, 100, 100, 64, 64))
    with sr_tf.open(at_20.archive) as opened:
        assert opened.properties["openslide.objective-power"] == "20"
        assert opened.properties["sr_tf.reduced.objective_power"] == "40"


def test_the_factor_is_the_smallest_power_of_two_that_is_enough(slide):
    assert [factor_for("a", 40, most) for most in (None, 40, 39, 20, 19, 10, 5)] == [1, 1, 2, 2, 4, 4, 8]
    assert factor_for("a", None, None) == 1
    with pytest.raises(UserError, match="a: does not state its objective power"):
        factor_for("a", None, 20)
    with pytest.raises(UserError, match="which can be reduced to 5× at least; found 4×"):
        factor_for("a", 40, 4)
    with open_slide(slide) as opened:
        unknown = reduced_info(replace(opened.info, mpp=None, objective_power=None), 2)
    assert (unknown.mpp, unknown.objective_power) == (None, None)
