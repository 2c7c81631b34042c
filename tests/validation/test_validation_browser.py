"""The page of `sr-tf validate` in Chromium."""

import numpy as np
from chromium import IN_BROWSER, launched, watched

from sr_tf.cells.finder import Cells
from sr_tf.cells.shipped import card
from sr_tf.cells.tally import pair_cells
from sr_tf.metrics.ring_correlation import detail
from sr_tf.validation.page import to_html
from sr_tf.validation.results import Method, Validation

pytestmark = IN_BROWSER


def test_the_page_opens_without_a_request_and_no_column_is_cut_off(tmp_path):
    places = np.stack(np.meshgrid(np.arange(45) * 40, np.arange(45) * 40), -1).reshape(-1, 2).astype(np.float32)
    found = Cells(places, np.arange(len(places)) % 7, np.ones(len(places), np.float32))
    field = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    methods = []
    for name in ("restored", "JPEG quality 90", "AVIF at equal bytes", "bicubic ×4 at equal bytes"):
        methods.append(Method(name, "how", windows=1, pixels=1800**2, bytes=90_000))
        methods[-1].tally.add((0, 0), pair_cells(found, found, (0, 0, 1800, 1800)))
        methods[-1].details[0, 0] = detail(field, field)
    gate = "study: 4× reduced and restored by a generator; no threshold, every tile's errors are kept"
    result = Validation("a.sr.zip", "a.svs", "ab" * 32, "cd" * 32, gate, "how", card(), methods)
    page = tmp_path / "cells.html"
    page.write_text(to_html(result), "utf-8")
    with launched() as chromium:
        tab = chromium.new_page(viewport={"width": 1100, "height": 900})
        requests, complaints = watched(tab)
        tab.goto(page.as_uri())
        widths = tab.evaluate("[...document.querySelectorAll('.wide')].map(one => [one.scrollWidth, one.clientWidth])")
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()] and complaints == []
    assert len(widths) == 2 and all(needed <= given for needed, given in widths)
