"""`sr_tf.open`: the levels of an archive, errors, threads, and other processes."""

import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import sr_tf
from sr_tf.errors import UserError

GOLDEN = Path(__file__).parents[1] / "golden"


def whole(slide, level=0):
    return slide.read_region((0, 0), level, slide.level_dimensions[level], as_array=True)


def halved(pixels):
    """The mean of 2 × 2 pixels, rounded half up; at an odd edge of those that exist."""
    height, width, _ = pixels.shape
    padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(int)
    total = padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]
    return np.uint8((total + 2) // 4)


@pytest.fixture(scope="module")
def archived(bicubic):
    with sr_tf.open(bicubic) as slide:
        yield slide


def test_an_archive_has_the_levels_of_the_restored_file(archived, restored):
    with openslide.OpenSlide(restored) as file, tifffile.TiffFile(restored) as tiff, sr_tf.open(restored) as again:
        for slide in (file, again):
            assert slide.level_dimensions == archived.level_dimensions
            assert slide.level_downsamples == archived.level_downsamples
        made_of = [archived.properties[f"sr_tf.level[{level}].pixels"] for level in range(4)]
        assert made_of == ["restored", "restored", "stored", "overview"]
        for level, page in enumerate(tiff.series[0].levels):
            written, found = page.asarray(), whole(archived, level)
            np.testing.assert_array_equal(whole(again, level), written)
            if made_of[level] == "restored":
                np.testing.assert_array_equal(found, written)
            else:
                assert cv2.PSNR(found, written) > (32 if made_of[level] == "stored" else 25), level


def test_blocks_at_full_size_give_the_levels_of_the_restored_file(lossless):
    with sr_tf.open(lossless) as slide:
        level_1 = halved(whole(slide))
        np.testing.assert_array_equal(whole(slide, 1), level_1)
        np.testing.assert_array_equal(whole(slide, 2), halved(level_1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    level=st.integers(0, 3),
    location=st.tuples(st.integers(-900, 3000), st.integers(-900, 1500)),
    size=st.tuples(st.integers(0, 600), st.integers(0, 600)),
)
def test_a_region_is_a_part_of_the_whole_level(archived, level, location, size):
    canvas = np.zeros((size[1], size[0], 4), np.uint8)
    pixels = whole(archived, level)
    left, top = location[0] // 2**level, location[1] // 2**level
    rows, columns = np.arange(top, top + size[1]), np.arange(left, left + size[0])
    inside = np.ix_((rows >= 0) & (rows < pixels.shape[0]), (columns >= 0) & (columns < pixels.shape[1]))
    canvas[..., :3][inside] = pixels[rows[inside[0].ravel()]][:, columns[inside[1].ravel()]]
    canvas[..., 3][inside] = 255
    found = archived.read_region(location, level, size)
    assert (found.mode, found.size) == ("RGBA", size)
    np.testing.assert_array_equal(np.asarray(found), canvas)


@pytest.mark.parametrize("name", ["generator-4x", "2-filter", "2-own-generator", "2-study"])
def test_pixels_that_a_network_restores_are_the_restored_ones(name):
    expected = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB")).astype(int)
    with sr_tf.open(GOLDEN / f"{name}.sr.zip") as slide:
        assert np.abs(whole(slide).astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(whole(slide, 1), halved(whole(slide)))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sr.zip")), ids=lambda path: path.name)
def test_every_golden_archive_opens(path):
    with sr_tf.open(path) as slide:
        assert all(image.mode == "RGBA" for image in slide.associated_images.values())
        assert slide.thumbnail(64).size[0] <= 64
        assert slide.properties["openslide.level[0].width"] == str(slide.dimensions[0])
        assert ("openslide.mpp-x" in slide.properties) is (slide.mpp is not None)


@pytest.mark.parametrize("damaged", [False, True])
def test_levels_below_the_first_page_are_read_unless_they_are_damaged(tmp_path, damaged):
    path, pixels = tmp_path / "bio-formats.ome.tif", np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)
    options = {"tile": (128, 128), "photometric": "rgb", "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(pixels, subifds=2, metadata={"axes": "YXS"}, **options)
        for step in (2, 4):
            tiff.write(np.ascontiguousarray(pixels[::step, ::step]), subfiletype=1, metadata=None, **options)
    if damaged:
        with tifffile.TiffFile(path, mode="r+") as tiff:
            tiff.pages[0].pages[0].tags["TileOffsets"].overwrite([2**31] * 12)
            tiff.pages[0].pages[1].tags["TileOffsets"].overwrite([2**31] * 4)
    with sr_tf.open(path) as slide:
        assert slide.level_dimensions == ((900, 600), (450, 300), (225, 150))[: 1 if damaged else 3]
        for level in range(slide.level_count):
            np.testing.assert_array_equal(whole(slide, level), pixels[:: 2**level, :: 2**level])


def test_a_plain_image_is_a_slide_of_one_level(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "field.png")
    with sr_tf.open(tmp_path / "field.png") as slide:
        assert (slide.level_count, slide.dimensions, slide.mpp) == (1, (50, 40), None)
        np.testing.assert_array_equal(whole(slide), pixels)
        assert "openslide.mpp-x" not in slide.properties


@pytest.mark.parametrize("kind", ["archive", "svs", "file"])
def test_wrong_arguments_are_errors_of_one_line(kind, bicubic, svs, restored):
    path = {"archive": bicubic, "svs": svs, "file": restored}[kind]
    slide = sr_tf.open(path)
    calls = {
        "level -1, expected 0 to": lambda: slide.read_region((0, 0), -1, (5, 5)),
        "level 9, expected 0 to": lambda: slide.read_region((0, 0), 9, (5, 5)),
        "level 7, expected 0 to": lambda: slide.zarr(7),
        "expected no negative side": lambda: slide.read_region((0, 0), 0, (5, -1)),
        "thumbnail of 0×0 pixels": lambda: slide.thumbnail(0),
        "is not inside level 1": lambda: slide.read_level(1, 0, 0, 3000, 2),
    }
    for message, call in calls.items():
        with pytest.raises(UserError, match=message) as caught:
            call()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(TypeError):
        slide.read_region((0.5, 0), 0, (5, 5))
    slide.close()
    slide.close()
    for call in (lambda: slide.read_region((0, 0), 0, (5, 5)), lambda: slide.zarr(), lambda: slide.thumbnail()):
        with pytest.raises(UserError, match=r"is closed"):
            call()
    assert repr(slide) == f"OpenedSlide('{path}')"


def test_files_that_cannot_be_opened_are_errors_of_one_line(tmp_path, bicubic):
    damaged = tmp_path / "damaged.sr.zip"
    damaged.write_bytes(bicubic.read_bytes()[:5000])
    (tmp_path / "text.txt").write_text("text")
    for path in (damaged, tmp_path / "text.txt", tmp_path / "none.svs", tmp_path):
        with pytest.raises(UserError) as caught:
            sr_tf.open(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UserError, match="expected one of tensorflow, openvino"):
        sr_tf.open(bicubic, engine="abacus")
    with pytest.raises(UserError, match="expected a list of names"):
        sr_tf.open(bicubic, models="m1")


def test_a_damaged_block_is_an_error_where_it_is_read_and_only_there(tmp_path, lossless):
    from sr_tf.archive.reader import ArchiveFile

    content = bytearray(lossless.read_bytes())
    with ArchiveFile(lossless) as archive:
        start = int(archive._segment_offsets[0, 0])
    content[start + 40] ^= 255
    path = tmp_path / "damaged.sr.zip"
    path.write_bytes(content)
    with sr_tf.open(path) as slide:
        slide.read_region((600, 0), 0, (50, 50))
        with pytest.raises(UserError, match="is damaged") as caught:
            slide.read_region((0, 0), 0, (50, 50))
        assert str(path) in str(caught.value)


def test_formats_are_detected(svs, bicubic, tmp_path):
    assert sr_tf.OpenedSlide.detect_format(svs) == "aperio"
    assert sr_tf.OpenedSlide.detect_format(bicubic) == "sr_tf"
    (tmp_path / "text.txt").write_text("text")
    assert sr_tf.OpenedSlide.detect_format(tmp_path / "text.txt") is None


@pytest.mark.parametrize("kind", ["archive", "svs"])
def test_eight_threads_read_what_one_reads(kind, bicubic, svs):
    random = np.random.default_rng(0)
    places = [(int(random.integers(-100, 2150)), int(random.integers(-100, 530)), n % 2) for n in range(80)]
    with sr_tf.open({"archive": bicubic, "svs": svs}[kind]) as slide:

        def read(place):
            return np.asarray(slide.read_region(place[:2], place[2], (200, 150)))

        alone = [read(place) for place in places]
        with ThreadPoolExecutor(8) as pool:
            for one, other in zip(alone, pool.map(read, places), strict=True):
                np.testing.assert_array_equal(one, other)


def mean_of(slide, place):
    return float(slide.read_region(place, 0, (64, 64), as_array=True).mean())


@pytest.mark.parametrize("kind", ["archive", "svs"])
def test_worker_processes_open_the_same_file(kind, bicubic, svs):
    places = [(0, 0), (700, 300), (2000, 400)]
    with sr_tf.open({"archive": bicubic, "svs": svs}[kind]) as slide:
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            found = pool.starmap(mean_of, [(slide, place) for place in places])
        assert found == [mean_of(slide, place) for place in places]


@pytest.mark.parametrize("kind", ["archive", "svs"])
def test_a_file_that_has_changed_is_an_error_of_one_line(kind, bicubic, lossless, svs, tmp_path):
    before, after = {"archive": (bicubic, lossless), "svs": (svs, bicubic)}[kind]
    path = tmp_path / "slide"
    shutil.copy(before, path)
    with sr_tf.open(path) as slide:
        pickled = pickle.dumps(slide)
        pickle.loads(pickled).close()
        path.unlink()
        shutil.copy(after, path)
        with pytest.raises(UserError, match="has changed since it was opened") as caught:
            pickle.loads(pickled)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
