"""Slides that can be opened: their pixels, metadata and segments."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image, ImageCms
from slide_files import openslide_region, read_all, write_ome

from sr_tf.errors import UserError
from sr_tf.slides.jpeg_segments import decode_segment, split_tables
from sr_tf.slides.slide import open_slide

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# A real slide


def test_the_metadata_of_an_svs(real_slide):
    with open_slide(str(real_slide)) as slide:
        info = slide.info
        assert slide.path == real_slide
    assert (info.format, info.width, info.height) == ("aperio", 2220, 2967)
    assert (info.mpp, info.objective_power, info.icc) == ((0.499, 0.499), 20.0, None)
    assert info.properties["aperio.Filename"] == "CMU-1" and "openslide.comment" in info.properties
    assert not [key for key in info.properties if key.startswith(("openslide.level", "openslide.assoc", "openslide.q"))]


def test_an_svs_has_the_pixels_that_openslide_reads(real_slide):
    with open_slide(real_slide) as slide:
        for place in [(0, 0, 512, 512), (1700, 2455, 520, 512), (239, 479, 3, 2), (2219, 2966, 1, 1)]:
            np.testing.assert_array_equal(slide.read(*place), openslide_region(real_slide, *place))


def test_every_tile_of_an_svs_decodes_to_the_pixels_that_openslide_reads(real_slide):
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
                tile = decode_segment(standalone, grid.photometric)
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
def test_several_threads_read_the_same_pixels_as_one(build, build_ome, pixels, ome):
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
            tile = decode_segment(grid.standalone(1, 1), grid.photometric)
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
def test_grey_gets_three_equal_channels(build, build_ome, pixels, compression):
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


def test_opaque_alpha_is_dropped_and_transparency_refused(build, pixels):
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


def test_missing_tiles_are_white(build, build_ome, pixels):
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


def test_colour_profiles_are_the_bytes_in_the_file(tmp_path, build, build_ome, pixels):
    names = [tmp_path / name for name in ("a.png", "a.jpg", "a.tif")]
    for path in names:
        Image.fromarray(pixels).save(path, icc_profile=ICC)
    for path in (*names, build(iccprofile=ICC), build_ome(iccprofile=ICC)):
        with open_slide(path) as slide:
            assert slide.info.icc == ICC


def test_only_a_measured_resolution_becomes_mpp(build, build_ome):
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
        assert slide.info.format == "tiff" and slide.info.mpp == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.25, "µm", 0.25), (250, "nm", 0.25), (0.00025, "mm", 0.25), (3, "pixel", None), (3, "reference frame", None)],
)
def test_ome_sizes(build_ome, size, unit, expected):
    metadata = {"PhysicalSizeX": size, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 2 * size, "PhysicalSizeYUnit": unit}
    with open_slide(build_ome(metadata=metadata)) as slide:
        assert slide.info.mpp == (expected and pytest.approx((expected, 2 * expected)))
        assert slide.info.objective_power is None


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
