import io
import os
import subprocess
import sys
import warnings

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sr_tf.errors import UserError
from sr_tf.images.reading import encode_png, find_images, read_folder, read_rgb, write_png

RGB = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)


def save(path, array, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_lossless_rgb_is_read_exactly(tmp_path, suffix):
    image = read_rgb(save(tmp_path / f"a{suffix}", RGB))
    assert image.dtype == np.uint8 and image.flags.writeable
    np.testing.assert_array_equal(image, RGB)


def test_jpeg_has_the_pixels_that_opencv_reads(tmp_path):
    smooth = cv2.GaussianBlur(RGB, (0, 0), 3)
    path = save(tmp_path / "a.JPG", smooth, quality=95)
    difference = read_rgb(path).astype(int) - cv2.imread(str(path))[..., ::-1]
    assert np.abs(difference).max() <= 2


def test_grey_gets_three_equal_channels(tmp_path):
    grey = RGB[..., 0]
    for suffix in (".png", ".tif", ".bmp"):
        np.testing.assert_array_equal(read_rgb(save(tmp_path / f"g{suffix}", grey)), np.stack([grey] * 3, axis=-1))


def test_a_palette_is_replaced_by_its_colours(tmp_path):
    blocks = np.kron(np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8), np.ones((8, 8, 1), np.uint8))
    np.testing.assert_array_equal(read_rgb(save(tmp_path / "p.png", blocks, "P")), blocks)


@pytest.mark.parametrize("shape", [(20, 31, 4), (20, 31, 2)])
def test_alpha_is_dropped_only_if_all_pixels_are_opaque(tmp_path, shape):
    pixels = np.resize(RGB, shape)
    pixels[..., -1] = 255
    path = save(tmp_path / "a.png", pixels)
    colours = pixels[..., :-1] if shape[-1] == 4 else np.repeat(pixels[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(read_rgb(path), colours)
    pixels[3, 3, -1] = 254
    with pytest.raises(UserError, match=r"a\.png: has transparent pixels, expected"):
        read_rgb(save(path, pixels))


def test_a_transparent_colour_counts_as_transparency(tmp_path):
    with pytest.raises(UserError, match="transparent"):
        read_rgb(save(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8), transparency=(0, 0, 0)))


def turned(orientation):
    """RGB as it is shown: the meaning of each value of the tag Orientation, from the TIFF specification."""
    return {
        1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.transpose(1, 0, 2), 6: np.rot90(RGB, -1),
        7: np.rot90(RGB, 2).transpose(1, 0, 2), 8: np.rot90(RGB),
    }[orientation]  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_orientation_is_applied(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_rgb(save(tmp_path / f"a{suffix}", RGB, exif=exif))
    np.testing.assert_array_equal(image, turned(orientation))


def test_damaged_exif_has_no_orientation(tmp_path):
    path = save(tmp_path / "a.jpg", RGB, exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)
    plain = save(tmp_path / "b.jpg", RGB, quality=95)
    np.testing.assert_array_equal(read_rgb(path), read_rgb(plain))


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("kind", ["uint16", "int16", "int8", "float32"])
def test_samples_that_are_not_8_bits_are_refused(tmp_path, planes, tile, kind):
    image = np.ascontiguousarray(RGB if planes == "contig" else RGB.transpose(2, 0, 1)).astype(kind)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="rgb", planarconfig=planes, tile=tile, metadata=None)
    with pytest.raises(UserError, match=r"a\.tif: .*expected an 8-bit RGB"):
        read_rgb(path)


def test_signed_grey_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RGB[..., 0].astype(np.int8), photometric="minisblack", metadata=None)
    with pytest.raises(UserError, match=r"a\.tif: found 8-bit signed samples, expected an 8-bit RGB"):
        read_rgb(tmp_path / "a.tif")


def test_ycbcr_under_a_tag_that_says_rgb_is_refused(tmp_path):
    data = imagecodecs.jpeg8_encode(RGB, subsampling="444")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, iter([data]), shape=RGB.shape, dtype="uint8", photometric="rgb", compression="jpeg",
                     rowsperstrip=20, metadata=None)  # fmt: skip
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["PhotometricInterpretation"].overwrite(2)
    with pytest.raises(UserError, match="found JPEG data in YCbCr under a tag that says RGB"):
        read_rgb(path)


@pytest.mark.parametrize(
    ("name", "found", "write"),
    [
        ("grey16.png", "16-bit", lambda path: cv2.imwrite(path, RGB[..., 0].astype(np.uint16) * 257)),
        ("rgb16.png", "16-bit", lambda path: cv2.imwrite(path, RGB.astype(np.uint16) * 257)),
        ("grey16.tif", "16-bit", lambda path: cv2.imwrite(path, RGB[..., 0].astype(np.uint16) * 257)),
        ("rgb16.tif", "16-bit", lambda path: cv2.imwrite(path, RGB.astype(np.uint16) * 257)),
        ("float.tif", "floating-point", lambda path: Image.fromarray(RGB[..., 0].astype(np.float32)).save(path)),
        ("integer.tif", "32-bit integer", lambda path: Image.fromarray(RGB[..., 0].astype(np.int32)).save(path)),
        ("cmyk.jpg", "CMYK", lambda path: Image.fromarray(RGB).convert("CMYK").save(path)),
        ("bits.png", "1-bit", lambda path: Image.fromarray(RGB[..., 0]).convert("1").save(path)),
        ("lab.tif", "LAB", lambda path: Image.fromarray(np.resize(RGB, (8, 8, 3)), "LAB").save(path)),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_error_for_other_pixels_names_their_kind(tmp_path, name, found, write):
    write(str(tmp_path / name))
    with pytest.raises(UserError, match=f"{name}: found {found} pixels, expected an 8-bit RGB or grey"):
        read_rgb(tmp_path / name)


def test_several_pages_are_refused(tmp_path):
    pages = [Image.fromarray(RGB) for _ in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(UserError, match="holds 3 pages, expected one image"):
        read_rgb(tmp_path / "a.tif")


def test_files_that_are_not_images_are_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("cells")
    for name, found in (
        ("empty.png", "is empty"),
        ("text.png", "is not a readable image"),
        ("none.png", "no such file"),
    ):
        with pytest.raises(UserError, match=f"{name}: {found}.*expected"):
            read_rgb(tmp_path / name)
    with pytest.raises(UserError, match="is a folder, expected"):
        read_rgb(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_every_truncated_file_is_refused(tmp_path, suffix):
    data = save(tmp_path / f"whole{suffix}", RGB).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for kept in range(1, len(data) * 9 // 10, 7):
        path.write_bytes(data[:kept])
        with pytest.raises(UserError, match="cut"):
            read_rgb(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["PNG", "JPEG", "TIFF", "BMP"]), st.data())
def test_a_damaged_file_gives_an_image_or_a_user_error(tmp_path, kind, data):
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, format=kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content) - 1, 200)))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(content)
    try:
        image = read_rgb(path)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert image.dtype == np.uint8 and image.shape[2] == 3


@pytest.mark.parametrize("factor", [1.5, 3])
def test_a_huge_image_is_refused_without_a_warning(tmp_path, monkeypatch, factor):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(20 * 31 / factor))
    with warnings.catch_warnings(record=True) as caught, pytest.raises(UserError, match="too large, expected at most"):
        read_rgb(save(tmp_path / "a.png", RGB))
    assert not caught


def test_images_are_found_in_natural_order(tmp_path):
    names = ["2.jpg", "10.JPG", "a/1.png", "a/2.bmp", "a/02.Tiff", "b/x.jpeg", "b/y.tif"]
    for name in [*names, ".hidden.png", ".cache/1.png", "a/._2.bmp", "notes.txt", "b/mask.npy"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == names


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    for folder, found in ((tmp_path, "no images found, expected .jpg"), (tmp_path / "x", "no such folder")):
        with pytest.raises(UserError, match=found):
            find_images(folder)
    with pytest.raises(UserError, match="is a file, expected a folder"):
        find_images(tmp_path / "a.txt")


@pytest.fixture
def mixed(tmp_path):
    save(tmp_path / "1.png", RGB)
    (tmp_path / "2.png").write_bytes(b"broken")
    save(tmp_path / "3.png", RGB)
    return find_images(tmp_path)


def test_unreadable_images_are_skipped_with_warnings(mixed, caplog):
    assert [path.name for path, _ in read_folder(mixed)] == ["1.png", "3.png"]
    assert "2.png" in caplog.text and "skipped 1 of 3 images" in caplog.text


def test_strict_stops_at_the_first_unreadable_image(mixed):
    with pytest.raises(UserError, match=r"2\.png"):
        list(read_folder(mixed, strict=True))


def test_a_folder_without_readable_images_is_an_error(mixed):
    with pytest.raises(UserError, match="none of 1 images can be read"):
        list(read_folder(mixed[1:2]))


def test_png_is_lossless(tmp_path):
    write_png(tmp_path / "new" / "a.png", RGB)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new" / "a.png"))[..., ::-1], RGB)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(encode_png(RGB), np.uint8), -1)[..., ::-1], RGB)


def test_reading_needs_no_tensorflow():
    code = "import sys, datasets, sr_tf.images.reading, sr_tf.data.scenes, sr_tf.data.duplicates; "
    code += "assert not {'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pipes_among_the_images_are_skipped_and_with_strict_an_error(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    os.mkfifo(tmp_path / "b.png")
    paths = find_images(tmp_path)
    assert [path.name for path, _ in read_folder(paths)] == ["a.png"]
    with pytest.raises(UserError, match=r"b\.png: is a device, pipe or socket, expected an 8-bit RGB"):
        list(read_folder(paths, strict=True))


def test_a_palette_image_without_its_palette_is_refused_in_one_line(tmp_path):
    blocks = np.kron(np.array([[[255, 0, 0], [0, 255, 0]]], np.uint8), np.ones((8, 8, 1), np.uint8))
    data = save(tmp_path / "p.png", blocks, "P").read_bytes()
    start = data.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    (tmp_path / "p.png").write_bytes(data[:start] + data[end:])
    with pytest.raises(UserError, match=r"p\.png: the file is damaged"):
        read_rgb(tmp_path / "p.png")
