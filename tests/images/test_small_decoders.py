"""The decoders of a small installation give the pixels of imagecodecs, bit for bit."""

import io
import re

import imagecodecs
import numpy as np
import pylibjxl
import pytest
from PIL import Image

from sr_tf.data.smear import render_smear
from sr_tf.images import decoders, libavif
from sr_tf.images.codecs import CODECS
from sr_tf.images.jpeg_colours import RGB, YCBCR, stating_colours

IMAGES = {
    "smear": render_smear(3, 151, 226)[:97, :75],
    "noise": np.random.default_rng(0).integers(0, 256, (33, 71, 3), np.uint8),
    "extremes": np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (32, 48, 3)),
    "one": np.full((1, 1, 3), 77, np.uint8),
}


@pytest.fixture
def small(monkeypatch):
    """`decoders` as where imagecodecs is not installed."""
    monkeypatch.setattr(decoders, "HAS_IMAGECODECS", False)
    return decoders


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("codec", ["avif-quick", "avif420-quick", "avif-slow", "avif420-slow"])
def test_avif(small, codec, image):
    for quality in (0, 60, 100):
        file = CODECS[codec].encode(image, quality)
        expected = imagecodecs.avif_decode(file)
        found = small.decode_avif_values(file)
        assert found.dtype == expected.dtype == (np.uint8 if codec.endswith("slow") else np.uint16)
        assert np.array_equal(found, expected)


def test_avif_of_others_and_damaged_files_are_errors():
    file = CODECS["avif-quick"].encode(IMAGES["smear"], 50)
    for bad in (b"", b"not AVIF", file[:100], file[:-50], imagecodecs.avif_encode(IMAGES["smear"][..., 0])):
        with pytest.raises(RuntimeError):
            libavif.decode(bad)
    for place in range(0, len(file), 97):
        changed = bytearray(file)
        changed[place] ^= 0x55
        try:
            libavif.decode(bytes(changed))
        except RuntimeError:
            continue


def test_the_version_is_that_of_pillow():
    from PIL import features

    assert libavif.version() == features.version("avif")
    assert re.fullmatch(r"0\.\d+\.\d+", decoders.jpegxl_version())


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_jpeg_xl(small, image):
    for options in ({"lossless": True}, {"distance": 1.0}, {"distance": 8.0}):
        file = imagecodecs.jpegxl_encode(image, **options)
        assert np.array_equal(small.decode_jpegxl(file), imagecodecs.jpegxl_decode(file))
    assert small.jpegxl_version() in imagecodecs.jpegxl_version()


def test_damaged_jpeg_xl_is_an_error(small):
    file = imagecodecs.jpegxl_encode(IMAGES["smear"], lossless=True)
    for bad in (b"", b"not JPEG XL", file[: len(file) // 2]):
        for decode in (small.decode_jpegxl, small.unpack_jpeg):
            with pytest.raises((RuntimeError, ValueError)):
                decode(bad)


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
def test_jpeg_files_are_given_back_and_decoded(small, subsampling):
    for image in IMAGES.values():
        for colours, outside in (("YCBCR", YCBCR), ("RGB", RGB)):
            if colours == "RGB" and subsampling != "444":
                continue
            file = imagecodecs.jpeg8_encode(image, level=85, subsampling=subsampling, outcolorspace=colours)
            packed = imagecodecs.jpegxl_encode_jpeg(file)
            assert small.unpack_jpeg(packed) == file == pylibjxl.jxl_to_jpeg(packed)
            for said in ("YCBCR", "RGB"):
                expected = imagecodecs.jpeg8_decode(file, colorspace=said, outcolorspace="RGB")
                assert np.array_equal(small.decode_jpeg(file, said, "RGB"), expected), (colours, said)
            stated = np.asarray(Image.open(io.BytesIO(stating_colours(file, outside, over_jfif=True))).convert("RGB"))
            assert np.array_equal(stated, imagecodecs.jpeg8_decode(file, colorspace=colours, outcolorspace="RGB"))


def test_grey_and_damaged_jpeg(small):
    grey = IMAGES["smear"][..., 1]
    file = imagecodecs.jpeg8_encode(np.ascontiguousarray(grey), level=90)
    assert np.array_equal(small.decode_jpeg(file, "GRAYSCALE", "GRAYSCALE"), imagecodecs.jpeg8_decode(file))
    with pytest.raises(ValueError):
        small.decode_jpeg(b"\xff\xd8\xff\xd9", "YCBCR", "RGB")
