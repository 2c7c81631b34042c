"""The viewer in a real browser."""

import io
import re

import numpy as np
import pytest
from chromium import CHROMIUM, IN_BROWSER, playwright
from PIL import Image
from test_view_app import GatedLayer, grey
from viewed import running

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.slides.slide import open_slide

pytestmark = IN_BROWSER
WIDTH, HEIGHT = 1150, 740
PATIENCE = 60_000


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--force-color-profile=srgb", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Opens a viewer's page; afterwards nothing may have been asked of another host or been complained about."""
    opened = []

    def opening(server, place="", width=1000, height=760, complains=False):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.set_default_timeout(PATIENCE)
        tab.asked, tab.said = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        opened.append((tab, server, complains))
        tab.goto(server.url + place)
        tab.wait_for_selector("body[data-ready]")
        return tab

    yield opening
    for tab, server, complains in opened:
        tab.close()
        assert {url for url in tab.asked if not url.startswith(server.url)} == set()
        assert complains or tab.said == []


@pytest.fixture(scope="module")
def restored(viewed):
    with ArchivedSlide(viewed.archive) as slide:
        return slide.read(0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def original(viewed):
    with open_slide(viewed.slide) as slide:
        return slide.read(0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def damaged_view(viewed, open_view):
    with open_view(viewed.damaged) as source, running(source) as server:
        yield server


def _settle(tab):
    """Waits until every tile is there and drawn."""
    tab.wait_for_timeout(300)
    tab.wait_for_load_state("networkidle")
    tab.wait_for_timeout(700)


def _until(tab, condition, seconds=30):
    """Waits for an animation, however busy the machine."""
    for _ in range(10 * seconds):
        if condition():
            return
        tab.wait_for_timeout(100)
    assert condition()


def _place(tab) -> dict[str, float]:
    """What the address says is looked at: x, y of the middle, zoom in percent."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.-]+)", tab.url.partition("#")[2])}


def _shown(tab, x, y, width, height) -> np.ndarray:
    """Pixels of the screen, from the stage's upper left corner on, uint8 [height, width, 3]."""
    stage = tab.locator("#stage").bounding_box()
    png = tab.screenshot(clip={"x": stage["x"] + x, "y": stage["y"] + y, "width": width, "height": height})
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _slide_part(tab, pixels, x, y, width, height) -> np.ndarray:
    """The same part of the slide's pixels at 100 %; the slide must cover it."""
    stage = tab.locator("#stage").bounding_box()
    place = _place(tab)
    assert place["zoom"] == 100
    left, top = round(place["x"] - stage["width"] / 2) + x, round(place["y"] - stage["height"] / 2) + y
    assert left >= 0
    assert top >= 0
    return pixels[top : top + height, left : left + width]


def _free_of_marks(tab) -> list[tuple[int, int]]:
    """(y, height) of strips of the stage that the mark leaves alone."""
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


PLACE = "#x=640&y=370&zoom=100"
LEFT, SIDE = 330, 400  # a part of the stage that no panel covers


def test_at_one_to_one_the_screen_shows_the_restored_files_pixels(open_page, archive_view, restored):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")  # without the original
    tab.keyboard.press("1")
    _settle(tab)
    strips = _free_of_marks(tab)
    assert len(strips) >= 3
    for y, height in strips[:4]:
        shown = _shown(tab, LEFT, y, SIDE, height)
        np.testing.assert_array_equal(shown, _slide_part(tab, restored, LEFT, y, SIDE, height))


def test_the_mark_cannot_be_cut_away(open_page, archive_view, restored):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")
    tab.keyboard.press("1")
    _settle(tab)
    for x, y in ((250, 60), (420, 130), (330, 300)):
        shown = _shown(tab, x, y, 340, 320).astype(int)
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
    _settle(tab)
    strips = _free_of_marks(tab)
    for y, height in (strips[0], strips[-2]):
        left, right = (340, 130), (530, 130)
        for (x, width), pixels in ((left, original), (right, restored)):
            np.testing.assert_array_equal(
                _shown(tab, x, y, width, height), _slide_part(tab, pixels, x, y, width, height)
            )


def test_divider_moves_by_key_and_by_hand(open_page, archive_view):
    tab = open_page(archive_view)
    divider = tab.locator("#divider")
    stage = tab.locator("#stage").bounding_box()
    divider.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Shift+ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "70"
    tab.locator("#compare").focus()
    tab.keyboard.press("[")
    assert divider.get_attribute("aria-valuenow") == "65"
    tab.mouse.move(stage["x"] + 0.65 * stage["width"], stage["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(stage["x"] + 0.2 * stage["width"], stage["y"] + 260, steps=5)
    tab.mouse.up()
    assert float(divider.get_attribute("aria-valuenow")) == pytest.approx(20, abs=1)
    tab.keyboard.press("b")
    assert tab.locator("#tag-left").inner_text() == "Interpolated (i-HR)"
    tab.locator("#compare").click()
    assert divider.is_hidden()
    assert tab.locator("#compare").get_attribute("aria-pressed") == "false"


def test_zoom_and_pan_by_key_wheel_and_hand(open_page, slide_view):
    tab = open_page(slide_view, PLACE)
    _settle(tab)
    stage = tab.locator("#stage").bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    tab.keyboard.press("+")
    _until(tab, lambda: _place(tab)["zoom"] == pytest.approx(160))
    assert tab.locator("#zoom").inner_text() == "160 %"
    tab.mouse.move(*middle)
    tab.mouse.wheel(0, -200)
    _until(tab, lambda: _place(tab)["zoom"] > 170)
    tab.keyboard.press("1")
    _until(tab, lambda: _place(tab)["zoom"] == 100)
    before = _place(tab)
    tab.mouse.down()
    tab.mouse.move(middle[0] - 60, middle[1] - 40, steps=6)
    tab.wait_for_timeout(400)  # or it would be flung
    tab.mouse.up()
    _until(tab, lambda: _place(tab)["x"] - before["x"] == pytest.approx(60, abs=6))
    assert _place(tab)["y"] - before["y"] == pytest.approx(40, abs=6)
    x = _place(tab)["x"]
    tab.keyboard.press("ArrowLeft")
    _until(tab, lambda: _place(tab)["x"] == pytest.approx(x - 0.2 * stage["width"], abs=2))
    tab.keyboard.press("0")
    _until(tab, lambda: _place(tab)["x"] == pytest.approx(WIDTH / 2, abs=1))
    assert _place(tab)["zoom"] < 100


def test_scale_bar_is_as_long_as_it_says_and_nothing_is_invented(open_page, slide_view, open_view, tmp_path):
    tab = open_page(slide_view, PLACE)
    _settle(tab)
    for _ in range(3):
        length, unit = tab.locator("#scale-text").inner_text().split()
        width = tab.locator("#scale-bar").bounding_box()["width"]
        micrometres = float(length) * {"nm": 1e-3, "µm": 1, "mm": 1e3}[unit]
        assert width * 0.25 / (_place(tab)["zoom"] / 100) == pytest.approx(micrometres, rel=0.01)
        assert 60 < width <= 170
        tab.keyboard.press("+")
        _settle(tab)
    assert tab.locator("#power").inner_text() == ""  # no objective in the file
    Image.fromarray(np.full((300, 400, 3), 200, np.uint8)).save(tmp_path / "plain.png")
    with open_view(tmp_path / "plain.png") as source, running(source) as server:
        plain = open_page(server)
        assert plain.locator("#scale").is_hidden()
        assert plain.locator("#compare").is_hidden()
        assert plain.locator("#map-toggle").is_hidden()


def test_map_tints_blocks_and_tells_kind_and_score(open_page, archive_view, viewed):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")
    _settle(tab)
    before = _shown(tab, LEFT, 0, SIDE, 500).astype(int)
    tab.keyboard.press("m")
    _settle(tab)
    assert tab.locator("#map-toggle").get_attribute("aria-pressed") == "true"
    after = _shown(tab, LEFT, 0, SIDE, 500).astype(int)
    assert (np.abs(after - before).max(axis=2) > 3).mean() > 0.5
    stage = tab.locator("#stage").bounding_box()
    tab.mouse.move(stage["x"] + 500, stage["y"] + 300)
    place = _place(tab)
    x, y = place["x"] + 500 - stage["width"] / 2, place["y"] + 300 - stage["height"] / 2
    with ArchivedSlide(viewed.archive) as slide:
        kind = slide.kind(int(y // 512), int(x // 512))
        psnr = slide.scores()["psnr"][int(y // 256), int(x // 256)]
    told = tab.locator("#here").inner_text()
    assert f"block {int(x // 512)}, {int(y // 512)}" in told
    assert kind.name in told
    assert f"{psnr:.1f} dB" in told
    for name in tab.locator("#legend li span").all_inner_texts():
        assert name
    tab.keyboard.press("m")
    assert tab.locator("#legend").is_hidden()


def test_a_damaged_tile_is_hatched_and_told(open_page, damaged_view):
    tab = open_page(damaged_view, "#x=1000&y=560&zoom=100", complains=True)
    _settle(tab)
    pixels = _shown(tab, 540, 260, 200, 200)
    colours = pixels.reshape(-1, 3).tolist()
    assert colours.count([0xE8, 0x3E, 0xB4]) > 0.1 * len(colours)
    assert "block 2,1 is damaged" in tab.locator("#message").inner_text()
    assert "/" not in tab.locator("#message").inner_text()
    assert all("500" in line for line in tab.said)


class GatedAtFullSize(GatedLayer):
    """Only tiles of full size have to wait."""

    def read(self, level, x, y, width, height):
        return super().read(level, x, y, width, height) if not level else np.full((height, width, 3), 128, np.uint8)


def test_tiles_that_left_the_screen_are_called_back_and_not_made(open_page, tmp_path):
    layer = GatedAtFullSize()
    with running(grey(tmp_path, layer), workers=1) as server:
        tab = open_page(server, "#x=3000&y=3000&zoom=100", complains=True)
        failed = []
        tab.on("requestfailed", lambda request: failed.append(request.url))
        _until(tab, lambda: sum("/original/0/" in url for url in tab.asked) == 6)  # as many as a browser asks for
        _until(tab, tab.locator("#busy").is_visible)
        waiting = {url for url in tab.asked if "/original/0/" in url}
        for _ in range(5):
            tab.keyboard.press("Shift+ArrowRight")
        _until(tab, lambda: waiting <= set(failed))
        layer.gate.set()
        _settle(tab)
        _until(tab, tab.locator("#busy").is_hidden)
        assert tab.locator("#message").inner_text() == ""
        assert (_shown(tab, 300, 200, 100, 100) == 128).all()
    left = [tile for tile in layer.read_tiles if tile[1] < 18]  # x of the first screen: tiles 9 to 14
    assert 1 <= len(left) <= 4  # those of the one block that was begun


def test_panels_open_close_and_give_the_focus_back(open_page, archive_view):
    tab = open_page(archive_view)
    tab.locator("#help-toggle").focus()
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("m")  # keys belong to the dialog now
    assert tab.locator("#legend").is_hidden()
    tab.keyboard.press("Escape")
    assert tab.locator("#help").is_hidden()
    assert tab.evaluate("document.activeElement.id") == "help-toggle"
    tab.keyboard.press("d")
    assert tab.locator("#details").is_visible()
    told = tab.locator("#details-list").inner_text()
    assert "0.25 × 0.25 µm per pixel" in told
    assert "not in the file" in told
    assert "the file that was archived" in told
    tab.keyboard.press("Escape")
    assert tab.locator("#details").is_hidden()
    assert tab.evaluate("document.activeElement.id") == "details-toggle"


@pytest.mark.parametrize("width", [360, 760, 1600])
def test_nothing_sticks_out_at_any_width(open_page, archive_view, width):
    tab = open_page(archive_view, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    for button in tab.locator("button:visible, select:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 30
        assert button.evaluate("b => b.getAttribute('aria-label') || b.innerText || b.labels?.[0]?.innerText")
    assert tab.locator("#banner").is_visible()
