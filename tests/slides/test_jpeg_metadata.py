import io

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sr_tf.data.smear import render_smear
from sr_tf.slides.jpeg_metadata import without_metadata
from sr_tf.slides.jpeg_segments import join_tables, split_tables

SECRET = b"Jane Doe S19-1234"


def marker(code, content):
    return bytes([0xFF, code]) + (len(content) + 2).to_bytes(2, "big") + content


def jpeg(**options):
    buffer = io.BytesIO()
    Image.fromarray(render_smear(3, 64, 80)).save(buffer, "JPEG", quality=85, **options)
    return buffer.getvalue()


def planted(file):
    """The file with secrets wherever a decoder skips them."""
    jfif = marker(0xE0, b"JFIF\0" + bytes([1, 1, 0, 0, 1, 0, 1, 4, 1]) + SECRET[:12])
    start = (
        b"".join(marker(0xE0 + number, SECRET) for number in range(16))
        + marker(0xFE, SECRET)
        + marker(0xE0, b"JFXX\0" + SECRET)
    )
    adobe = marker(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET)
    assert file[2:4] == b"\xff\xe0"
    scan = file.index(b"\xff\xda")
    return file[:2] + jfif + start + adobe + SECRET + file[20:scan] + marker(0xDC, SECRET) + file[scan:] + SECRET


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
def test_metadata_goes_and_pixels_stay(options):
    file = jpeg(**options)
    before = planted(file)
    after = without_metadata(before)
    assert SECRET in before and b"Doe" not in after and b"S19" not in after
    np.testing.assert_array_equal(imagecodecs.jpeg8_decode(after), imagecodecs.jpeg8_decode(before))
    assert without_metadata(after) == after


def test_a_comment_between_two_scans_goes():
    file = jpeg(progressive=True)
    second = file.index(b"\xff\xda", file.index(b"\xff\xda") + 2)
    before = file[:second] + marker(0xFE, SECRET) + file[second:]
    assert without_metadata(before) == file


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_file_without_metadata_is_returned_as_it_is(options):
    assert without_metadata(jpeg(**options)) == jpeg(**options)


def test_tables_and_segment_are_cleaned_alike():
    file = jpeg()
    scan = file.index(b"\xff\xc0")
    tables, segment = (
        file[:2] + marker(0xFE, SECRET) + file[20:scan] + b"\xff\xd9",
        b"\xff\xd8" + marker(0xE1, SECRET) + file[scan:],
    )
    clean = without_metadata(join_tables(tables, segment))
    assert split_tables(without_metadata(tables), clean) == b"\xff\xd8" + file[scan:]


@given(st.binary(max_size=200), st.integers(2, 700))
def test_damaged_files_end_in_an_error_or_a_jpeg(noise, length):
    for damaged in (b"\xff\xd8" + noise, jpeg()[:length], noise):
        try:
            assert without_metadata(damaged).endswith(b"\xff\xd9")
        except ValueError as error:
            assert "JPEG" in str(error)
