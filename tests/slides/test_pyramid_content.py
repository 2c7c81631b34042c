"""What OpenSlide, tiffslide and tifffile read from a written pyramid."""

import re
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
import tiffslide
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import ImageCms
from pyramid_files import (
    READERS,
    assert_equal,
    by_openslide,
    by_tifffile,
    cut,
    levels_of,
    muted,
    names,
    smooth,
    write,
)

from sr_tf.slides.copied_tiles import JpegPage
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid
from sr_tf.slides.tile_codecs import Jpeg

APERIO = Path(__file__).parents[2] / ".." / "shared" / "data" / "slides" / "cmu-1-small-region.svs"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


@pytest.mark.parametrize("size", [(1, 1), (511, 513), (512, 512), (1030, 1), (3, 2049), (1027, 1333)])
@pytest.mark.parametrize("tile", [128, 512, (64, 240)])
def test_all_libraries_read_the_same_levels(tmp_path, size, tile):
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
    path = write(tmp_path / "slide.tif", image, codec=Jpeg(quality))
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
        # Level 1 shows the same field with half the pixels.
        level = file.series[0].levels[1].keyframe
        assert level.resolution == pytest.approx((1e4 / 0.505, 1e4), rel=1e-6)


def test_unknown_metadata_are_not_written(tmp_path):
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
        # The levels come last, so that the page indices in the OME-XML are right.
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
        text = file.pages[0].description
    # Bio-Formats takes a file whose XML has other references than this one for a TIFF without a pyramid.
    assert set(re.findall("&#.*?;", text)) == {"&#13;"}
    with openslide.OpenSlide(path) as slide:
        assert slide.properties["tiff.ImageDescription"].encode() == text.encode()
    root = ET.fromstring(text.encode())
    assert [child.tag.removeprefix(OME) for child in root] == [
        "Instrument",
        "Image",
        "Image",
        "StructuredAnnotations",
    ]
    image, label = root.iter(f"{OME}Image")
    # In the order that the schema requires.
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
        return write(tmp_path / "source.tif", muted(900, 1300), (128, 256), codec=Jpeg(quality))
    if not APERIO.exists():
        pytest.skip("needs the Aperio slide")
    return APERIO


def test_jpeg_tiles_are_copied(tmp_path, jpeg_slide):
    source = by_openslide(jpeg_slide)[0]
    path = tmp_path / "copy.tif"
    # Several threads call `segments`; the lock keeps seek and read together.
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
            path,
            info,
            cut(source, tile),
            settings={"image": "copy"},
            segments=locked,
            page=jpeg,
            codec=Jpeg(95),
            workers=3,
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


def test_copied_tiles_with_lossless_upper_levels(tmp_path, jpeg_slide):
    source = by_openslide(jpeg_slide)[0]
    with tifffile.TiffFile(jpeg_slide) as file:
        page = file.pages[0]
        tile = (page.tilelength, page.tilewidth)
        info = PyramidInfo(page.imagewidth, page.imagelength, tile)
        jpeg = JpegPage(page.jpegtables, int(page.photometric), page.subsampling)
        kwargs = {"settings": {}, "segments": page_segments(page), "page": jpeg, "workers": 1}
        write_pyramid(tmp_path / "copy.tif", info, cut(source, tile), **kwargs)
    for reader in READERS:
        assert_equal(reader(tmp_path / "copy.tif"), levels_of(source))
