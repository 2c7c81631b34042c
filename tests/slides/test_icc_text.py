import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sr_tf.slides.icc_text import without_text

SECRET = b"Jane Doe S19-1234"


def srgb():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile(tags, version=2, pcs=b"Lab ", gap=SECRET):
    """A scanner's profile with secrets in the header and between its tags."""
    tags = {b"desc": description(SECRET), b"cprt": b"text" + bytes(4) + SECRET + b"\0", b"priv": SECRET, **tags}
    place, table, content = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += gap + bytes(-len(data + gap) % 4)
        table += name + struct.pack(">II", place + len(content), len(data))
        content += data
    header = b"DOE1" + bytes([version, 0x20, 0, 0]) + b"scnrRGB " + pcs + struct.pack(">6H", 2019, 6, 5, 1, 2, 3)
    header += b"acsp" + b"DOE2" + bytes(4) + b"DOE3" + b"DOE4" + bytes(8) + bytes(4)
    header += bytes.fromhex("0000f6d6000100000000d32d") + b"DOE5" + SECRET.ljust(44, b"\0")
    return struct.pack(">I", place + len(content)) + header + struct.pack(">I", len(tags)) + table + content


def description(text):
    return b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)


def xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * value) for value in values))


def curve(*values):
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def gamma(value):
    return b"para" + bytes(4) + struct.pack(">HHi", 0, 0, round(65536 * value))


def matrix_profile():
    colours = {
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
    }
    tones = {b"rTRC": curve(563), b"gTRC": curve(0, 9000, 30000, 65535), b"bTRC": curve(500)}
    return profile({b"wtpt": xyz(0.9642, 1, 0.8249), **colours, **tones}, pcs=b"XYZ ")


def table_profile(kind):
    random = np.random.default_rng(1)
    matrix = struct.pack(">9i", *(65536 * np.eye(3, dtype=int).ravel()))
    head = kind + bytes(4) + bytes([3, 3, 5, 0]) + matrix
    if kind == b"mft1":
        ramp = np.tile(np.arange(256, dtype=np.uint8), 3).tobytes()
        data = head + ramp + random.integers(0, 256, 5**3 * 3, np.uint8).tobytes() + ramp
    else:
        ramp = np.tile(np.linspace(0, 65535, 7), 3).astype(">u2").tobytes()
        table = random.integers(0, 65536, 5**3 * 3).astype(">u2").tobytes()
        data = head + struct.pack(">HH", 7, 7) + ramp + table + ramp
    return profile({b"wtpt": xyz(0.9642, 1, 0.8249), b"A2B0": data})


def curves_profile():
    """The type mAB, with secrets in each gap."""
    gap = SECRET + bytes(-len(SECRET) % 4)
    random = np.random.default_rng(2)
    b, m, a = (b"".join([gamma(value)] * 2 + [curve(0, 30000, 65535)] + [bytes(2)]) for value in (1.0, 1.2, 1.8))
    matrix = struct.pack(">12i", *(65536 * np.eye(3, dtype=int).ravel()), 0, 0, 0)
    table = bytes([4, 4, 4]).ljust(16, b"D") + b"\2Doe" + random.integers(0, 65536, 4**3 * 3).astype(">u2").tobytes()
    places, content = [], gap
    for part in (b, matrix, m, table, a):
        places.append(32 + len(content))
        content += part + gap
    data = b"mAB " + bytes(4) + bytes([3, 3]) + b"Do" + struct.pack(">5I", *places) + content
    return profile({b"wtpt": xyz(0.9642, 1, 0.8249), b"A2B0": data}, version=4)


def transformed(data):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    scanner = ImageCms.ImageCmsProfile(io.BytesIO(data))
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), scanner, ImageCms.createProfile("sRGB")))


@pytest.mark.parametrize(
    "make", [matrix_profile, lambda: table_profile(b"mft1"), lambda: table_profile(b"mft2"), curves_profile]
)
def test_the_colours_stay_and_the_text_goes(make):
    before = make()
    after = without_text(before)
    assert SECRET in before and b"DOE3" in before
    for secret in (SECRET, b"Doe", b"DOE", b"Do", b"S19", b"DDDD"):
        assert secret not in after
    assert int.from_bytes(after[:4], "big") == len(after) and struct.pack(">H", 2019) not in after[24:36]
    changed = transformed(before)
    np.testing.assert_array_equal(transformed(after), changed)
    assert changed.std() > 10 and ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(after)))
    assert without_text(after) == after


def test_a_profile_of_version_4_of_another_program():
    before = srgb()
    after = without_text(before)
    np.testing.assert_array_equal(transformed(after), transformed(before))
    assert "sRGB".encode("utf-16-be") in before and "sRGB".encode("utf-16-be") not in after


@pytest.mark.parametrize("tag", [b"D2B0", b"ncl2"])
def test_a_profile_with_another_kind_of_transform_is_not_kept(tag):
    assert without_text(profile({tag: b"mpet" + bytes(40)})) is None


@given(st.binary(max_size=300), st.integers(0, 600), st.binary(max_size=8))
def test_damaged_profiles_give_none_or_a_profile(noise, place, change):
    assert without_text(noise) is None
    damaged = bytearray(matrix_profile())
    damaged[place : place + len(change)] = change
    after = without_text(bytes(damaged))
    assert after is None or int.from_bytes(after[:4], "big") == len(after)
