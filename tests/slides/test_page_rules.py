"""The pixels read are the pixels that are there: samples, planes, orientation and colours of TIFF pages."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from slide_files import read_all, refused

from sr_tf.errors import UserError
from sr_tf.slides.jpeg_segments import decode_segment
from sr_tf.slides.slide import open_slide

PLANES = {"photometric": "rgb", "planarconfig": "separate"}


def in_planes(image):
    return np.ascontiguousarray(image.transpose(2, 0, 1))


@pytest.mark.parametrize("tile", [None, (128, 128)])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("uint16", "16-bit unsigned"),
        ("int16", "16-bit signed"),
        ("int8", "8-bit signed"),
        ("float32", "32-bit floating-point"),
    ],
)
def test_only_unsigned_samples_of_8_bits_are_read(build, pixels, tile, planes, kind, found):
    image = (pixels if planes == "contig" else in_planes(pixels)).astype(kind)
    refused(build(image=image, tile=tile, planarconfig=planes), f"found {found} samples, expected unsigned 8-bit")


@pytest.mark.parametrize("tile", [None, (128, 128)])
def test_signed_grey(build, build_ome, pixels, tile):
    grey = {"image": pixels[..., 0].astype(np.int8), "photometric": "minisblack", "tile": tile}
    refused(build(**grey), "found 8-bit signed samples")
    refused(build_ome(metadata={"axes": "YX"}, **grey), "found 8-bit signed samples")


@pytest.mark.parametrize("tile", [None, (128, 128)])
@pytest.mark.parametrize(
    ("compression", "predictor"), [(None, False), ("deflate", True), ("lzw", True), ("zstd", False)]
)
def test_planes_are_read_exactly(build, build_ome, pixels, tile, compression, predictor):
    options = PLANES | {"image": in_planes(pixels), "tile": tile, "compression": compression, "predictor": predictor}
    strips = {} if tile else {"rowsperstrip": 100}
    for path in (build(**options, **strips), build_ome(metadata={"axes": "CYX"}, **options, **strips)):
        with open_slide(path) as slide:
            assert slide.grid is None
            np.testing.assert_array_equal(read_all(slide), pixels)
            np.testing.assert_array_equal(slide.read(100, 90, 60, 50), pixels[90:140, 100:160])


def test_planes_in_jpeg(build, build_ome, pixels):
    options = PLANES | {"image": in_planes(pixels), "compression": "jpeg", "compressionargs": {"level": 95}}
    for path in (build(**options), build_ome(metadata={"axes": "CYX"}, **options)):
        with open_slide(path) as slide:
            assert slide.grid is None
            np.testing.assert_array_equal(read_all(slide), tifffile.imread(path).transpose(1, 2, 0))


def test_a_tile_that_lacks_a_plane_is_damaged(build, pixels):
    path = build(image=in_planes(pixels), **PLANES)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        counts = list(tiff.pages[0].tags["TileByteCounts"].value)
        counts[12 + 5] = 0
        tiff.pages[0].tags["TileByteCounts"].overwrite(counts)
    with open_slide(path) as slide:
        slide.read(0, 0, 128, 128)
        with pytest.raises(UserError, match=r"tile 1,1 is damaged .it lacks 1 of 3 planes"):
            read_all(slide)


def turned(image, orientation):
    """The image as it is shown: the meaning of each value of the tag Orientation, from the TIFF specification."""
    return {
        1: image, 2: image[:, ::-1], 3: image[::-1, ::-1], 4: image[::-1], 5: image.transpose(1, 0, 2),
        6: np.rot90(image, -1), 7: np.rot90(image, 2).transpose(1, 0, 2), 8: np.rot90(image),
    }[orientation]  # fmt: skip


@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation(build, build_ome, pixels, orientation):
    tag = {"extratags": [(274, 3, 1, orientation, True)]}
    for path in (
        build(**tag),
        build(compression="webp", compressionargs={}, **tag),
        build(compression="jpeg", **tag),
        build_ome(**tag),
        build_ome(tile=None, **tag),
    ):
        refused(path, f"found TIFF orientation {orientation}, expected 1")
    with open_slide(build(tile=None, **tag)) as slide:
        np.testing.assert_array_equal(read_all(slide), turned(pixels, orientation))


def test_exif_orientation(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png"):
        Image.fromarray(pixels).save(tmp_path / name, exif=exif, quality=95)
        with Image.open(tmp_path / name) as image:
            stored = np.asarray(image)
        with open_slide(tmp_path / name) as slide:
            assert (slide.info.width, slide.info.height) == (331, 450)
            np.testing.assert_array_equal(read_all(slide), np.rot90(stored, -1))


def called_rgb(path):
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["PhotometricInterpretation"].overwrite(2)
    return path


def test_an_svs_whose_tag_is_wrong_about_its_colours_is_refused(build):
    """OpenSlide follows the tag, other programs the JPEG data."""
    tile = imagecodecs.jpeg8_encode(np.zeros((128, 128, 3), np.uint8))
    head = "Aperio Image Library v11.2.1 \r\n128x128 (128x128) JPEG/RGB Q=80|MPP = 0.5"
    options = {"shape": (128, 128, 3), "dtype": "uint8", "compression": "jpeg", "description": head}
    refused(called_rgb(build("a.svs", image=iter([tile]), **options)), "JPEG tiles in YCbCr under a tag that says RGB")


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("ome", [False, True])
def test_colours_of_jfif_tiles_are_ycbcr_whatever_the_tag_says(build, build_ome, pixels, subsampling, ome):
    """Bio-Formats writes such files."""
    padded = np.pad(pixels, ((0, 53), (0, 62), (0, 0)), mode="edge")
    corners = [(y, x) for y in range(0, 331, 128) for x in range(0, 450, 128)]
    tiles = [
        imagecodecs.jpeg8_encode(np.ascontiguousarray(padded[y : y + 128, x : x + 128]), subsampling=subsampling)
        for y, x in corners
    ]
    expected = np.empty_like(padded)
    for (y, x), tile in zip(corners, tiles, strict=True):
        expected[y : y + 128, x : x + 128] = imagecodecs.jpeg8_decode(tile)
    options = {"shape": pixels.shape, "dtype": "uint8", "compression": "jpeg"}
    path = called_rgb((build_ome if ome else build)(image=iter(tiles), **options))
    with open_slide(path) as slide:
        np.testing.assert_array_equal(read_all(slide), expected[:331, :450])
        grid = slide.grid
        assert (grid.photometric, grid.subsampling) == (6, {"444": (1, 1), "422": (2, 1), "420": (2, 2)}[subsampling])
        assert grid.segment(1, 1) == tiles[5]
        np.testing.assert_array_equal(decode_segment(grid.standalone(1, 1), 6), expected[128:256, 128:256])
