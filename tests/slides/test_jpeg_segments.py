import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sr_tf.data.smear import render_smear
from sr_tf.slides.jpeg_segments import decode_segment, has_regular_scans, join_tables, split_tables


def jpeg(**options):
    buffer = io.BytesIO()
    Image.fromarray(np.full((16, 32, 3), 90, np.uint8)).save(buffer, format="JPEG", **options)
    return buffer.getvalue()


@given(st.binary(), st.binary())
def test_tables_join_and_split_exactly(inner, rest):
    tables, segment = b"\xff\xd8" + inner + b"\xff\xd9", b"\xff\xd8" + rest
    assert split_tables(tables, join_tables(tables, segment)) == segment
    assert split_tables(None, join_tables(None, segment)) == segment


def test_data_that_cannot_be_joined_or_split():
    tables = b"\xff\xd8\xff\xdb\x00\x02\xff\xd9"
    for others in (b"", b"\xff\xd8", b"no tables at all", tables + b"\0"):
        with pytest.raises(ValueError, match="tables"):
            join_tables(others, jpeg())
    for segment in (b"", b"\xff", b"text"):
        with pytest.raises(ValueError, match="not a JPEG"):
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


def test_segments_and_metadata_need_no_slide_reader():
    code = "import sys, sr_tf.slides.jpeg_grid, sr_tf.slides.info, sr_tf.slides.deidentify; "
    code += "assert not {'openslide', 'tifffile', 'PIL', 'scipy', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_second_scan_of_a_sequential_jpeg_is_noticed():
    picture = Image.fromarray(render_smear(1, 32, 48))
    files = {}
    for progressive in (False, True):
        content = io.BytesIO()
        picture.save(content, "JPEG", progressive=progressive)
        files[progressive] = content.getvalue()
    assert all(map(has_regular_scans, files.values()))
    sequential = files[False]
    scan = sequential[sequential.index(b"\xff\xda") :]
    assert not has_regular_scans(sequential[:-2] + scan)
    assert not has_regular_scans(sequential[:-2])
    assert not has_regular_scans(sequential[:30])
