"""Windows, floors and the page, without the shipped finder."""

import json
import re

import numpy as np
import pytest

from sr_tf.archive.grid import Grid
from sr_tf.cells.finder import Cells
from sr_tf.cells.tally import Tally, pair_cells
from sr_tf.data.smear import render_smear
from sr_tf.images.codecs import CODECS
from sr_tf.validation.differences import differences, with_pictures
from sr_tf.validation.floors import floors
from sr_tf.validation.page import to_html
from sr_tf.validation.results import Method, Validation
from sr_tf.validation.table import HEADINGS, row, to_json
from sr_tf.validation.windows import MARGIN, WINDOW, by_block, windows

FINDER = {
    "weights_sha256": "ab" * 32, "parameters": 1234, "data": "fields <1>",
    "test": {"fields": 2, "labels": 10, "recall": 0.9, "radius": 18.0, "accuracy": 0.8, "kappa": 0.7, "kappa_low": 0.6,
             "kappa_high": 0.75, "macro_f1": 0.5},
}  # fmt: skip


def cells(*rows):
    table = np.array(rows, np.float32).reshape(-1, 3)
    return Cells(table[:, :2], table[:, 2].astype(int), np.ones(len(table), np.float32))


PAIRING = pair_cells(
    cells((10, 10, 0), (600, 10, 1), (300, 700, 4)), cells((12, 10, 0), (600, 12, 2), (90, 90, 9)), (0, 0, 1024, 1024)
)


@pytest.mark.parametrize("size", [(640, 480), (WINDOW, WINDOW), (2 * WINDOW + 5, WINDOW + 1)])
def test_windows_cover_every_pixel_once(size):
    width, height = size
    seen = np.zeros((height, width), int)
    for window in windows(Grid(width, height)):
        x, y, w, h = window.inside
        seen[y : y + h, x : x + w] += 1
        left, top, wide, high = window.seen
        assert left == max(x - MARGIN, 0) and top == max(y - MARGIN, 0)
        assert left + wide == min(x + w + MARGIN, width) and top + high == min(y + h + MARGIN, height)
    assert (seen == 1).all()


def test_a_pairing_is_divided_into_blocks_and_loses_no_cell():
    parts = dict(by_block(PAIRING))
    assert list(parts) == [(0, 0), (0, 1), (1, 0)]
    assert [(len(part.first), len(part.lost), len(part.gained)) for part in parts.values()] == [
        (1, 0, 1), (1, 0, 0), (0, 1, 0),
    ]  # fmt: skip


def test_floors_have_the_bytes_that_they_may_have():
    field = render_smear(4, 200, 260)
    rate = 0.09
    jpeg, avif, bicubic = floors([field], rate)
    assert np.array_equal(jpeg.coded(field)[0], CODECS["jpeg"].decode(CODECS["jpeg"].encode(field, 90)))
    for floor in (avif, bicubic):
        other, size = floor.coded(field)
        assert other.shape == field.shape
        assert 0.5 * rate < size / (200 * 260) <= rate
    coarsest = floors([field], 0.0)[1]
    assert coarsest.settings.endswith("quality 0")


def method(name, pairing, pictures=False):
    made = Method(name, "settings & more", 1, 1000, 125)
    for block, part in by_block(pairing):
        made.tally.add(block, part)
    window = next(windows(Grid(1024, 1024)))
    image = np.zeros((1024, 1024, 3), np.uint8)
    if pictures:
        made.differences = [with_pictures(one, window, image, image, 0) for one in differences(pairing)]
    return made


def validation(*methods):
    return Validation("a<b>.sr.zip", "slide.svs", None, "cd" * 32, "PSNR ≥ 34 dB", "how", FINDER, list(methods))


def test_the_page_needs_nothing_else_and_shows_every_difference():
    page = to_html(validation(method("restored", PAIRING, pictures=True), method("JPEG", PAIRING)))
    assert page.startswith("<!doctype html>")
    assert not re.search(r"(https?:)?//|<script|<link rel=\"stylesheet|url\(", page)
    assert "Research use only. Not a medical device." in page
    assert "a&lt;b&gt;.sr.zip" in page and "a<b>" not in page and "fields &lt;1&gt;" in page
    assert page.count("<figure>") == 3 and page.count("data:image/png;base64,") == 6
    for title in ("original only: 1", "restored slide only: 1", "another type: 1", "macrocyte → microcyte"):
        assert title in page


def test_beyond_a_number_pictures_are_left_out():
    (lost, *_) = differences(PAIRING)
    window = next(windows(Grid(1024, 1024)))
    image = np.arange(1024 * 1024 * 3, dtype=np.uint32).astype(np.uint8).reshape(1024, 1024, 3)
    assert with_pictures(lost, window, image, image, 200).pictures is None
    original, _ = with_pictures(lost, window, image, image, 199).pictures
    assert original.shape == (72, 72, 3) and np.array_equal(original[36, 36], image[700, 300])


def test_the_record_is_strict_json_and_agrees_with_the_table():
    empty = Method("nothing", "none")
    record = json.loads(to_json(validation(method("restored", PAIRING, pictures=True), empty)))
    first, nothing = record["methods"]
    assert record["note"].startswith("Research use only")
    assert first["cells"]["original"] == first["cells"]["stored"] == 3
    assert (first["types"]["pairs"], first["types"]["same"], first["bits_per_pixel"]) == (2, 1, 1.0)
    assert [one["kind"] for one in first["differences"]] == ["lost", "gained", "changed"]
    assert nothing["types"]["kappa"] is None and nothing["cells"]["bias_percent"] is None
    texts = dict(zip(HEADINGS, row("nothing", 0.0, Tally()), strict=True))
    assert (texts["κ"], texts["bias (%)"], texts["same type"]) == ("–", "–", "0 of 0")
