"""Windows, floors and the page, without the shipped finder."""

import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from sr_tf.archive.finder_windows import MARGIN, WINDOW, by_block, windows
from sr_tf.archive.grid import Grid
from sr_tf.cells.finder import Cells
from sr_tf.cells.tally import Tally, pair_cells
from sr_tf.data.smear import render_smear
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce
from sr_tf.metrics.ring_correlation import detail
from sr_tf.pages.line_chart import line_chart
from sr_tf.validation import detail as detail_table
from sr_tf.validation.differences import differences, with_pictures
from sr_tf.validation.floors import floors
from sr_tf.validation.page import to_html
from sr_tf.validation.results import Method, Validation
from sr_tf.validation.table import HEADINGS, row, to_json

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
        quality = int(re.search(r"; quality (\d+)", floor.settings)[1])
        image = field if floor is avif else reduce(field, 4, "antialiased")
        assert len(CODECS["avif"].encode(image, quality)) == size
        assert len(CODECS["avif"].encode(image, quality + 1)) > rate * 200 * 260
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
    return Validation(
        "a<b>.sr.zip", "slide.svs", None, "cd" * 32, "PSNR ≥ 34 dB", "how", FINDER, list(methods), (0.5, 0.5)
    )


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


def test_detail_stands_in_page_table_and_record():
    original = render_smear(6, 256, 256)
    restored, empty = method("restored", PAIRING), Method("nothing", "none")
    restored.details = {(0, 0): detail(original, cv2.GaussianBlur(original, (0, 0), 1.2))}
    found = validation(restored, empty)
    first, nothing = (one["detail"] for one in json.loads(to_json(found))["methods"])
    assert 0.05 < first["kept_median"] <= first["limit_median"] and len(first["curve"]) == 64
    assert nothing["kept_median"] is None and nothing["patches"] == 0
    texts = dict(zip(detail_table.HEADINGS, detail_table.row("restored", restored.detail(), (0.5, 0.5)), strict=True))
    assert texts["flagged"] == f"0 of {first['patches']}" and texts["kept to (cycles/pixel)"] in to_html(found)
    assert texts["finest detail"].endswith(" µm") and to_html(found).count("<polyline") == 1
    assert detail_table.row("nothing", empty.detail(), None)[1:] == [*["–"] * 6, "0 of 0"]


@pytest.mark.parametrize(
    ("frequency", "mpp", "expected"),
    [
        (0.25, (0.5, 0.5), "4.0 px = 2.00 µm"), (0.25, None, "4.0 px"), (0.25, (0.5, 0.6), "4.0 px"),
        (0.0, (0.5, 0.5), "none below 128 px"), (None, None, "–"),
    ],
)  # fmt: skip
def test_lengths_are_given_in_um_only_if_they_are_known(frequency, mpp, expected):
    assert detail_table.length(frequency, mpp) == expected


def test_windows_without_their_margin_are_what_they_count():
    grid = Grid(1100, 40)
    image = np.arange(40 * 1100 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 1100, 3)
    for window in windows(grid):
        (x, y, width, height), (left, top, wide, high) = window.inside, window.seen
        inside = window.without_margin(image[top : top + high, left : left + wide])
        assert np.array_equal(inside, image[y : y + height, x : x + width])


def test_the_middle_of_a_window_lies_inside():
    whole, narrow = windows(Grid(WINDOW + 100, 300))
    assert whole.middle(200) == (412, 50, 200, 200)
    assert narrow.middle(200) == (WINDOW, 50, 100, 200)


def test_a_chart_stays_inside_and_names_its_curves():
    chart = line_chart([0.1, 0.2], {"one": [1.0, -0.5], "<two>": [0.5, 2.0]}, 0.5, "x", "y")
    assert "<two>" not in chart and chart.count("&lt;two&gt;") == 2
    (second, first) = re.findall(r'points="([^"]*)"', chart)
    assert all(0 <= float(number) <= 640 for points in (first, second) for number in re.split("[ ,]", points))
    assert first.split()[1].split(",")[1] == "236" and second.split()[1].split(",")[1] == "14"


def test_a_page_of_nuclei_says_nothing_of_types():
    card = {"method": "a classical method <1>.", "mpp": 0.5}
    found = validation(method("restored", PAIRING, pictures=True))
    nuclei = Validation(**{**vars(found), "finder": card, "counted": "nuclei"})
    page, record = to_html(nuclei), json.loads(to_json(nuclei))
    assert "nuclei, counted</p>" in page and "a classical method &lt;1&gt;. Lengths are those of 0.5 µm" in page
    assert "κ" not in page and "same type" not in page
    assert "another type" not in page and "macrocyte" not in page and "Finder, weights" not in page
    assert (record["counted"], record["types"], record["finder"]["weights_sha256"]) == ("nuclei", [], None)
    assert to_html(found).count("another type") == 1


def test_an_archive_that_was_gated_by_the_finder_is_no_evidence():
    found = validation(method("restored", PAIRING))
    words = "So the row of the archive is no evidence"
    assert words not in to_html(found) and words in to_html(replace(found, gated=True))
