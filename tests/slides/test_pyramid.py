import os
import random
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import openslide
import pytest
import tifffile
import tiffslide
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from sr_tf.errors import UserError
from sr_tf.slides import pyramid, pyramid_file
from sr_tf.slides.pyramid import JpegPage, PyramidInfo, write_pyramid

APERIO = Path(__file__).parents[2] / ".." / "shared" / "data" / "slides" / "cmu-1-small-region.svs"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def smooth(height, width, seed=0):
    """A random image that compresses like tissue does, uint8 [height, width, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def muted(height, width):
    """One with colours that JPEG keeps well."""
    return smooth(height, width) // 8 + 180


def cut(image, tile):
    height, width = (tile, tile) if isinstance(tile, int) else tile
    return lambda column, row: image[row * height : (row + 1) * height, column * width : (column + 1) * width]


def write(path, image, tile=128, **kwargs):
    fields = {name: kwargs.pop(name) for name in list(kwargs) if name in PyramidInfo.__dataclass_fields__}
    info = PyramidInfo(image.shape[1], image.shape[0], tile, **fields)
    write_pyramid(path, info, cut(image, tile), settings="image", **kwargs)
    return path


def halved(image):
    """The 2 × 2 mean, rounded half up, of the pixels that there are."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    whole = image[:height, :width].astype(int)
    rows = [[whole[y::2, x::2] for x in (0, 1)] for y in (0, 1)]
    result = np.zeros((-(-image.shape[0] // 2), -(-image.shape[1] // 2), 3), int)
    result[: height // 2, : width // 2] = (sum(map(sum, rows)) + 2) // 4
    if width < image.shape[1]:
        last = image[:height, -1].astype(int)
        result[: height // 2, -1] = (last[::2] + last[1::2] + 1) // 2
    if height < image.shape[0]:
        last = image[-1, :width].astype(int)
        result[-1, : width // 2] = (last[::2] + last[1::2] + 1) // 2
        if width < image.shape[1]:
            result[-1, -1] = image[-1, -1]
    return result.astype(np.uint8)


def levels_of(image):
    levels = [image]
    while max(levels[-1].shape) > 512:
        levels.append(halved(levels[-1]))
    return levels


def by_openslide(path):
    with openslide.OpenSlide(path) as slide:
        return [
            np.asarray(slide.read_region((0, 0), level, size).convert("RGB"))
            for level, size in enumerate(slide.level_dimensions)
        ]


def by_tiffslide(path):
    with tiffslide.TiffSlide(path) as slide:
        return [
            slide.read_region((0, 0), level, size, as_array=True) for level, size in enumerate(slide.level_dimensions)
        ]


def by_tifffile(path):
    with tifffile.TiffFile(path) as file:
        return [level.asarray() for level in file.series[0].levels]


READERS = [by_openslide, by_tiffslide, by_tifffile]


def assert_equal(found, expected):
    assert [level.shape for level in found] == [level.shape for level in expected]
    for level, (one, other) in enumerate(zip(found, expected, strict=True)):
        np.testing.assert_array_equal(one, other, err_msg=f"level {level}")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# What readers see.


@pytest.mark.parametrize("size", [(1, 1), (511, 513), (512, 512), (1030, 1), (3, 2049), (1027, 1333)])
@pytest.mark.parametrize("tile", [128, 512, (64, 240)])
def test_all_readers_see_the_same_levels(tmp_path, size, tile):
    image = smooth(*size)
    path = write(tmp_path / "slide.tif", image, tile)
    for reader in READERS:
        assert_equal(reader(path), levels_of(image))
    assert names(tmp_path) == ["slide.tif"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.tuples(*[st.integers(1, 1200)] * 2), st.tuples(*[st.sampled_from([16, 48, 256])] * 2), st.integers(1, 4))
@example((513, 1025), (256, 16), 3)
def test_any_size_and_tile(tmp_path, size, tile, workers):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    path = write(tmp_path / "slide.tif", image, tile, workers=workers)
    assert_equal(by_tifffile(path), levels_of(image))
    assert_equal(by_openslide(path), levels_of(image))


@pytest.mark.parametrize(("quality", "sampling", "error"), [(80, (2, 2), 2.5), (89, (2, 2), 2), (90, (1, 1), 1.3)])
def test_jpeg(tmp_path, quality, sampling, error):
    image = muted(700, 900)
    path = write(tmp_path / "slide.tif", image, jpeg_quality=quality)
    with tifffile.TiffFile(path) as file:
        assert [page.subsampling for page in file.pages] == [sampling, sampling]
    found = by_openslide(path)
    for reader in READERS:
        assert_equal(reader(path), found)
    for one, other in zip(found, levels_of(image), strict=True):
        assert np.abs(one.astype(int) - other).mean() < error


def test_metadata(tmp_path):
    path = write(tmp_path / "slide.tif", smooth(600, 1000), mpp=(0.2525, 0.5), objective_power=40, icc=ICC, name="Ä 1")
    with openslide.OpenSlide(path) as slide:
        assert slide.properties["openslide.vendor"] == "generic-tiff"
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.2525, rel=1e-6)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(0.5, rel=1e-6)
        assert slide.color_profile.tobytes() == ICC
    with tiffslide.TiffSlide(path) as slide:
        assert slide.properties["tiffslide.mpp-x"] == pytest.approx(0.2525, rel=1e-8)
        assert slide.properties["tiffslide.mpp-y"] == pytest.approx(0.5, rel=1e-8)
        assert slide.color_profile.tobytes() == ICC
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert file.is_ome
        assert file.series[0].name == "Ä 1"
        assert file.pages[0].iccprofile == ICC
        # It shows the same field with half the pixels.
        level = file.series[0].levels[1].keyframe
        assert level.resolution == pytest.approx((1e4 / 0.505, 1e4), rel=1e-6)


def test_nothing_is_invented(tmp_path):
    path = write(tmp_path / "slide.tif", smooth(600, 1000))
    with openslide.OpenSlide(path) as slide:
        assert not {"openslide.mpp-x", "openslide.mpp-y", "openslide.objective-power"} & set(slide.properties)
        assert slide.color_profile is None
    with tiffslide.TiffSlide(path) as slide:
        assert slide.properties["tiffslide.mpp-x"] is None
        assert slide.color_profile is None
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].resolutionunit == tifffile.RESUNIT.NONE
        xml = file.ome_metadata
    for word in ("PhysicalSize", "Instrument", "Objective", "Description", "Annotation"):
        assert word not in xml


def test_associated_images(tmp_path):
    images = {"label": smooth(300, 200, 1), "macro": smooth(431, 1280, 2), "thumbnail": smooth(1, 1, 3)}
    path = write(tmp_path / "slide.tif", image := smooth(1100, 1300), associated=images, mpp=(1, 1))
    for reader in READERS:
        assert_equal(reader(path), levels_of(image))
    with tifffile.TiffFile(path) as file:
        # The levels come last, so that OME-XML counts the pages right.
        assert [page.is_tiled for page in file.pages] == [True, False, False, False, True, True]
        found = {series.name: series.asarray() for series in file.series[1:]}
    with tiffslide.TiffSlide(path) as slide:
        assert {name: np.asarray(slide.associated_images[name]).shape for name in images} == {
            name: image.shape for name, image in images.items()
        }
    assert list(found) == list(images)
    assert_equal(list(found.values()), list(images.values()))


def test_ome_xml(tmp_path):
    annotations = {"aperio.User": "Zoë & <co>", "lines": "a\r\nb\tc", "bad": "\x00\x0b\ud800\uffff", "wide": "𝛍"}
    path = write(
        tmp_path / "slide.tif",
        smooth(600, 700),
        mpp=(0.25, 0.2500001),
        objective_power=20.5,
        name='the "slide"',
        description="stained\r\nin µ",
        annotations=annotations,
        associated={"label": smooth(20, 30)},
    )
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].tags["ImageDescription"].value.isascii()
        root = ET.fromstring(file.pages[0].description)
    assert [child.tag.removeprefix(OME) for child in root] == [
        "Instrument",
        "Image",
        "Image",
        "StructuredAnnotations",
    ]
    image, label = root.iter(f"{OME}Image")
    # In the order that the schema demands.
    assert [child.tag.removeprefix(OME) for child in image] == [
        "Description",
        "InstrumentRef",
        "ObjectiveSettings",
        "Pixels",
        "AnnotationRef",
    ]
    assert image.get("Name") == 'the "slide"'
    assert image.findtext(f"{OME}Description") == "stained\r\nin µ"
    assert root.find(f".//{OME}Objective").get("NominalMagnification") == "20.5"
    pixels = image.find(f"{OME}Pixels").attrib
    assert (pixels["SizeX"], pixels["SizeY"], pixels["SizeC"]) == ("700", "600", "3")
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == ("0.25", "µm")
    assert float(pixels["PhysicalSizeY"]) == 0.2500001
    assert label.get("Name") == "label"
    assert "PhysicalSizeX" not in label.find(f"{OME}Pixels").attrib
    assert [data.get("IFD") for data in root.iter(f"{OME}TiffData")] == ["0", "1"]
    found = {entry.get("K"): entry.text for entry in root.iter(f"{OME}M")}
    assert found == annotations | {"bad": "\ufffd" * 4}
    identifiers = [element.get("ID") for element in root.iter() if not element.tag.endswith("Ref")]
    identifiers = [each for each in identifiers if each and each != "Objective:0"]
    assert len(set(identifiers)) == len(identifiers)


# Copies of JPEG tiles.


def page_segments(page):
    columns = -(-page.imagewidth // page.tilewidth)

    def segment(column, row):
        index = row * columns + column
        page.parent.filehandle.seek(page.dataoffsets[index])
        return page.parent.filehandle.read(page.databytecounts[index])

    return segment


@pytest.fixture(params=["RGB with shared tables", "YCbCr, chroma halved", "YCbCr, full chroma"])
def jpeg_slide(request, tmp_path):
    if request.param.startswith("YCbCr"):
        quality = 95 if "full" in request.param else 60
        return write(tmp_path / "source.tif", muted(900, 1300), (128, 256), jpeg_quality=quality)
    if not APERIO.exists():
        pytest.skip("needs the Aperio slide")
    return APERIO


def test_jpeg_tiles_are_copied(tmp_path, jpeg_slide):
    source = by_openslide(jpeg_slide)[0]
    path = tmp_path / "copy.tif"
    # One lock for seek and read together: segments are asked for by several threads.
    lock = threading.Lock()
    with tifffile.TiffFile(jpeg_slide) as file:
        page = file.pages[0]
        segment = page_segments(page)

        def locked(column, row):
            with lock:
                return segment(column, row)

        tile = (page.tilelength, page.tilewidth)
        info = PyramidInfo(page.imagewidth, page.imagelength, tile, mpp=(0.499, 0.499))
        jpeg = JpegPage(page.jpegtables, int(page.photometric), page.subsampling)
        write_pyramid(
            path, info, cut(source, tile), settings="copy", segments=locked, jpeg=jpeg, jpeg_quality=95, workers=3
        )
        with tifffile.TiffFile(path) as copy:
            assert copy.pages[0].jpegtables == page.jpegtables
            assert copy.pages[0].photometric == page.photometric
            places = [
                (column, row)
                for row in range(-(-info.height // tile[0]))
                for column in range(-(-info.width // tile[1]))
            ]
            copied = page_segments(copy.pages[0])
            assert all(copied(*place) == segment(*place) for place in places)
            assert len(places) == len(copy.pages[0].dataoffsets)
    for reader in READERS:
        found = reader(path)
        np.testing.assert_array_equal(found[0], source)
        for one, other in zip(found[1:], levels_of(source)[1:], strict=True):
            assert np.abs(one.astype(int) - other).mean() < 2


def test_copies_above_which_all_is_lossless(tmp_path, jpeg_slide):
    source = by_openslide(jpeg_slide)[0]
    with tifffile.TiffFile(jpeg_slide) as file:
        page = file.pages[0]
        tile = (page.tilelength, page.tilewidth)
        info = PyramidInfo(page.imagewidth, page.imagelength, tile)
        jpeg = JpegPage(page.jpegtables, int(page.photometric), page.subsampling)
        kwargs = {"settings": "copy", "segments": page_segments(page), "jpeg": jpeg, "workers": 1}
        write_pyramid(tmp_path / "copy.tif", info, cut(source, tile), **kwargs)
    for reader in READERS:
        assert_equal(reader(tmp_path / "copy.tif"), levels_of(source))


# Threads, progress and failures.


def test_progress_is_told_in_the_calling_thread_for_each_tile(tmp_path):
    threads = []
    image = smooth(300, 1300)
    write(tmp_path / "slide.tif", image, 128, progress=lambda: threads.append(threading.get_ident()), workers=3)
    assert threads == [threading.get_ident()] * 3 * 11
    # One level only.
    threads.clear()
    write(tmp_path / "slide.tif", image[:, :300], 128, progress=lambda: threads.append(threading.get_ident()))
    assert len(threads) == 3 * 3


def test_few_tiles_are_under_way(tmp_path):
    asked, done, most = [], [], []
    image = smooth(600, 2000)

    def pixels(column, row):
        asked.append((column, row))
        most.append(len(asked) - len(done))
        return cut(image, 64)(column, row)

    info = PyramidInfo(2000, 600, 64)
    write_pyramid(
        tmp_path / "slide.tif",
        info,
        pixels,
        settings="x",
        workers=2,
        progress=lambda: (time.sleep(1e-3), done.append(1)),
    )
    # Five tiles of level 1 with their four of level 0, and one more while progress is told.
    assert max(most) <= 6 * 4
    assert len(set(asked)) == len(asked) == 10 * 32


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, OSError])
@pytest.mark.parametrize("where", ["pixels", "progress"])
def test_a_failure_leaves_no_file_and_costs_little(tmp_path, raised, where):
    image = smooth(700, 900)
    calls = []

    def failing(*_):
        calls.append(1)
        if len(calls) == 20:
            raise raised("no")

    def pixels(column, row):
        if where == "pixels":
            failing()
        return cut(image, 64)(column, row)

    info = PyramidInfo(900, 700, 64)
    path = tmp_path / "slide.tif"
    threads = threading.active_count()
    with pytest.raises(raised, match="no"):
        write_pyramid(path, info, pixels, settings="x", progress=failing if where == "progress" else None)
    assert names(tmp_path) == [".slide.tif.partial"]
    assert threading.active_count() == threads
    again = []

    def counted(column, row):
        again.append((column, row))
        return cut(image, 64)(column, row)

    write_pyramid(path, info, counted, settings="x")
    assert len(again) <= 11 * 15 - (19 - 2 if where == "pixels" else 20)
    assert names(tmp_path) == ["slide.tif"]
    assert_equal(by_openslide(path), levels_of(image))


@pytest.mark.parametrize("pixels", [np.zeros((64, 64, 3), "uint8"), np.zeros((64, 50, 3), "uint16")])
def test_pixels_of_another_shape_or_type(tmp_path, pixels):
    with pytest.raises(ValueError, match=r"tile \(0, 0\): uint.*, expected uint8 \(64, 50, 3\)"):
        write_pyramid(tmp_path / "a.tif", PyramidInfo(50, 90, 64), lambda *_: pixels, settings="x")


def test_arguments_that_cannot_be(tmp_path):
    with pytest.raises(ValueError, match="tile 100: expected multiples of 16"):
        PyramidInfo(5, 5, 100)
    with pytest.raises(ValueError, match="size 0 × 5"):
        PyramidInfo(0, 5)
    with pytest.raises(ValueError, match="µm per pixel"):
        PyramidInfo(5, 5, mpp=(0.0, 0.25))
    with pytest.raises(ValueError, match="photometric interpretation 1"):
        JpegPage(None, 1, None)
    with pytest.raises(ValueError, match="chroma subsampling"):
        JpegPage(None, 6, (4, 1))
    with pytest.raises(ValueError, match="both or neither"):
        write(tmp_path / "a.tif", smooth(5, 5), jpeg=JpegPage(None, 6, None))
    with pytest.raises(ValueError, match="JPEG quality 101"):
        write(tmp_path / "a.tif", smooth(5, 5), jpeg_quality=101)
    assert names(tmp_path) == []


def test_places_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, expected a folder"):
        write(tmp_path / "file" / "slide.tif", smooth(5, 5))
    (tmp_path / "slide.tif").mkdir()
    with pytest.raises(UserError, match=rf"{tmp_path / 'slide.tif'}: cannot be written \(Is a directory\)"):
        write(tmp_path / "slide.tif", smooth(5, 5))


def test_a_disk_that_gets_full(tmp_path, monkeypatch):
    image = smooth(700, 900)
    path = tmp_path / "slide.tif"
    path.write_text("earlier")

    def full(temporary, *_, **__):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyramid, "write_pyramid_file", full)
    with pytest.raises(UserError, match=r"cannot be written .No space left on device"):
        write(path, image)
    assert path.read_text() == "earlier"
    assert names(tmp_path) == [".slide.tif.partial", "slide.tif"]
    monkeypatch.undo()
    info = PyramidInfo(900, 700, 128)
    # All tiles are there.
    write_pyramid(path, info, lambda *_: pytest.fail("asked again"), settings="image")
    assert_equal(by_openslide(path), levels_of(image))


def test_tiles_of_other_settings_or_another_geometry_are_not_used(tmp_path):
    first, second = smooth(300, 300, 1), smooth(300, 300, 2)
    path = tmp_path / "slide.tif"

    def interrupted(text, tile=128):
        def progress():
            raise RuntimeError

        with pytest.raises(RuntimeError):
            write_pyramid(path, PyramidInfo(300, 300, tile), cut(first, tile), settings=text, progress=progress)

    interrupted("first")
    write_pyramid(path, PyramidInfo(300, 300, 128), cut(second, 128), settings="second")
    assert_equal(by_openslide(path), [second])
    interrupted("second", tile=64)
    write_pyramid(path, PyramidInfo(300, 300, 128), cut(second, 128), settings="second")
    assert_equal(by_openslide(path), [second])


def test_linking_changes_no_file_of_another_layout(tmp_path):
    path = tmp_path / "plain.tif"
    image = smooth(64, 64)
    tifffile.imwrite(path, image, photometric="rgb", bigtiff=True, byteorder="<")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="SubIFDs at"):
        pyramid_file.link_levels(path)
    assert path.read_bytes() == before
    # Linked already.
    path = write(tmp_path / "slide.tif", smooth(600, 600))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="SubIFDs at"):
        pyramid_file.link_levels(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("bigtiff", "order"), [(False, "<"), (True, ">")])
def test_linking_is_for_one_format(tmp_path, bigtiff, order):
    path = tmp_path / "other.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=order) as writer:
        writer.write(smooth(64, 64), photometric="rgb", subifds=1)
        writer.write(smooth(32, 32), photometric="rgb")
    with pytest.raises(ValueError, match="expected a little-endian BigTIFF file"):
        pyramid_file.link_levels(path)


# Kills.

WRITER = """
import os, signal, sys, time
import numpy as np
from sr_tf.slides import pyramid, pyramid_file
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

path, quality, pause, stage = sys.argv[1], int(sys.argv[2]) or None, float(sys.argv[3]), sys.argv[4]
if stage == "linking":
    pyramid_file.link_levels = die
if stage == "syncing":
    os.fsync = die
if stage == "removing":
    pyramid.Spool.remove = die

def pixels(column, row):
    time.sleep(pause)
    tile = np.add.outer(np.arange(128) * (row + 3), np.arange(128) * (column + 5))[..., None] // [7, 9, 11]
    return (tile % 256).astype(np.uint8)[: 900 - row * 128, : 1100 - column * 128]

print("starts", flush=True)
info = PyramidInfo(1100, 900, 128, (0.25, 0.25), 40.0, name="slide")
write_pyramid(path, info, pixels, settings="x", jpeg_quality=quality)
"""


def writer(path, quality=0, pause=0.0, stage=""):
    command = [sys.executable, "-c", WRITER, path, str(quality), str(pause), stage]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", params=[0, 80], ids=["lossless", "jpeg"])
def uninterrupted(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "slide.tif"
    with writer(path, request.param) as child:
        assert child.wait() == 0
    assert len(by_openslide(path)) == 3
    return request.param, path.read_bytes()


@pytest.mark.parametrize("stage", ["linking", "syncing", "removing"])
def test_a_run_killed_at_the_end_is_taken_up(tmp_path, uninterrupted, stage):
    quality, whole = uninterrupted
    path = tmp_path / "slide.tif"
    with writer(path, quality, stage=stage) as child:
        assert child.wait() == -signal.SIGKILL
    assert path.exists() == (stage == "removing")
    assert not path.exists() or path.read_bytes() == whole
    with writer(path, quality) as child:
        assert child.wait() == 0
    assert path.read_bytes() == whole
    assert names(tmp_path) == ["slide.tif"]


@pytest.mark.slow
def test_runs_killed_at_any_moment_are_taken_up(tmp_path, uninterrupted):
    quality, whole = uninterrupted
    path = tmp_path / "slide.tif"
    chance = random.Random(quality)
    killed = 0
    for attempt in range(1, 7):
        with writer(path, quality, pause=0.02) as child:
            assert child.stdout.readline() == "starts\n"
            time.sleep(chance.uniform(0, 0.1 * attempt))
            child.kill()
            killed += child.wait() == -signal.SIGKILL
        assert not path.exists() or path.read_bytes() == whole
    assert killed > 1
    with writer(path, quality) as child:
        assert child.wait() == 0
    assert path.read_bytes() == whole
    assert names(tmp_path) == ["slide.tif"]


def test_two_processes_cannot_write_the_same_file(tmp_path):
    path = tmp_path / "slide.tif"
    with writer(path, pause=0.3) as child:
        assert child.stdout.readline() == "starts\n"
        while not names(tmp_path):
            time.sleep(0.01)
        time.sleep(0.1)
        with pytest.raises(UserError, match="is being written by another process"):
            write(path, smooth(5, 5))
        os.kill(child.pid, signal.SIGKILL)
