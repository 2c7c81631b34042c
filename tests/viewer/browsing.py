"""What the tests of the page in a browser share."""

import io
import re

import numpy as np
from PIL import Image

PLACE = "#x=640&y=370&zoom=100"
LEFT, SIDE = 330, 400  # a part of the stage that no panel covers


def settle(tab):
    """Waits until every tile is loaded and drawn."""
    tab.wait_for_timeout(300)
    tab.wait_for_load_state("networkidle")
    tab.wait_for_timeout(700)


def wait_until(tab, condition, seconds=30):
    """Waits for an animation, even on a busy machine."""
    for _ in range(10 * seconds):
        if condition():
            return
        tab.wait_for_timeout(100)
    assert condition()


def address(tab) -> dict[str, float]:
    """The position in the address: x and y of the middle, and the zoom in percent."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.-]+)", tab.url.partition("#")[2])}


def screen_pixels(tab, x, y, width, height) -> np.ndarray:
    """Pixels of the screen, relative to the stage's upper left corner, uint8 [height, width, 3]."""
    stage = tab.locator("#stage").bounding_box()
    png = tab.screenshot(clip={"x": stage["x"] + x, "y": stage["y"] + y, "width": width, "height": height})
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
