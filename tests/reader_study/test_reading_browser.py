"""The readers' page in a real browser, opened as a file: by keyboard, without a server."""

import json
import shutil

import pytest
from chromium import IN_BROWSER, launched, watched

from sr_tf.cli.main import main
from sr_tf.reader_study.answers import read_answers

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture
def own(study, tmp_path):
    """A copy of the study, so that no answers of another test are kept for it."""
    return shutil.copytree(study[0], tmp_path / "study")


@pytest.fixture
def tab(browser, own):
    """The page; at the end, nothing but its own files was asked for and nothing was complained about."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="Europe/Berlin")
    page = context.new_page()
    page.asked, page.said = watched(page)
    page.clock.install(time="2026-01-05T22:30:00Z")  # 23:30 there
    open_page(page, own)
    yield page
    context.close()
    here = (own / "reader").as_uri()
    assert {url for url in page.asked if not url.startswith((here, "data:", "blob:"))} == set()
    assert page.said == []


def open_page(page, folder):
    page.goto((folder / "reader" / "index.html").as_uri())
    page.wait_for_selector("body[data-ready]")


def read_all(page, count, keys):
    for _ in range(count):
        page.wait_for_selector("#image:not([hidden])")
        for key in (*keys, "Enter"):
            page.keyboard.press(key)


def saved(page, folder, number):
    with page.expect_download() as download:
        page.locator(f"#sessions section:nth-child({number}) >> text=Save answers").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_two_sessions_by_keyboard_become_results(tab, own, study):
    _, key = study
    count = len(key.cases)
    assert tab.locator("#sessions button").count() == 0  # a name first
    tab.locator("#reader").press_sequentially("Ä. B, MD")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.locator("#where").inner_text() == f"Session 1, image 1 of {count}"
    read_all(tab, count, "154")
    assert "Opens on 2026-01-19, after 14 days" in tab.locator("#sessions").inner_text()
    assert tab.locator("#sessions section:nth-child(2) button").count() == 0
    first = saved(tab, own, 1)
    assert first.name == "answers-session-1-Ä-B-MD.csv"
    tab.clock.set_system_time("2026-01-18T23:05:00Z")
    open_page(tab, own)
    tab.locator("#reader").fill("Ä. B, MD")
    tab.locator("#sessions section:nth-child(2) >> text=Begin").click()
    read_all(tab, 1, "253")
    read_all(tab, count - 1, "153")
    answers = read_answers([first, saved(tab, own, 2)], key)
    assert {answer.reader for answer in answers} == {"Ä. B, MD"}
    assert {(one.session, one.read_on.isoformat()) for one in answers} == {(1, "2026-01-05"), (2, "2026-01-19")}
    assert [one.finding for one in answers].count("abnormal") == 1
    assert main(["reader-results", str(own), *map(str, own.glob("answers-*.csv"))]) == 0
    (record,) = json.loads((own / "results.json").read_text("utf-8"))["concordance"]
    assert (record["pairs"], record["same"], record["days_between"]) == (count, count - 1, 14)


def test_answers_are_kept_and_can_be_changed(tab, own):
    tab.locator("#reader").fill("AB")
    tab.locator("text=Begin").click()
    read_all(tab, 2, "154")
    tab.keyboard.press("3")
    open_page(tab, own)
    tab.locator("#reader").fill("CD")
    assert "images. If you finish today" in tab.locator("#sessions").inner_text()
    tab.locator("#reader").fill("AB")
    assert "2 of 12 images read" in tab.locator("#sessions").inner_text()
    tab.locator("text=Go on").click()
    assert tab.locator("#where").inner_text().endswith("image 3 of 12")
    assert tab.locator("#question-finding input:checked").input_value() == "cannot say"
    assert tab.locator("#next").is_disabled()
    tab.keyboard.press("Enter")  # nothing: two questions are open
    assert tab.locator("#where").inner_text().endswith("image 3 of 12")
    tab.keyboard.press("Backspace")
    assert tab.locator("#question-finding input:checked").count() == 0
    tab.keyboard.press("PageUp")
    tab.locator("#question-confidence label", has_text="2").click()
    assert tab.locator("#question-confidence input:checked").input_value() == "2"
    tab.keyboard.press("Escape")
    assert tab.locator("#start").is_visible()


def test_the_image_is_shown_pixel_by_pixel_and_zooms(tab, study):
    _, key = study
    tab.set_viewport_size({"width": 900, "height": 600})
    tab.locator("#reader").fill("AB")
    tab.locator("text=Begin").click()
    tab.wait_for_selector("#image:not([hidden])")
    box = tab.locator("#image").bounding_box()
    assert (box["width"], tab.locator("#factor").inner_text()) == (key.side, "100 %")
    for name, zoom in (("+", "125 %"), (".", "100 %"), ("-", "80 %")):
        tab.keyboard.press(name)
        assert tab.locator("#factor").inner_text() == zoom
    tab.keyboard.press("0")
    stage, box = tab.locator("#stage").bounding_box(), tab.locator("#image").bounding_box()
    assert box["height"] == pytest.approx(stage["height"], abs=1)
    for _ in range(4):
        tab.keyboard.press("+")
    before = tab.locator("#image").bounding_box()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#image").bounding_box()["x"] == pytest.approx(before["x"] - 100, abs=1)
    tab.mouse.move(300, 300)
    tab.mouse.down()
    tab.mouse.move(340, 320, steps=3)
    tab.mouse.up()
    after = tab.locator("#image").bounding_box()
    assert (after["x"], after["y"]) == pytest.approx((before["x"] - 60, before["y"] + 20), abs=1)


def test_session_two_opens_after_a_session_elsewhere(tab):
    tab.locator("#reader").fill("AB")
    assert "Finish session 1 first." in tab.locator("#sessions").inner_text()
    tab.locator("#elsewhere").fill("2025-12-23")
    assert "Opens on 2026-01-06" in tab.locator("#sessions").inner_text()
    tab.locator("#elsewhere").fill("2025-12-22")
    assert tab.locator("#sessions section:nth-child(2) >> text=Begin").is_visible()


def test_a_missing_image_is_said(tab, own):
    shutil.rmtree(own / "reader" / "images")
    tab.locator("#reader").fill("AB")
    tab.locator("text=Begin").click()
    tab.wait_for_selector("#trouble:not([hidden])")
    assert "cannot be shown. Copy the whole folder" in tab.locator("#trouble").inner_text()
    tab.said = [line for line in tab.said if "ERR_FILE_NOT_FOUND" not in line]


def test_the_page_fits_a_phone(tab):
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.locator("#reader").fill("AB")
    tab.locator("text=Begin").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.locator("#stage").bounding_box()["height"] >= 300
