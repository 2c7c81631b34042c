"""A slide through archive, verify, restore and info."""

import json
import zipfile

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from archived_slides import HEIGHT, REAL_SLIDE, WIDTH, archived, slide_pixels
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.effort import HIGHEST_EFFORT
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.restore import restore_region, restore_slide
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.verify import measure_again
from sr_tf.assets.store import is_cached
from sr_tf.cli.main import main
from sr_tf.images.codecs import decode_avif


def assert_gate_holds(original, restored, gate):
    """Measures every tile with scikit-image."""
    for top in range(0, original.shape[0], 256):
        for left in range(0, original.shape[1], 256):
            hr, sr = (image[top : top + 256, left : left + 256] for image in (original, restored))
            if np.array_equal(hr, sr):
                continue
            assert peak_signal_noise_ratio(hr, sr) >= gate.min_psnr - 1e-3
            assert np.abs((np.float64(sr) - hr).mean(axis=(0, 1))).max() <= gate.max_shift + 1e-3
            if min(hr.shape[:2]) >= 11:
                ssim = structural_similarity(
                    hr,
                    sr,
                    channel_axis=2,
                    gaussian_weights=True,
                    sigma=1.5,
                    use_sample_covariance=False,
                    data_range=255,
                )
                assert ssim >= gate.min_ssim - 2e-4


def read_by_openslide(path):
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB")), dict(slide.properties)


def test_every_tile_of_the_restored_file_passes_the_gate(visual, tmp_path):
    restore_slide(visual.archive, tmp_path / "restored.ome.tif")
    restored, properties = read_by_openslide(tmp_path / "restored.ome.tif")
    assert restored.shape == visual.pixels.shape == (HEIGHT, WIDTH, 3)
    assert_gate_holds(visual.pixels, restored, QUALITIES["visual"])
    assert float(properties["openslide.mpp-x"]) == pytest.approx(0.25)
    with tifffile.TiffFile(tmp_path / "restored.ome.tif") as tiff:
        assert "not scanned" in tiff.ome_metadata
        assert "Research use only" in tiff.ome_metadata


def test_an_archive_is_much_smaller_than_the_slide_and_stores_blocks_differently(visual):
    assert visual.archive.stat().st_size < visual.slide.stat().st_size / 5
    with ArchivedSlide(visual.archive) as archive:
        index = archive.index
        assert len(np.unique(index.kinds)) > 1
        blocks = np.bincount(index.pieces[index.pieces >= 0], minlength=len(index.table))
        numbers = index.pieces[0, 0], index.pieces[0, 1]
        blurred, sharp = (index.table["length"][number] / blocks[number] for number in numbers)
        assert blurred < sharp, "cells out of focus take fewer bytes than sharp ones"


def test_lossless_gives_the_jpeg_tiles_back_byte_by_byte(lossless, tmp_path):
    assert lossless.archive.stat().st_size < lossless.slide.stat().st_size
    restore_slide(lossless.archive, tmp_path / "restored.ome.tif")
    restored, _ = read_by_openslide(tmp_path / "restored.ome.tif")
    np.testing.assert_array_equal(restored, lossless.pixels)
    assert segments(tmp_path / "restored.ome.tif") == segments(lossless.slide)
    with ArchivedSlide(lossless.archive) as archive:
        assert all(archive.kind(*place) is NATIVE for place in archive.header.grid.blocks())


def segments(path):
    """The tables and the tiles of the first page, as they are in the file."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        return page.jpegtables, [segment for segment, _ in _raw(tiff, page)]


def _raw(tiff, page):
    return list(tiff.filehandle.read_segments(page.dataoffsets, page.databytecounts))


def test_lossless_keeps_every_pixel_of_slides_without_jpeg(tmp_path):
    pixels = slide_pixels()[:300, :300]
    Image.fromarray(pixels).save(tmp_path / "field.png", icc_profile=b"\x00" * 200)
    result = archived(tmp_path / "field.png", tmp_path, "lossless")
    with ArchivedSlide(result.archive) as archive:
        np.testing.assert_array_equal(archive.read(0, 0, 300, 300), pixels)
        assert archive.header.slide.mpp is None
        assert archive.header.slide.icc == b"\x00" * 200
    restore_slide(result.archive, tmp_path / "field.tif")
    restored, properties = read_by_openslide(tmp_path / "field.tif")
    np.testing.assert_array_equal(restored, pixels)
    assert "openslide.mpp-x" not in properties, "an unknown resolution stays unknown"
    with tifffile.TiffFile(tmp_path / "field.tif") as tiff:
        assert tiff.pages[0].tags["InterColorProfile"].value == b"\x00" * 200


def test_a_gate_below_lossless_never_takes_more_than_lossless(tmp_path):
    """Noise that the scanner compressed strongly: the original's own segments are the smallest representation."""
    noisy = np.clip(slide_pixels()[:600, 500:1100] + np.random.default_rng(1).normal(0, 25, (600, 600, 3)), 0, 255)
    tifffile.imwrite(
        tmp_path / "hard.tif", noisy.astype(np.uint8), tile=(240, 240), compression="jpeg", photometric="rgb",
        compressionargs={"level": 30}, metadata=None,
    )  # fmt: skip
    sizes = {}
    for quality in ("diagnostic", "lossless"):
        sizes[quality] = archived(tmp_path / "hard.tif", tmp_path, quality).archive.stat().st_size
    assert sizes["diagnostic"] <= 1.02 * sizes["lossless"]


def test_a_region_is_the_same_pixels_as_the_whole(visual, tmp_path):
    with ArchivedSlide(visual.archive) as archive:
        whole = archive.read(0, 0, WIDTH, HEIGHT)
    restore_region(visual.archive, tmp_path / "part.png", (500, 300, 200, 311))
    with Image.open(tmp_path / "part.png") as part:
        np.testing.assert_array_equal(np.asarray(part), whole[300:611, 500:700])
        assert "not scanned" in part.info["Description"]


def test_scores_in_the_archive_are_those_of_what_it_restores(visual):
    assert check_integrity(visual.archive) == []
    findings, extremes = measure_again(visual.archive, visual.slide, ())
    assert findings == []
    with ArchivedSlide(visual.archive) as archive:
        recorded = archive.scores()
    assert 0 <= extremes["psnr"] - recorded["psnr"].min() < 0.12, "recorded in steps of 0.1 dB, rounded down"
    assert extremes["psnr"] >= 34
    assert extremes["ssim"] >= 0.90


def test_verify_reports_restored_pixels_that_fail_the_gate(visual, monkeypatch, capsys):
    restored = RestoredBlocks.restored
    monkeypatch.setattr(RestoredBlocks, "restored", lambda *place: cv2.GaussianBlur(restored(*place), (0, 0), 3))
    assert main(["verify", str(visual.archive), "--against", str(visual.slide)]) == 2
    assert "does not pass the gate" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.skipif(not is_cached("efficientnet_lite0"), reason="`sr-tf assets fetch efficientnet_lite0` gets it")
def test_a_gate_on_the_enl0_distance_holds_on_every_tile(tmp_path):
    Image.fromarray(slide_pixels()[:256, 620:876]).save(tmp_path / "field.png")
    sizes = []
    for distance in ("2", "0.3"):
        target = tmp_path / f"{distance}.sr.zip"
        arguments = ["--models", "", "--max-enl0", distance]
        assert main(["archive", str(tmp_path / "field.png"), str(target), *arguments]) == 0
        with ArchivedSlide(target) as archive:
            assert archive.scores()["enl0"].max() <= float(distance)
        sizes.append(target.stat().st_size)
    assert sizes[0] < sizes[1]


@pytest.mark.long
def test_neighbours_stored_differently_show_no_edge(slide_file, tmp_path):
    """The error's step across a block border is not larger than its steps inside blocks."""
    made = archived(slide_file, tmp_path, "visual", effort=HIGHEST_EFFORT)
    with ArchivedSlide(made.archive) as archive:
        restored = archive.read(0, 0, WIDTH, HEIGHT).astype(int)
        kinds = archive.index.kinds
    assert (kinds[0, 0], kinds[1, 0]) != (kinds[0, 1], kinds[1, 1]), "different kinds meet at x = 512"
    error = restored - made.pixels
    steps = np.abs(np.diff(error, axis=1)).mean(axis=(0, 2))
    inside = np.concatenate([steps[440:505], steps[520:585]])
    assert steps[511] <= inside.max() * 1.25 + 0.25


def test_a_zip_tool_finds_a_readme_metadata_and_a_preview(visual):
    with zipfile.ZipFile(visual.archive) as file:
        assert file.testzip() is None
        about = json.loads(file.read("archive.json"))
        overview = Image.fromarray(decode_avif(file.read("overview.avif")))
        small = np.asarray(overview.resize((46, 34)), float)
        readme = file.read("README.txt").decode()
    assert (about["slide"]["width"], about["slide"]["height"]) == (WIDTH, HEIGHT)
    assert about["gate"]["min_psnr"] == 34
    assert [generator["name"] for generator in about["generators"]] == ["archive4", "archive2"]
    assert len(about["generators"][0]["weights_sha256"]) == len(about["source"]["sha256"]) == 64
    assert "research use only" in about["notice"].lower()
    assert "research use only" in readme.lower()
    expected = np.asarray(Image.fromarray(visual.pixels).resize((46, 34), Image.Resampling.BOX), float)
    assert np.abs(small - expected).mean() < 8


def test_info_prints_kinds_and_costs_and_draws_a_map(visual, tmp_path, capsys):
    assert main(["info", str(visual.archive), "--map", str(tmp_path / "map.png")]) == 0
    printed = capsys.readouterr().out
    assert "visual: every tile PSNR ≥ 34 dB, SSIM ≥ 0.9, mean colour within 1.5 of 255" in printed
    assert "0.25 × 0.25 µm per pixel" in printed
    assert f"{visual.archive.stat().st_size:,}" in printed
    assert "Research use only" in printed
    with Image.open(tmp_path / "map.png") as picture:
        assert min(picture.size) > 400


def test_a_custom_gate_on_the_command_line(slide_file, tmp_path, capsys):
    target = tmp_path / "custom.sr.zip"
    arguments = ["--min-psnr", "30", "--min-ssim", "0.8", "--models", "", "--price", "0.05"]
    assert main(["archive", str(slide_file), str(target), *arguments]) == 0
    assert "custom: every tile PSNR ≥ 30 dB, SSIM ≥ 0.8" in capsys.readouterr().out
    assert main(["verify", str(target), "--against", str(slide_file)]) == 0
    with ArchivedSlide(target) as archive:
        assert archive.header.generators == []


@pytest.mark.long
@pytest.mark.skipif(not REAL_SLIDE.is_file(), reason="the real slide is not here")
@pytest.mark.parametrize("quality", ["visual", "diagnostic", "lossless"])
def test_the_real_slide(quality, tmp_path):
    result = archived(REAL_SLIDE, tmp_path, quality)
    restore_slide(result.archive, tmp_path / "restored.ome.tif")
    restored, properties = read_by_openslide(tmp_path / "restored.ome.tif")
    assert float(properties["openslide.mpp-x"]) == pytest.approx(0.499)
    with ArchivedSlide(result.archive) as archive:
        assert set(archive.header.associated) == {"label", "macro", "thumbnail"}
        assert archive.header.slide.objective_power == 20
        assert archive.header.slide.properties["aperio.AppMag"] == "20"
    if quality != "lossless":
        assert_gate_holds(result.pixels, restored, QUALITIES[quality])
    else:
        np.testing.assert_array_equal(restored, result.pixels)
        assert segments(tmp_path / "restored.ome.tif") == segments(REAL_SLIDE)
        assert result.archive.stat().st_size < 1_938_955
        with openslide.OpenSlide(REAL_SLIDE) as slide, ArchivedSlide(result.archive) as archive:
            for name in ("label", "macro", "thumbnail"):
                expected = np.asarray(slide.associated_images[name].convert("RGB"))
                np.testing.assert_array_equal(archive.associated(name), expected)


@pytest.mark.skipif(not REAL_SLIDE.is_file(), reason="the real slide is not here")
def test_deidentified_archives_contain_nothing_identifying(tmp_path, capsys):
    target = tmp_path / "anonymous.sr.zip"
    assert main(["archive", str(REAL_SLIDE), str(target), "--quality", "lossless", "--deidentify"]) == 0
    printed = capsys.readouterr().out
    with zipfile.ZipFile(target) as file:
        text = file.read("archive.json").decode()
        names = file.namelist()
    assert not {"associated/label", "associated/macro"} & set(names)
    for secret in ("1004486", "b414003d", "CPAPERIOCS", "cmu-1", "CMU-1"):
        assert secret not in text
    for removed in ("aperio.Filename", "aperio.User", "aperio.ImageID", "associated image label"):
        assert removed in printed
        assert removed in text
    with ArchivedSlide(target) as archive:
        assert archive.header.slide.mpp == (0.499, 0.499)
