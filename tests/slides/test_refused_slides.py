"""Files that `open_slide` refuses, and damage that it detects while reading."""

import struct

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from slide_files import OME, OME_IMAGE, read_all, refused, use_everything, write_ome

from sr_tf.errors import UserError
from sr_tf.slides.slide import open_slide


def test_images_that_would_be_lost_are_refused(tmp_path, pixels):
    path = tmp_path / "a.ome.tif"
    write_ome(path, [pixels, pixels], ["cells", "more cells"])
    refused(path, "holds a further image “more cells”, expected one slide")
    write_ome(path, [pixels, pixels, pixels], ["cells", "label", "label 2"])
    refused(path, "holds 3 images, expected one of each kind")


def test_files_that_are_not_slides(tmp_path):
    (tmp_path / "empty.svs").touch()
    (tmp_path / "text.svs").write_text("Aperio Image Library")
    refused(tmp_path / "empty.svs", "is empty, expected SVS")
    refused(tmp_path / "text.svs", "is not a readable slide, expected SVS")
    refused(tmp_path / "none.svs", "no such file, expected SVS")
    refused(tmp_path, "is a folder, expected SVS")


def test_stacks(tmp_path, build, build_ome, pixels):
    pair = np.stack([pixels, pixels])
    refused(build(image=pair), "holds a stack of images .2 along")
    refused(build(image=pair, compression="webp", compressionargs={}), "holds a stack of images")
    refused(
        build_ome(image=pair, metadata={"axes": "ZYXS"}), "a stack of 2 focal planes and 1 time points, expected one"
    )
    refused(
        build_ome(image=pair, metadata={"axes": "TYXS"}), "a stack of 1 focal planes and 2 time points, expected one"
    )
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


def test_wrong_ome_xml(tmp_path, build, pixels):
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
        refused(path, "is an untiled TIFF of 450×331 pixels, expected tiles in a TIFF of more than 100,000 pixels")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", "too large, expected at most 100,000")


def overwrite(path, **tags):
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name, value in tags.items():
            tiff.pages[0].tags[name].overwrite(value)
    return path


def test_headers_with_impossible_sizes(build, build_ome):
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
def test_a_damaged_tile_is_an_error(build_ome, compression):
    arguments = {"lossless": True} if compression in ("webp", "jpegxl") else {}
    path = build_ome(compression=compression, compressionargs=arguments)
    with tifffile.TiffFile(path) as tiff:
        offset, count = tiff.pages[0].dataoffsets[5], tiff.pages[0].databytecounts[5]
    data = bytearray(path.read_bytes())
    # WebP decodes trailing zeros as black pixels without an error, so its data are cut early.
    for kept in (0, 10) if compression == "webp" else (0, 40, count // 2):
        path.write_bytes(data[: offset + kept] + bytes(count - kept) + data[offset + count :])
        with open_slide(path) as slide:
            slide.read(0, 0, 128, 128)
            with pytest.raises(UserError, match=r"(tile|segment) 1,1 is damaged"):
                slide.read(128, 128, 10, 10)


def test_decompression_bombs_in_other_compressions(build_ome, pixels):
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
    """Small files of each kind, whose first 1,200 and last 600 bytes are mostly headers."""
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
def test_a_damaged_file_gives_a_slide_or_a_user_error(tmp_path, headers, data):
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


def test_regions_outside_the_slide(build):
    with open_slide(build()) as slide:
        for place in [(-1, 0, 5, 5), (0, 0, 451, 5), (0, 330, 5, 2), (0, 0, 0, 5), (10**12, 0, 1, 1)]:
            with pytest.raises(UserError, match="is not inside the slide of 450×331 pixels"):
                slide.read(*place)


def test_nothing_is_printed(build_ome, tmp_path, capfd, caplog):
    path = tmp_path / "cut.tif"
    path.write_bytes(build_ome(compression="jpeg").read_bytes()[:3000])
    with pytest.raises(UserError):
        open_slide(path)
    assert capfd.readouterr() == ("", "") and not caplog.records
