"""Further pages of a TIFF file: kept, recognised as smaller copies, or refused. And the scale that a file states."""

import numpy as np
import pytest
import tifffile
from slide_files import OME, OME_IMAGE, read_all, refused

from sr_tf.slides.slide import open_slide

SIZES = {"width": 450, "height": 331, "z": 1}


@pytest.fixture
def write_pages(tmp_path):
    """Writes a TIFF file of several pages, each with its own options."""

    def write(*pages, name="pages.tif"):
        with tifffile.TiffWriter(tmp_path / name, ome=False) as writer:
            for image, options in pages:
                writer.write(image, **({"photometric": "rgb", "metadata": None, "compression": "deflate"} | options))
        return tmp_path / name

    return write


def halved(image):
    return np.ascontiguousarray(image[: image.shape[0] // 2 * 2 : 2, : image.shape[1] // 2 * 2 : 2])


TILES = {"tile": (128, 128)}
# OpenSlide's generic driver reads the first, this project's reader the second.
COMPRESSIONS = [{"compression": "deflate"}, {"compression": "webp", "compressionargs": {"lossless": True}}]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_second_area_is_refused(write_pages, pixels, compression):
    slide, tiles = pixels, TILES | compression
    for other in (pixels[:200, :200], np.tile(pixels, (2, 2, 1)), pixels[::-1][:165, :225]):
        path = write_pages((slide, tiles), (np.ascontiguousarray(other), tiles))
        size = f"{other.shape[1]}×{other.shape[0]} pixels"
        refused(path, f"holds a further image of {size} .TIFF page 1., expected one slide")
    refused(write_pages((slide, tiles), (pixels[:99], {})), "holds a further image of 450×99 pixels")
    refused(write_pages((slide, tiles), (pixels[:99], tiles | {"subfiletype": 1})), "holds a further image of 450×99")


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("flag", [{}, {"subfiletype": 1}])
def test_smaller_copies_are_recognised(write_pages, pixels, compression, flag):
    half = halved(pixels)
    tiles = TILES | compression
    path = write_pages((pixels, tiles), (half, tiles | flag), (halved(half), tiles | flag))
    with open_slide(path) as slide:
        assert slide.associated() == {}
        np.testing.assert_array_equal(read_all(slide), pixels)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_named_images_are_kept(write_pages, pixels, compression):
    label, macro = np.ascontiguousarray(pixels[:60, :50]), np.ascontiguousarray(pixels[::2, ::-2][:80])
    tiles = TILES | compression
    path = write_pages(
        (pixels, tiles),
        (halved(pixels), tiles | {"subfiletype": 1}),
        (label, {"description": "label"}),
        (macro, {"description": "Macro 225x80", "subfiletype": 9}),
    )
    with open_slide(path) as slide:
        images = slide.associated()
        assert sorted(images) == ["label", "macro"]
        np.testing.assert_array_equal(images["label"].pixels, label)
        np.testing.assert_array_equal(images["macro"].pixels, macro)
    path = write_pages((pixels, tiles), *[(label, {"description": "label"})] * 2)
    refused(path, "holds several images named label, expected one of each kind")


def test_a_preview_before_the_image_is_refused(tmp_path, pixels):
    """Camera raw files keep the image below a small first page."""
    options = {"photometric": "rgb", "metadata": None}
    for first, second, suits in ((halved(pixels), pixels, False), (pixels, halved(pixels), True)):
        path = tmp_path / "a.tif"
        with tifffile.TiffWriter(path) as writer:
            writer.write(first, subifds=1, tile=(128, 128), **options)
            writer.write(second, subfiletype=1, tile=(128, 128), **options)
        if suits:
            with open_slide(path) as slide:
                np.testing.assert_array_equal(read_all(slide), pixels)
        else:
            refused(path, "holds a preview of 225×165 pixels before an image of 450×331, expected the image on the")


def test_a_further_area_of_an_svs_is_refused(write_pages, pixels):
    head = {"description": "Aperio Image Library v11.2.1 \r\n450x331 (128x128) JPEG/RGB Q=80|MPP = 0.5"}
    jpeg = TILES | {"compression": "jpeg"}
    path = write_pages((pixels, jpeg | head), (np.ascontiguousarray(pixels[:200, :200]), jpeg), name="a.svs")
    refused(path, "holds a further image of 200×200 pixels .TIFF page 1., expected smaller copies of the slide")
    with open_slide(write_pages((pixels, jpeg | head), (halved(pixels), jpeg), name="a.svs")) as slide:
        assert slide.info.format == "aperio" and slide.info.mpp == (0.5, 0.5)


def test_a_page_that_the_ome_xml_does_not_name(write_pages, pixels):
    text = OME.format(images=OME_IMAGE.format(index=0, name="cells", **SIZES))
    first = (pixels, TILES | {"description": text})
    refused(write_pages(first, (np.ascontiguousarray(pixels[:200]), TILES)), "holds a further image of 450×200 pixels")
    path = write_pages(first, (halved(pixels), {"subfiletype": 1}), (pixels[:50], {"description": "label"}))
    with open_slide(path) as slide:
        assert slide.info.format == "ome-tiff" and sorted(slide.associated()) == ["label"]


def test_ome_xml_that_points_into_other_files(build):
    data = '<TiffData IFD="0" PlaneCount="1"/>'
    text = OME.format(images=OME_IMAGE.format(index=0, name="cells", **SIZES))
    own = 'UUID="urn:uuid:11111111-1111-1111-1111-111111111111"'

    def described(uuid, name, root=own):
        place = f'<TiffData IFD="0" PlaneCount="1"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
        return build(description=text.replace(data, place).replace("<OME ", f"<OME {root} ", 1))

    other = "urn:uuid:22222222-2222-2222-2222-222222222222"
    refused(described(other, "b.ome.tif"), "pixels in another file, “b.ome.tif”, expected them in this file")
    refused(described("", "b.ome.tif", root=""), "pixels in another file, “b.ome.tif”")
    for path in (described(own[6:-1], "renamed.ome.tif"), described("", "slide.tif", root="")):
        with open_slide(path) as slide:
            assert slide.info.format == "ome-tiff"
    companion = text[: text.index("<Instrument")] + '<BinaryOnly MetadataFile="c.companion.ome" UUID="u"/></OME>'
    refused(build(description=companion), "OME-XML that is in another file, “c.companion.ome”")
    refused(build(description=text.replace('"uint8"', '"int8"')), "claims int8 pixels in the OME-XML")


def test_the_scale_of_every_kind_of_tiff(tmp_path, build, pixels):
    scale = {"resolution": (40000, 20000), "resolutionunit": "centimeter"}
    for options in (
        {"tile": None},
        {"tile": None, "compression": "jpeg"},
        {"compression": "webp", "compressionargs": {}},
        {"compression": "jpegxl"},
        {},
    ):
        with open_slide(build(**options, **scale)) as slide:
            assert slide.info.mpp == pytest.approx((0.25, 0.5))
            assert slide.info.properties["tiff.XResolution"] == "40000"
            assert slide.info.properties["tiff.ResolutionUnit"] == "centimeter"
    with open_slide(build(tile=None, resolution=(300, 300), resolutionunit="inch")) as slide:
        assert slide.info.mpp is None and slide.info.properties["tiff.XResolution"] == "300"


@pytest.mark.parametrize(
    ("density", "unit", "expected"),
    [
        (4, "um", 0.25),
        (4, "micron", 0.25),
        (4, "\\u00B5m", 0.25),
        (0.004, "nm", 0.25),
        (4000, "mm", 0.25),
        (40000, "cm", 0.25),
        (72, "inch", None),
        (1, "pixel", None),
    ],
)
def test_units_of_imagej(tmp_path, pixels, density, unit, expected):
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(density, density), metadata={"unit": unit})
    with open_slide(path) as slide:
        assert slide.info.mpp == (expected and pytest.approx((expected, expected)))


@pytest.mark.parametrize("size", ["0.25", "250000", "0.000001", "nan", "-1", "1e308"])
def test_an_impossible_scale_is_ignored(build, size, caplog):
    head = "Aperio Image Library v11.2.1 \r\n450x331 (128x128) JPEG/RGB Q=80|MPP = "
    text = OME.format(images=OME_IMAGE.format(index=0, name="cells", **SIZES)).replace('"0.4"', f'"{size}"')
    for path in (
        build(name="a.svs", description=head + size, compression="jpeg"),
        build(name="a.tif", description=text.replace('"0.3"', f'"{size}"')),
    ):
        with open_slide(path) as slide:
            assert slide.info.mpp == ((0.25, 0.25) if size == "0.25" else None)
