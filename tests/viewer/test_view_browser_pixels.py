"""The viewer in a real browser: the pixels on the screen are those of the slide."""

import numpy as np
import pytest
from browsing import LEFT, PLACE, SIDE, address, screen_pixels, settle
from chromium import IN_BROWSER

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.slides.slide import open_slide

pytestmark = IN_BROWSER
WIDTH, HEIGHT = 1150, 740


@pytest.fixture(scope="module")
def restored(viewed):
    with ArchivedSlide(viewed.archive) as slide:
        return slide.read(0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def original(viewed):
    with open_slide(viewed.slide) as slide:
        return slide.read(0, 0, WIDTH, HEIGHT)


def _slide_part(tab, pixels, x, y, width, height) -> np.ndarray:
    """The same rectangle of the slide's pixels at 100 %. The slide must cover it."""
    stage = tab.locator("#stage").bounding_box()
    place = address(tab)
    assert place["zoom"] == 100
    left, top = round(place["x"] - stage["width"] / 2) + x, round(place["y"] - stage["height"] / 2) + y
    assert left >= 0
    assert top >= 0
    return pixels[top : top + height, left : left + width]


def _free_of_marks(tab) -> list[tuple[int, int]]:
    """(y, height) of strips of the stage without a mark."""
    rows = tab.evaluate(
        """() => {
            const canvas = document.getElementById("mark");
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const rows = [];
            for (let y = 0; y < canvas.height; y += 1) {
                rows.push(data.slice(4 * y * canvas.width, 4 * (y + 1) * canvas.width).some((value) => value > 0));
            }
            return rows;
        }"""
    )
    strips, start = [], 0
    for y, marked in enumerate([*rows, True]):
        if marked:
            if y - start >= 40:
                strips.append((start, y - start))
            start = y + 1
    assert 0.1 < np.mean(rows) < 0.5
    return strips


def test_at_one_to_one_the_screen_shows_the_restored_pixels(open_page, archive_view, restored):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")  # without the original
    tab.keyboard.press("1")
    settle(tab)
    strips = _free_of_marks(tab)
    assert len(strips) >= 3
    for y, height in strips[:4]:
        shown = screen_pixels(tab, LEFT, y, SIDE, height)
        np.testing.assert_array_equal(shown, _slide_part(tab, restored, LEFT, y, SIDE, height))


def test_the_mark_cannot_be_cut_away(open_page, archive_view, restored):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")
    tab.keyboard.press("1")
    settle(tab)
    for x, y in ((250, 60), (420, 130), (330, 300)):
        shown = screen_pixels(tab, x, y, 340, 320).astype(int)
        marked = np.abs(shown - _slide_part(tab, restored, x, y, 340, 320)).max(axis=2) > 25
        assert marked.sum() > 400
    banner = tab.locator("#banner").bounding_box()
    assert banner["y"] + banner["height"] <= 760
    assert tab.locator("#banner").inner_text() == "Reconstructed, research use only, not for diagnosis"


def test_divider_shows_the_original_on_its_left(open_page, archive_view, restored, original):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("1")
    divider = tab.locator("#divider")
    assert divider.get_attribute("aria-valuetext") == "Original on the left 50 %, Restored on the rest"
    settle(tab)
    strips = _free_of_marks(tab)
    for y, height in (strips[0], strips[-2]):
        left, right = (340, 130), (530, 130)
        for (x, width), pixels in ((left, original), (right, restored)):
            np.testing.assert_array_equal(
                screen_pixels(tab, x, y, width, height), _slide_part(tab, pixels, x, y, width, height)
            )
