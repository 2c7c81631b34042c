"""The report in Chromium."""

import pytest
from chromium import IN_BROWSER, launched, watched

from sr_tf.data.smear import render_smear
from sr_tf.evaluation.compare import compare
from sr_tf.evaluation.report.cards import model_card
from sr_tf.evaluation.report.page import page
from sr_tf.generators.load import load_generator

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    scenes = [(f"<b>{seed}</b>.png", render_smear(seed, 160, 200)) for seed in range(3)]
    generators = {"small": load_generator("small")}
    comparison = compare(scenes, generators, "study", "drawn")
    cards = {"small": model_card("small", generators["small"])}
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(comparison, scenes, generators, cards, ["evaluate.py", "--report"]), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture
def opened(browser, report):
    """The page, the requests that it made, and its console messages and errors."""
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    requests, complaints = watched(tab)
    tab.goto(report.as_uri())
    yield tab, requests, complaints
    tab.close()


def test_page_opens_without_a_request_or_complaint(opened, report):
    tab, requests, complaints = opened
    tab.mouse.wheel(0, 100_000)
    tab.wait_for_timeout(200)
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []
    loaded = tab.evaluate(
        "Promise.all([...document.images].map(image => image.decode().then(() => image.naturalWidth)))"
    )
    assert len(loaded) > 10
    assert min(loaded) > 0


def test_divider_moves_by_key_and_by_hand(opened):
    tab, _, complaints = opened
    box = tab.locator(".compare").first
    slider, view = box.locator("input[type=range]"), box.locator(".view")
    box.scroll_into_view_if_needed()
    assert slider.input_value() == "50"
    slider.focus()
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    assert slider.get_attribute("aria-valuetext") == "left 60 %: HR, rest: small"
    assert _divider(tab, view) == pytest.approx(0.6, abs=0.01)

    place = view.bounding_box()
    tab.mouse.move(place["x"] + 0.6 * place["width"], place["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(place["x"] + 0.2 * place["width"], place["y"] + 60, steps=5)
    tab.mouse.up()
    assert float(slider.input_value()) == pytest.approx(20, abs=1)
    assert _divider(tab, view) == pytest.approx(0.2, abs=0.01)
    assert complaints == []


def test_the_chosen_methods_are_left_and_right_of_the_divider(opened):
    tab, _, _ = opened
    box = tab.locator(".compare").first
    box.locator(".choose-left").select_option("bicubic")
    left, right = (box.locator(f".view img.on-{side}") for side in ("left", "right"))
    assert left.get_attribute("data-method") == "bicubic"
    assert right.get_attribute("data-method") == "small"
    assert box.locator(".tag.left").inner_text().startswith("bicubic")
    assert left.is_visible()
    assert "dB" in box.locator(".tag.right").inner_text()


def test_pictures_are_enlarged_and_moved_by_key(opened):
    tab, _, _ = opened
    view = tab.locator(".view").first
    view.focus()
    tab.keyboard.press("+")
    tab.keyboard.press("+")
    assert _shown_part(view) == pytest.approx((-1.5, 4), abs=0.05)
    for _ in range(40):
        tab.keyboard.press("ArrowRight")
    assert _shown_part(view) == pytest.approx((-3, 4), abs=0.05)
    for _ in range(3):
        tab.keyboard.press("-")
    assert _shown_part(view) == pytest.approx((0, 1), abs=0.05)


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_at_any_width(browser, report, width, scheme):
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.goto(report.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    paper, ink = (
        tab.evaluate(f"getComputedStyle(document.documentElement).{name}") for name in ("backgroundColor", "color")
    )
    brightness = [sum(map(int, colour.strip("rgb()").split(","))) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    tab.close()


def test_warning_stays_visible(opened):
    tab, _, _ = opened
    tab.mouse.wheel(0, 5000)
    tab.wait_for_timeout(200)
    assert tab.get_by_text("Research use only. Not a medical device.").bounding_box()["y"] < 60


def _divider(tab, view) -> float:
    """The position of the divider as a fraction of the view's width."""
    place, line = view.bounding_box(), view.locator(".divider").bounding_box()
    return (line["x"] + line["width"] / 2 - place["x"]) / place["width"]


def _shown_part(view) -> tuple[float, float]:
    """Left edge and width of the picture, in units of the view's width."""
    place, picture = view.bounding_box(), view.locator("img.on-right").bounding_box()
    return (picture["x"] - place["x"]) / place["width"], picture["width"] / place["width"]
