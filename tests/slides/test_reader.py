import io
import struct
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sr_tf.errors import UserError
from sr_tf.slides.jpeg_grid import decode_segment, join_tables, split_tables
from sr_tf.slides.slide import open_slide

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def openslide_region(path, x, y, width, height):
    with openslide.OpenSlide(path) as slide:
        rgba = np.array(slide.read_region((x, y), 0, (width, height)))
    assert rgba[..., 3].min() == 255
    return rgba[..., :3]


def read_all(slide):
    return slide.read(0, 0, slide.info.width, slide.info.height)


def use_everything(path):
    """Everything that a reader can be asked for."""
    with open_slide(path) as slide:
        size = (slide.info.height, slide.info.width, 3)
        if slide.info.width * slide.info.height < 2**24:
            image = read_all(slide)
            assert image.shape == size and image.dtype == np.uint8
        slide.read(slide.info.width - 1, slide.info.height - 1, 1, 1)
        slide.associated()
        for row in range(slide.grid.rows if slide.grid else 0):
            slide.grid.segment(0, row)
            slide.grid.standalone(0, row)


def refused(path, match):
    with pytest.raises(UserError, match=match) as caught:
        open_slide(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


# The real slide


def test_what_an_svs_says_of_itself(real_slide):
    with open_slide(str(real_slide)) as slide:
        info = slide.info
        assert slide.path == real_slide
    assert (info.format, info.width, info.height) == ("aperio", 2220, 2967)
    assert (info.mpp, info.objective_power, info.icc) == ((0.499, 0.499), 20.0, None)
    assert info.properties["aperio.Filename"] == "CMU-1" and "openslide.comment" in info.properties
    assert not [key for key in info.properties if key.startswith(("openslide.level", "openslide.assoc", "openslide.q"))]


def test_an_svs_has_the_pixels_that_openslide_shows(real_slide):
    with open_slide(real_slide) as slide:
        for place in [(0, 0, 512, 512), (1700, 2455, 520, 512), (239, 479, 3, 2), (2219, 2966, 1, 1)]:
            np.testing.assert_array_equal(slide.read(*place), openslide_region(real_slide, *place))


def test_every_tile_of_an_svs_decodes_to_the_pixels_that_openslide_shows(real_slide):
    with open_slide(real_slide) as slide:
        grid, whole = slide.grid, read_all(slide)
        assert (grid.width, grid.height, grid.segment_width, grid.segment_height) == (2220, 2967, 240, 240)
        assert (grid.columns, grid.rows, grid.photometric, grid.subsampling) == (10, 13, 2, (2, 2))
        for row in range(grid.rows):
            for column in range(grid.columns):
                standalone = grid.standalone(column, row)
                assert split_tables(grid.tables, standalone) == grid.segment(column, row)
                x, y = column * 240, row * 240
                shown = whole[y : y + 240, x : x + 240]
                tile = decode_segment(standalone, grid.photometric, grid.subsampling)
                np.testing.assert_array_equal(tile[: shown.shape[0], : shown.shape[1]], shown)


def test_segments_of_an_svs_are_the_bytes_in_the_file(real_slide):
    with open_slide(real_slide) as slide, tifffile.TiffFile(real_slide) as tiff:
        page, data = tiff.pages[0], real_slide.read_bytes()
        assert slide.grid.tables == page.jpegtables
        for index in (0, 9, 129):
            offset, count = page.dataoffsets[index], page.databytecounts[index]
            assert slide.grid.segment(index % 10, index // 10) == data[offset : offset + count]


def test_associated_images_of_an_svs(real_slide):
    with open_slide(real_slide) as slide, openslide.OpenSlide(real_slide) as other:
        images = slide.associated()
        assert images.keys() == other.associated_images.keys() == {"label", "macro", "thumbnail"}
        for name, image in images.items():
            np.testing.assert_array_equal(image.pixels, np.array(other.associated_images[name].convert("RGB")))
        assert images["label"].grid is None
        for name in ("macro", "thumbnail"):
            grid, shown = images[name].grid, images[name].pixels
            assert (grid.columns, grid.segment_width, grid.segment_height) == (1, shown.shape[1], 16)
            strips = [decode_segment(grid.standalone(0, row), grid.photometric) for row in range(grid.rows)]
            np.testing.assert_array_equal(np.concatenate(strips)[: grid.height], shown)


# Threads


@pytest.mark.parametrize("ome", [False, True])
def test_threads_read_what_one_reads(build, build_ome, pixels, ome):
    path = (build_ome if ome else build)(image=np.tile(pixels, (3, 3, 1)), compression="jpeg")
    places = [(x, y, 200, 150) for x in range(0, 1100, 90) for y in range(0, 800, 70)]
    with open_slide(path) as slide, ThreadPoolExecutor(4) as pool:
        whole = read_all(slide)
        for (x, y, width, height), region in zip(places, pool.map(lambda p: slide.read(*p), places), strict=True):
            np.testing.assert_array_equal(region, whole[y : y + height, x : x + width])
        cells = [(column, row) for column in range(slide.grid.columns) for row in range(slide.grid.rows)]
        assert list(pool.map(lambda c: slide.grid.segment(*c), cells)) == [slide.grid.segment(*c) for c in cells]


# Built slides


@pytest.mark.parametrize("compression", [None, "deflate", "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("predictor", [False, True])
def test_lossless_tiff(build, build_ome, pixels, compression, predictor):
    predictor = predictor and compression not in (None, "packbits")
    for write, kind in ((build, "generic-tiff"), (build_ome, "ome-tiff")):
        with open_slide(write(compression=compression, predictor=predictor)) as slide:
            assert slide.info.format == kind and slide.grid is None and slide.associated() == {}
            np.testing.assert_array_equal(read_all(slide), pixels)
            np.testing.assert_array_equal(slide.read(100, 90, 60, 50), pixels[90:140, 100:160])


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_tiff_in_ycbcr(build, build_ome, subsampling):
    path = build(compression="jpeg", subsampling=subsampling)
    ome = build_ome(compression="jpeg", subsampling=subsampling)
    expected = openslide_region(path, 0, 0, 450, 331)
    for name in (path, ome):
        with open_slide(name) as slide:
            grid = slide.grid
            assert (grid.columns, grid.rows, grid.photometric, grid.subsampling) == (4, 3, 6, subsampling)
            np.testing.assert_array_equal(read_all(slide), expected)
            tile = decode_segment(grid.standalone(1, 1), grid.photometric, grid.subsampling)
            np.testing.assert_array_equal(tile, expected[128:256, 128:256])


def test_jpeg_tiff_in_rgb(build, build_ome):
    options = {"compression": "jpeg", "compressionargs": {"outcolorspace": "rgb", "level": 95}}
    expected = openslide_region(build(**options), 0, 0, 450, 331)
    for path in (build(**options), build_ome(**options)):
        with open_slide(path) as slide:
            assert slide.grid.photometric == 2
            np.testing.assert_array_equal(read_all(slide), expected)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "jpegxl"])
def test_compressions_that_openslide_does_not_read(build, build_ome, pixels, compression):
    arguments = {} if compression == "jpeg2000" else {"lossless": True}
    for write, kind in ((build, "tiff"), (build_ome, "ome-tiff")):
        with open_slide(write(compression=compression, compressionargs=arguments)) as slide:
            assert slide.info.format == kind
            np.testing.assert_array_equal(read_all(slide), pixels)


@pytest.mark.parametrize("compression", ["deflate", "jpeg"])
def test_grey_is_repeated(build, build_ome, pixels, compression):
    options = {"image": pixels[..., 0], "photometric": "minisblack", "compression": compression}
    expected = openslide_region(build(**options), 0, 0, 450, 331)
    for path in (build(**options), build_ome(metadata={"axes": "YX"}, **options)):
        with open_slide(path) as slide:
            assert slide.grid is None
            np.testing.assert_array_equal(read_all(slide), expected)


def test_bigtiff_and_other_byte_order(build, build_ome, pixels):
    for write in (build, build_ome):
        for options in ({"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}):
            with open_slide(write(**options)) as slide:
                np.testing.assert_array_equal(read_all(slide), pixels)


def test_opaque_alpha_is_dropped_and_any_other_refused(build, pixels):
    rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    for compression in ("deflate", "webp"):
        path = build(image=rgba, compression=compression, extrasamples=["unassalpha"], compressionargs={})
        with open_slide(path) as slide:
            assert slide.info.format == "tiff" and read_all(slide).shape == pixels.shape
    rgba[200, 200, 3] = 254
    with open_slide(build(image=rgba, extrasamples=["unassalpha"])) as slide:
        slide.read(0, 0, 128, 128)
        with pytest.raises(UserError, match=r"tile 1,1 is transparent, expected opaque"):
            read_all(slide)


def test_left_out_tiles_are_white(build, build_ome, pixels):
    for write in (build, build_ome):
        path = write(compression="jpeg")
        with tifffile.TiffFile(path, mode="r+") as tiff:
            counts, offsets = (list(tiff.pages[0].tags[name].value) for name in ("TileByteCounts", "TileOffsets"))
            counts[5] = offsets[5] = 0
            tiff.pages[0].tags["TileByteCounts"].overwrite(counts)
            tiff.pages[0].tags["TileOffsets"].overwrite(offsets)
        with open_slide(path) as slide:
            assert slide.grid.segment(1, 1) == slide.grid.standalone(1, 1) == b""
            whole = read_all(slide)
            assert (whole[128:256, 128:256] == 255).all()
            assert (whole[:, :128] < 255).any()


def test_an_untiled_tiff_and_plain_images(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "strips.tif", pixels, photometric="rgb", rowsperstrip=10, description="cells")
    for name in ("a.png", "a.bmp", "named.svs"):
        Image.fromarray(pixels).save(tmp_path / name, format="BMP" if "bmp" in name else "PNG", dpi=(50000, 50000))
    for name in ("strips.tif", "a.png", "a.bmp", "named.svs"):
        with open_slide(tmp_path / name) as slide:
            assert (slide.info.format, slide.info.mpp, slide.info.icc, slide.grid) == ("image", None, None, None)
            assert slide.info.properties.get("tiff.ImageDescription") == ("cells" if "tif" in name else None)
            np.testing.assert_array_equal(read_all(slide), pixels)
            np.testing.assert_array_equal(slide.read(3, 5, 40, 30), pixels[5:35, 3:43])


def test_profiles_are_the_files_own_bytes(tmp_path, build, build_ome, pixels):
    names = [tmp_path / name for name in ("a.png", "a.jpg", "a.tif")]
    for path in names:
        Image.fromarray(pixels).save(path, icc_profile=ICC)
    for path in (*names, build(iccprofile=ICC), build_ome(iccprofile=ICC)):
        with open_slide(path) as slide:
            assert slide.info.icc == ICC


def test_resolution_becomes_mpp_only_where_it_was_measured(build, build_ome):
    for resolution, unit, expected in [
        (20000, "centimeter", (0.5, 0.5)),
        (50800, "inch", (0.5, 0.5)),
        *[(dpi, "inch", None) for dpi in (72, 96, 150, 300, 1200)],
        (1, "none", None),
    ]:
        with open_slide(build(resolution=(resolution, resolution), resolutionunit=unit)) as slide:
            assert slide.info.mpp == (expected and pytest.approx(expected)), (resolution, unit)
        with open_slide(build_ome(resolution=(resolution, resolution), resolutionunit=unit)) as slide:
            assert slide.info.mpp is None
    with open_slide(
        build(compression="webp", compressionargs={}, resolution=(20000, 20000), resolutionunit=3)
    ) as slide:
        assert slide.info.format == "tiff" and slide.info.mpp is None


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.25, "µm", 0.25), (250, "nm", 0.25), (0.00025, "mm", 0.25), (3, "pixel", None), (3, "reference frame", None)],
)
def test_ome_sizes(build_ome, size, unit, expected):
    metadata = {"PhysicalSizeX": size, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 2 * size, "PhysicalSizeYUnit": unit}
    with open_slide(build_ome(metadata=metadata)) as slide:
        assert slide.info.mpp == (expected and pytest.approx((expected, 2 * expected)))
        assert slide.info.objective_power is None


OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="40"/></Instrument>{images}</OME>"""
OME_IMAGE = """<Image ID="Image:{index}" Name="{name}"><ObjectiveSettings ID="Objective:0"/>
<Pixels ID="Pixels:{index}" DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" SizeC="3" SizeZ="{z}"
SizeT="1" PhysicalSizeX="0.3" PhysicalSizeY="0.4"><Channel ID="Channel:{index}:0" SamplesPerPixel="3"/>
<TiffData IFD="{index}" PlaneCount="1"/></Pixels></Image>"""


def write_ome(path, images, names, z=1, widen=0):
    sizes = [(image.shape[1] + widen, image.shape[0]) for image in images]
    entries = [
        OME_IMAGE.format(index=index, name=name, width=width, height=height, z=z)
        for index, (name, (width, height)) in enumerate(zip(names, sizes, strict=True))
    ]
    with tifffile.TiffWriter(path, ome=False) as writer:
        for index, image in enumerate(images):
            options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
            tiles = {"rowsperstrip": 16} if index else {"tile": (128, 128)}
            description = None if index else OME.format(images="".join(entries))
            writer.write(image, description=description, **options, **tiles)


def test_ome_with_associated_images(tmp_path, pixels):
    path = tmp_path / "a.ome.tif"
    write_ome(path, [pixels, pixels[:99, :48], pixels[:50, :64]], ["cells", "label image", "Macro"])
    with open_slide(path) as slide:
        assert (slide.info.mpp, slide.info.objective_power) == ((0.3, 0.4), 40)
        images = slide.associated()
        assert sorted(images) == ["label", "macro"]
        assert images["macro"].pixels.shape == (50, 64, 3)
        grid, shown = images["label"].grid, images["label"].pixels
        assert (grid.columns, grid.rows, grid.segment_height) == (1, 7, 16)
        strips = [decode_segment(grid.standalone(0, row), grid.photometric) for row in range(grid.rows)]
        np.testing.assert_array_equal(np.concatenate(strips), shown)
        assert np.abs(shown.astype(int) - pixels[:99, :48]).mean() < 10


def test_images_that_would_be_lost_are_refused(tmp_path, pixels):
    path = tmp_path / "a.ome.tif"
    write_ome(path, [pixels, pixels], ["cells", "more cells"])
    refused(path, "holds a further image “more cells”, expected one slide")
    write_ome(path, [pixels, pixels, pixels], ["cells", "label", "label 2"])
    refused(path, "holds 3 images, expected one of each kind")


# Refusals


def test_what_is_no_slide(tmp_path):
    (tmp_path / "empty.svs").touch()
    (tmp_path / "text.svs").write_text("Aperio Image Library")
    refused(tmp_path / "empty.svs", "is empty, expected SVS")
    refused(tmp_path / "text.svs", "is no slide that can be read, expected SVS")
    refused(tmp_path / "none.svs", "no such file, expected SVS")
    refused(tmp_path, "is a folder, expected SVS")


def test_stacks(tmp_path, build, build_ome, pixels):
    pair = np.stack([pixels, pixels])
    refused(build(image=pair), "holds a stack of images .2 along")
    refused(build(image=pair, compression="webp", compressionargs={}), "holds a stack of images")
    refused(build_ome(image=pair, metadata={"axes": "ZYXS"}), "a stack of 2 focal planes and 1 times, expected one")
    refused(build_ome(image=pair, metadata={"axes": "TYXS"}), "a stack of 1 focal planes and 2 times, expected one")
    tifffile.imwrite(tmp_path / "imagej.tif", pair[..., 0], imagej=True, metadata={"axes": "ZYX"})
    refused(tmp_path / "imagej.tif", "holds a stack of images .2 along Z")
    write_ome(tmp_path / "z.ome.tif", [pixels], ["cells"], z=5)
    refused(tmp_path / "z.ome.tif", "a stack of 5 focal planes")


def test_other_pixels(build, build_ome, pixels):
    for write in (build, build_ome):
        refused(write(image=pixels.astype(np.uint16)), "found 16-bit unsigned samples, expected unsigned 8-bit")
        refused(write(image=pixels.astype(np.float32)), "found 32-bit floating-point samples")
    grey = {"photometric": "minisblack"}
    refused(build_ome(image=pixels.transpose(2, 0, 1), metadata={"axes": "CYX"}, **grey), "3 channels in planes of 1")
    five = np.dstack([pixels, pixels[..., :2]])
    refused(build(image=five, planarconfig="contig", **grey), "5 samples of photometric")
    cmyk = np.dstack([pixels, pixels[..., :1]])
    refused(build(image=cmyk, photometric="separated"), "4 samples of photometric interpretation 5")
    refused(build(image=pixels[..., 0], photometric="miniswhite"), "photometric interpretation 0, expected RGB or grey")


def test_ome_xml_that_lies(tmp_path, build, pixels):
    write_ome(tmp_path / "a.ome.tif", [pixels], ["cells"], widen=1)
    refused(tmp_path / "a.ome.tif", "claims 451×331 pixels in the OME-XML, the page has 450×331")
    text = OME.format(images=OME_IMAGE.format(index=7, name="", width=450, height=331, z=1))
    refused(build(description=text), "names page 7, the file holds 1")
    for damaged in (text.replace('SizeZ="1"', 'SizeZ="x"'), text.replace("</Image>", ""), OME.format(images="")):
        refused(build(description=damaged), "OME-XML is damaged")
    bomb = text.replace("?>", '?><!DOCTYPE OME [<!ENTITY a "aaaa">]>', 1)
    refused(build(description=bomb), "OME-XML is damaged .it defines entities")


def test_large_untiled_images(tmp_path, monkeypatch, build_ome, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    ome = build_ome(tile=None)
    with open_slide(ome) as slide:
        np.testing.assert_array_equal(read_all(slide), pixels)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    for path in (tmp_path / "a.tif", ome):
        refused(path, "is an untiled TIFF of 450×331 pixels, expected tiles in one of more than 100,000")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "too large, expected at most 100,000")


def overwrite(path, **tags):
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name, value in tags.items():
            tiff.pages[0].tags[name].overwrite(value)
    return path


def test_absurd_headers(build, build_ome):
    for write in (build, build_ome):
        refused(overwrite(write(), ImageWidth=60000), "claims 60000×331 pixels and 12 tiles, expected 1,407")
        refused(overwrite(write(), ImageWidth=200), "claims 200×331 pixels and 12 tiles, expected 6")
        refused(overwrite(write(), TileWidth=65520, TileLength=65520), "tiles of 65520×65520 pixels, expected at most")
        refused(overwrite(write(), TileWidth=0), "cannot be opened as a slide|strips, expected")
        refused(overwrite(write(), TileOffsets=[2**31] * 12), "truncated or damaged, TIFF page 0 has data up to byte")


def test_pages_in_a_circle(build):
    path = build()
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack("<I", data[4:8])
    (tags,) = struct.unpack("<H", data[first : first + 2])
    place = first + 2 + 12 * tags
    data[place : place + 4] = data[4:8]
    path.write_bytes(data)
    refused(path, "TIFF page 1 cannot be at byte")


@pytest.mark.parametrize("ome", [False, True])
def test_a_tile_that_claims_another_size(build, build_ome, pixels, ome):
    """A few bytes that would decode to gigabytes."""
    path = (build_ome if ome else build)(compression="jpeg")
    with open_slide(path) as slide:
        segment = slide.grid.segment(1, 1)
    data = bytearray(path.read_bytes())
    place = data.index(segment) + segment.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", 65500, 65500)
    path.write_bytes(data)
    with open_slide(path) as slide:
        with pytest.raises(
            UserError, match=r"segment 1,1 is damaged .the JPEG claims 65500×65500 pixels, expected 128"
        ):
            slide.grid.standalone(1, 1)
        with pytest.raises(UserError, match=str(path)):
            read_all(slide)


@pytest.mark.parametrize("compression", ["deflate", "zstd", "lzw", "packbits", "jpeg2000", "webp", "jpegxl", "jpeg"])
def test_a_damaged_tile_is_an_error_and_no_grey(build_ome, compression):
    arguments = {"lossless": True} if compression in ("webp", "jpegxl") else {}
    path = build_ome(compression=compression, compressionargs=arguments)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[5], tiff.pages[0].databytecounts[5]
    data = bytearray(path.read_bytes())
    # Half a WebP tile of zeros is half a black tile for its decoder, within the format.
    for kept in (0, 10) if compression == "webp" else (0, 40, count // 2):
        path.write_bytes(data[: offset + kept] + bytes(count - kept) + data[offset + count :])
        with open_slide(path) as slide:
            slide.read(0, 0, 128, 128)
            with pytest.raises(UserError, match=r"(tile|segment) 1,1 is damaged"):
                slide.read(128, 128, 10, 10)


def test_bombs_in_other_compressions(build_ome, pixels):
    huge = np.zeros((2048, 2048, 3), np.uint8)
    for compression, encode in [
        ("deflate", lambda: imagecodecs.zlib_encode(huge.tobytes())),
        ("zstd", lambda: imagecodecs.zstd_encode(huge.tobytes())),
        ("jpeg2000", lambda: imagecodecs.jpeg2k_encode(huge)),
        ("webp", lambda: imagecodecs.webp_encode(huge, level=0)),
        ("jpegxl", lambda: imagecodecs.jpegxl_encode(huge, effort=1)),
    ]:
        tile = encode()
        tiles = (tile for _ in range(12))
        path = build_ome(image=tiles, shape=pixels.shape, dtype="uint8", compression=compression)
        with open_slide(path) as slide, pytest.raises(UserError, match="tile 0,0 is damaged"):
            read_all(slide)


@pytest.mark.parametrize("kind", ["jpeg", "ome", "strips"])
def test_every_truncated_file_is_refused(tmp_path, build, build_ome, pixels, kind):
    if kind == "strips":
        tifffile.imwrite(tmp_path / "s.tif", pixels, photometric="rgb", compression="deflate", rowsperstrip=20)
        data = (tmp_path / "s.tif").read_bytes()
    else:
        data = (build if kind == "jpeg" else build_ome)(compression="jpeg").read_bytes()
    path = tmp_path / "cut.tif"
    for kept in [*range(16), *range(16, len(data), len(data) // 60), *range(len(data) - 600, len(data), 70)]:
        path.write_bytes(data[:kept])
        with pytest.raises(UserError, match=r"cut\.tif"):
            use_everything(path)


def test_a_truncated_svs_is_refused(tmp_path, real_slide):
    data = real_slide.read_bytes()
    path = tmp_path / "cut.svs"
    for kept in [*range(0, len(data) - 1, len(data) // 25), len(data) - 1]:
        path.write_bytes(data[:kept])
        with pytest.raises(UserError, match=r"cut\.svs"):
            use_everything(path)


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    """Small files of each kind, the bytes of their first 1,200 and last 600 being for the greater part headers."""
    folder = tmp_path_factory.mktemp("headers")
    image = np.full((70, 90, 3), 128, np.uint8)
    options = {"tile": (32, 32), "photometric": "rgb"}
    tifffile.imwrite(folder / "jpeg.tif", image, compression="jpeg", metadata=None, **options)
    tifffile.imwrite(folder / "deflate.tif", image, compression="deflate", metadata=None, **options)
    tifffile.imwrite(folder / "big.tif", image, bigtiff=True, compression="lzw", metadata=None, **options)
    tifffile.imwrite(folder / "webp.tif", image, compression="webp", metadata=None, **options)
    tifffile.imwrite(folder / "a.ome.tif", image, compression="jpeg", metadata={"axes": "YXS"}, **options)
    tifffile.imwrite(folder / "strips.tif", image, photometric="rgb", rowsperstrip=16)
    Image.fromarray(image).save(folder / "a.png")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_gives_a_slide_or_a_user_error_and_nothing_else(tmp_path, headers, data):
    content = bytearray(data.draw(st.sampled_from(headers)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(content), 1200) - 1) | st.integers(-min(len(content), 600), -1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content)
    try:
        use_everything(path)
    except UserError as error:
        assert "\n" not in str(error) and "damaged" in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1800), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_damaged_header_of_an_svs(tmp_path, real_slide, changes):
    content = bytearray(real_slide.read_bytes())
    (first,) = struct.unpack("<I", content[4:8])
    for place, value in changes:
        content[first + place - 4 if place >= 4 else place] = value
    path = tmp_path / "damaged.svs"
    path.write_bytes(content)
    try:
        with open_slide(path) as slide:
            slide.read(0, 0, min(300, slide.info.width), min(300, slide.info.height))
            slide.associated()
    except UserError as error:
        assert "\n" not in str(error)


def test_a_region_outside(build):
    with open_slide(build()) as slide:
        for place in [(-1, 0, 5, 5), (0, 0, 451, 5), (0, 330, 5, 2), (0, 0, 0, 5), (10**12, 0, 1, 1)]:
            with pytest.raises(UserError, match="does not lie inside 450×331 pixels"):
                slide.read(*place)


def test_nothing_is_printed(build_ome, tmp_path, capfd, caplog):
    path = tmp_path / "cut.tif"
    path.write_bytes(build_ome(compression="jpeg").read_bytes()[:3000])
    with pytest.raises(UserError):
        open_slide(path)
    assert capfd.readouterr() == ("", "") and not caplog.records


# JPEG tables


def jpeg(**options):
    buffer = io.BytesIO()
    Image.fromarray(np.full((16, 32, 3), 90, np.uint8)).save(buffer, format="JPEG", **options)
    return buffer.getvalue()


@given(st.binary(), st.binary())
def test_tables_join_and_split_exactly(inner, rest):
    tables, segment = b"\xff\xd8" + inner + b"\xff\xd9", b"\xff\xd8" + rest
    assert split_tables(tables, join_tables(tables, segment)) == segment
    assert split_tables(None, join_tables(None, segment)) == segment


def test_what_cannot_be_joined_or_split():
    tables = b"\xff\xd8\xff\xdb\x00\x02\xff\xd9"
    for others in (b"", b"\xff\xd8", b"no tables at all", tables + b"\0"):
        with pytest.raises(ValueError, match="tables"):
            join_tables(others, jpeg())
    for segment in (b"", b"\xff", b"text"):
        with pytest.raises(ValueError, match="no JPEG"):
            join_tables(tables, segment)
    with pytest.raises(ValueError, match="does not begin with the page's tables"):
        split_tables(tables, jpeg())


def test_segments_that_cannot_be_decoded():
    whole = jpeg()
    assert decode_segment(whole + b"\0\0", 6).shape == (16, 32, 3)
    start = whole.index(b"\xff\xc0")
    bomb = whole[: start + 5] + struct.pack(">HH", 65500, 65500) + whole[start + 9 :]
    grey = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(grey, format="JPEG")
    for data, reason in [
        (bomb, "claims 65500×65500 pixels of 3 components"),
        (grey.getvalue(), "claims 16×16 pixels of 1 components"),
        (whole[:-2], "truncated"),
        (whole[: start + 12], "truncated"),
        (whole[:start], "no frame header"),
        (whole[: start + 20] + b"\xff\xd9", "damaged"),
        (b"", "no frame header"),
    ]:
        with pytest.raises(ValueError, match=reason):
            decode_segment(data, 6)
    with pytest.raises(ValueError, match="photometric interpretation 5"):
        decode_segment(whole, 5)
