"""A small slide, its archive, and viewers of both."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from viewed import running

from sr_tf.data.smear import render_smear

WIDTH, HEIGHT = 1150, 740  # blocks: 3 × 2; sides that are odd when halved


@dataclass(frozen=True)
class Viewed:
    """A slide's file, its archive, and the archive with one damaged block."""

    slide: Path
    archive: Path
    damaged: Path


@pytest.fixture(scope="session")
def pixels():
    """Sharp cells, cells out of focus and glass: blocks are stored differently, and archiving takes seconds."""
    sharp = render_smear(3, HEIGHT, WIDTH)
    there = np.zeros((HEIGHT, WIDTH, 1))
    there[60:450, 60:450] = there[60:450, 575:960] = there[620:680, 1070:1120] = 1
    there = cv2.blur(there, (81, 81))[..., None]
    soft = cv2.GaussianBlur(sharp, (0, 0), 4)
    soft[:, 512:] = sharp[:, 512:]
    return np.uint8(there * soft + (1 - there) * np.array([226, 224, 230]))


@pytest.fixture(scope="session")
def slide_path(pixels, tmp_path_factory):
    """A tiled JPEG TIFF of 0.25 µm per pixel."""
    path = tmp_path_factory.mktemp("viewed") / "smear.tif"
    tifffile.imwrite(
        path, pixels, tile=(256, 256), compression="jpeg", compressionargs={"level": 92}, photometric="rgb",
        resolution=(40_000, 40_000), resolutionunit="CENTIMETER", metadata=None,
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def viewed(slide_path, tmp_path_factory):
    """The slide, archived at quality visual with a shipped generator."""
    from sr_tf.archive.gate import QUALITIES
    from sr_tf.archive.kinds import FULL_AVIF, Family
    from sr_tf.archive.reader import ArchiveFile
    from sr_tf.archive.write import Options, write_archive

    folder = tmp_path_factory.mktemp("archives")
    archive = folder / "smear.sr.zip"
    write_archive(slide_path, archive, Options(QUALITIES["visual"], ("coded4",)))
    # At full size each block has a piece of its own.
    full = folder / "full.sr.zip"
    write_archive(slide_path, full, Options(QUALITIES["visual"], (), families=(Family(FULL_AVIF, (40, 60, 80, 95)),)))
    content = bytearray(full.read_bytes())
    with ArchiveFile(full) as opened:
        end = opened.piece_file(int(opened.index.pieces[1, 2]))[-16:]
    assert content.count(end) == 1
    content[content.index(end) + 8] ^= 255
    damaged = folder / "damaged.sr.zip"
    damaged.write_bytes(content)
    return Viewed(slide_path, archive, damaged)


@pytest.fixture(scope="session")
def open_view():
    """`open_source` with the command line's defaults."""
    from sr_tf.viewer.source import open_source

    def opened(path, original=None, serving=None, models=(), engine="tensorflow"):
        return open_source(path, original, serving, models, engine)

    return opened


@pytest.fixture(scope="module")
def slide_view(slide_path, open_view):
    """A viewer of the plain slide."""
    with open_view(slide_path) as source, running(source) as server:
        yield server


@pytest.fixture(scope="module")
def archive_view(viewed, open_view):
    """A viewer of the archive with the original beside it."""
    with open_view(viewed.archive, viewed.slide) as source, running(source) as server:
        yield server


@pytest.fixture(params=["slide", "archive"])
def shown(request, slide_view, archive_view, viewed):
    """(server, layer, the file that it shows)."""
    if request.param == "slide":
        return slide_view, "original", viewed.slide
    return archive_view, "restored", viewed.archive


@pytest.fixture(scope="module")
def browser():
    """Chromium; skips the test if Playwright is not installed."""
    from chromium import launched

    with launched("--force-color-profile=srgb", "--disable-background-networking") as chromium:
        yield chromium


@pytest.fixture
def open_page(browser):
    """Opens a viewer's page. At the end, no other host was contacted and the console is empty."""
    opened = []

    def opening(server, place="", width=1000, height=760, has_errors=False):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.set_default_timeout(60_000)
        tab.asked, tab.said = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("console", lambda message: tab.said.append(message.text))
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        opened.append((tab, server, has_errors))
        tab.goto(server.url + place)
        tab.wait_for_selector("body[data-ready]")
        return tab

    yield opening
    for tab, server, has_errors in opened:
        tab.close()
        assert {url for url in tab.asked if not url.startswith(server.url)} == set()
        assert has_errors or tab.said == []
