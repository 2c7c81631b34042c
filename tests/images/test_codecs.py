from itertools import pairwise

import imagecodecs
import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.images.codecs import CODECS

COMPETITORS = ("avif-slow", "avif420-slow", "avif10-slow", "jpegxl", "jpeg2000", "webp", "jpeg")


@pytest.fixture(scope="module")
def image():
    return render_smear(4, 96, 117)


@pytest.mark.parametrize("name", CODECS)
def test_a_decoded_image_resembles_the_original(name, image):
    codec = CODECS[name]
    file = codec.encode(image, codec.levels[-1])
    assert isinstance(file, bytes)
    decoded = codec.decode(file)
    assert decoded.dtype == np.uint8
    assert decoded.shape == image.shape
    assert np.abs(decoded.astype(float) - image).mean() < 4
    assert len(file) < image.nbytes / 4


@pytest.mark.parametrize("name", CODECS)
def test_levels_go_from_fewest_to_most_bytes_and_from_worst_to_best(name, image):
    codec = CODECS[name]
    files = [codec.encode(image, level) for level in codec.levels]
    errors = [np.square(codec.decode(file).astype(float) - image).mean() for file in files]
    assert [len(file) for file in files] == sorted(len(file) for file in files)
    assert len({len(file) for file in files}) == len(files)
    # Encoders optimise for the eye, so the squared error may rise slightly from one level to the next.
    assert all(finer < 1.02 * coarser for coarser, finer in pairwise(errors))
    assert errors[-1] < errors[0] / 2


@pytest.mark.parametrize("name", COMPETITORS)
def test_any_size_and_any_layout_of_memory(name, image):
    codec = CODECS[name]
    level = codec.levels[len(codec.levels) // 2]
    for part in (image[:1, :1], image[3:8, 5:16], image[:, ::-1]):
        decoded = codec.decode(codec.encode(part, level))
        assert decoded.shape == part.shape
        np.testing.assert_array_equal(decoded, codec.decode(codec.encode(part.copy(), level)))


@pytest.mark.parametrize("name", CODECS)
def test_other_data_and_truncated_files_are_refused(name, image):
    codec = CODECS[name]
    whole = codec.encode(image, codec.levels[0])
    damaged = [b"", b"no image at all" * 9, b"\0" + whole]
    if name != "jpeg":  # its decoder fills the missing part with grey
        damaged.append(whole[: len(whole) // 2])
    for content in damaged:
        with pytest.raises((RuntimeError, ValueError)):
            codec.decode(content)


def test_each_competitor_is_coded_as_its_settings_say(image):
    coded = {name: CODECS[name].encode(image, CODECS[name].levels[4]) for name in COMPETITORS}
    assert coded["avif-slow"][4:12] == coded["avif420-slow"][4:12] == b"ftypavif"
    assert coded["jpegxl"][:2] == b"\xff\x0a"  # a bare codestream, no container
    assert coded["jpeg2000"][:4] == b"\xff\x4f\xff\x51"
    style = coded["jpeg2000"].index(b"\xff\x52")
    assert coded["jpeg2000"][style + 8] == 1  # the multiple component transform
    assert coded["jpeg2000"][style + 13] == 0  # the irreversible 9/7 wavelet
    assert coded["webp"][12:16] == b"VP8 "  # lossy; lossless is "VP8L"
    frame = coded["jpeg"].index(b"\xff\xc0")  # baseline
    assert coded["jpeg"][frame + 11] == 0x22  # luma sampled 2 × 2: 4:2:0
    plain = imagecodecs.jpeg8_encode(image, level=round(CODECS["jpeg"].levels[4]), subsampling="420")
    assert len(coded["jpeg"]) < len(plain)


def test_a_codec_names_its_library_and_version():
    for codec in CODECS.values():
        library, _, version = codec.version.rpartition(" ")
        assert library
        assert version[0].isdecimal()
    assert CODECS["avif-slow"].version.startswith("libavif ")
    assert "mozjpeg is not" in CODECS["jpeg"].settings


@pytest.mark.parametrize("name", ["avif", "avif420", "avif-fast"])
def test_stored_avif_has_10_bits_and_keeps_8_bit_pixels(name, image):
    file = CODECS[name].encode(image, 100)
    assert imagecodecs.avif_decode(file).dtype == np.uint16
    if "420" not in name:
        assert np.abs(CODECS[name].decode(file).astype(int) - image).max() <= 3


def test_files_with_8_bits_are_read(image):
    file = CODECS["avif-slow"].encode(image, 60)
    np.testing.assert_array_equal(CODECS["avif"].decode(file), imagecodecs.avif_decode(file))


def test_files_with_12_bits_are_refused():
    file = imagecodecs.avif_encode(np.full((16, 16, 3), 4000, np.uint16), level=90, bitspersample=12)
    with pytest.raises(ValueError, match="expected 8 or 10 bits"):
        CODECS["avif"].decode(file)
