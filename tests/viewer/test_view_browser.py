"""The viewer in a real browser: divider, map, zoom, panels and messages."""

from pathlib import Path

import numpy as np
import pytest
from browsing import LEFT, PLACE, SIDE, address, screen_pixels, settle, wait_until
from chromium import IN_BROWSER
from PIL import Image
from test_view_app import GatedLayer, grey
from viewed import running

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.kinds import LR4_LOSSLESS_GENERATOR
from sr_tf.viewer.describe import describe_map

pytestmark = IN_BROWSER
WIDTH = 1150


@pytest.fixture(scope="module")
def damaged_view(viewed, open_view):
    with open_view(viewed.damaged) as source, running(source) as server:
        yield server


def test_divider_moves_by_key_and_pointer(open_page, archive_view):
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


def test_zoom_and_pan_by_key_wheel_and_pointer(open_page, slide_view):
    tab = open_page(slide_view, PLACE)
    settle(tab)
    stage = tab.locator("#stage").bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    tab.keyboard.press("+")
    wait_until(tab, lambda: address(tab)["zoom"] == pytest.approx(160))
    assert tab.locator("#zoom").inner_text() == "160 %"
    tab.mouse.move(*middle)
    tab.mouse.wheel(0, -200)
    wait_until(tab, lambda: address(tab)["zoom"] > 170)
    tab.keyboard.press("1")
    wait_until(tab, lambda: address(tab)["zoom"] == 100)
    before = address(tab)
    tab.mouse.down()
    tab.mouse.move(middle[0] - 60, middle[1] - 40, steps=6)
    tab.wait_for_timeout(400)  # without a pause the page would keep moving
    tab.mouse.up()
    wait_until(tab, lambda: address(tab)["x"] - before["x"] == pytest.approx(60, abs=6))
    assert address(tab)["y"] - before["y"] == pytest.approx(40, abs=6)
    x = address(tab)["x"]
    tab.keyboard.press("ArrowLeft")
    wait_until(tab, lambda: address(tab)["x"] == pytest.approx(x - 0.2 * stage["width"], abs=2))
    tab.keyboard.press("0")
    wait_until(tab, lambda: address(tab)["x"] == pytest.approx(WIDTH / 2, abs=1))
    assert address(tab)["zoom"] < 100


def test_scale_bar_has_the_right_length_and_unknown_values_are_hidden(open_page, slide_view, open_view, tmp_path):
    tab = open_page(slide_view, PLACE)
    settle(tab)
    for _ in range(3):
        length, unit = tab.locator("#scale-text").inner_text().split()
        width = tab.locator("#scale-bar").bounding_box()["width"]
        micrometres = float(length) * {"nm": 1e-3, "µm": 1, "mm": 1e3}[unit]
        assert width * 0.25 / (address(tab)["zoom"] / 100) == pytest.approx(micrometres, rel=0.01)
        assert 60 < width <= 170
        tab.keyboard.press("+")
        settle(tab)
    assert tab.locator("#power").inner_text() == ""  # no objective in the file
    Image.fromarray(np.full((300, 400, 3), 200, np.uint8)).save(tmp_path / "plain.png")
    with open_view(tmp_path / "plain.png") as source, running(source) as server:
        plain = open_page(server)
        assert plain.locator("#scale").is_hidden()
        assert plain.locator("#compare").is_hidden()
        assert plain.locator("#map-toggle").is_hidden()


def test_map_tints_blocks_and_shows_kind_and_score(open_page, archive_view, viewed):
    tab = open_page(archive_view, PLACE)
    tab.keyboard.press("c")
    settle(tab)
    before = screen_pixels(tab, LEFT, 0, SIDE, 500).astype(int)
    tab.keyboard.press("m")
    settle(tab)
    assert tab.locator("#map-toggle").get_attribute("aria-pressed") == "true"
    after = screen_pixels(tab, LEFT, 0, SIDE, 500).astype(int)
    assert (np.abs(after - before).max(axis=2) > 3).mean() > 0.5
    stage = tab.locator("#stage").bounding_box()
    tab.mouse.move(stage["x"] + 500, stage["y"] + 300)
    place = address(tab)
    x, y = place["x"] + 500 - stage["width"] / 2, place["y"] + 300 - stage["height"] / 2
    with ArchivedSlide(viewed.archive) as slide:
        kind = slide.kind(int(y // 512), int(x // 512))
        psnr = slide.scores()["psnr"][int(y // 256), int(x // 256)]
    shown = tab.locator("#here").inner_text()
    assert f"block {int(x // 512)}, {int(y // 512)}" in shown
    assert kind.name in shown
    assert f"{psnr:.1f} dB" in shown
    for name in tab.locator("#legend li span").all_inner_texts():
        assert name
    tab.keyboard.press("m")
    assert tab.locator("#legend").is_hidden()


def test_an_archive_without_a_gate_says_so_and_shows_lpips(open_page, open_view):
    study = Path(__file__).parents[1] / "golden" / "2-study.sr.zip"
    with open_view(study) as source, running(source) as server:
        tab = open_page(server, "#x=280&y=48&zoom=100")
        assert "no threshold, every tile's errors are kept" in tab.locator("#facts").inner_text()
        tab.keyboard.press("m")
        settle(tab)
        with ArchivedSlide(study) as slide:
            lpips = slide.scores()["lpips"][0, 1]
        shown = tab.locator("#here").inner_text()
        assert LR4_LOSSLESS_GENERATOR.name in shown
        assert f"LPIPS {lpips:.3f}" in shown


def test_the_map_frames_the_worst_cells(open_page, open_view):
    details = Path(__file__).parents[1] / "golden" / "2-small-details.sr.zip"
    with open_view(details) as source, running(source) as server:
        (x, y, ssim, error), *_ = describe_map(source)["cells"]
        tab = open_page(server, f"#x={x + 16}&y={y + 16}&zoom=100")
        tab.keyboard.press("m")
        settle(tab)
        shown = tab.locator("#here").inner_text()
        assert f"Small detail: local SSIM ≥ {ssim:g}, local error ≤ {error:g} of 255" in shown
        stage = tab.locator("#stage").bounding_box()
        place = address(tab)
        left, top = (
            round(stage[side] / 2 + (at - place[axis]) * place["zoom"] / 100)
            for side, axis, at in (("width", "x", x), ("height", "y", y))
        )
        frame = screen_pixels(tab, left - 3, top - 3, 38, 38)
        assert (frame > 240).all(axis=2).sum() > 60, "the left and upper side of a white frame"


def test_a_damaged_tile_is_hatched_and_reported(open_page, damaged_view):
    tab = open_page(damaged_view, "#x=1000&y=560&zoom=100", has_errors=True)
    settle(tab)
    pixels = screen_pixels(tab, 540, 260, 200, 200)
    colours = pixels.reshape(-1, 3).tolist()
    assert colours.count([0xE8, 0x3E, 0xB4]) > 0.1 * len(colours)
    assert "block 2,1 is damaged" in tab.locator("#message").inner_text()
    assert "/" not in tab.locator("#message").inner_text()
    assert all("500" in line for line in tab.said)


class GatedAtFullSize(GatedLayer):
    """Only tiles of full size have to wait."""

    def read(self, level, x, y, width, height):
        return super().read(level, x, y, width, height) if not level else np.full((height, width, 3), 128, np.uint8)


def test_tiles_that_left_the_screen_are_cancelled_and_not_made(open_page, tmp_path):
    layer = GatedAtFullSize()
    with running(grey(tmp_path, layer), workers=1) as server:
        tab = open_page(server, "#x=3000&y=3000&zoom=100", has_errors=True)
        failed = []
        tab.on("requestfailed", lambda request: failed.append(request.url))
        wait_until(
            tab, lambda: sum("/original/0/" in url for url in tab.asked) == 6
        )  # as many as a browser requests at once
        wait_until(tab, tab.locator("#busy").is_visible)
        waiting = {url for url in tab.asked if "/original/0/" in url}
        for _ in range(5):
            tab.keyboard.press("Shift+ArrowRight")
        wait_until(tab, lambda: waiting <= set(failed))
        layer.gate.set()
        settle(tab)
        wait_until(tab, tab.locator("#busy").is_hidden)
        assert tab.locator("#message").inner_text() == ""
        assert (screen_pixels(tab, 300, 200, 100, 100) == 128).all()
    left = [tile for tile in layer.read_tiles if tile[1] < 18]  # x of the first screen: tiles 9 to 14
    assert 1 <= len(left) <= 4  # those of the block that was already started


def test_panels_open_close_and_give_the_focus_back(open_page, archive_view):
    tab = open_page(archive_view)
    tab.locator("#help-toggle").focus()
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    tab.keyboard.press("m")  # the dialog gets the keys now
    assert tab.locator("#legend").is_hidden()
    tab.keyboard.press("Escape")
    assert tab.locator("#help").is_hidden()
    assert tab.evaluate("document.activeElement.id") == "help-toggle"
    tab.keyboard.press("d")
    assert tab.locator("#details").is_visible()
    shown = tab.locator("#details-list").inner_text()
    assert "0.25 × 0.25 µm per pixel" in shown
    assert "not in the file" in shown
    assert "the file that was archived" in shown
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
