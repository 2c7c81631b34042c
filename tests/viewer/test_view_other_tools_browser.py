"""IIIF and Deep Zoom in a client of others: OpenSeadragon on the page of another site."""

import base64
import functools
import re
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from importlib import resources

import cv2
import pytest
from chromium import IN_BROWSER
from http_served import http_served
from viewed import running

import sr_tf
from sr_tf.viewer.png import decode_tile

pytestmark = IN_BROWSER


@contextmanager
def site(folder):
    """Another site: its address. It serves a page with OpenSeadragon."""
    library = resources.files("sr_tf.viewer") / "static" / "openseadragon" / "openseadragon.min.js"
    (folder / "openseadragon.js").write_bytes(library.read_bytes())
    (folder / "index.html").write_text(
        '<!doctype html><div id="view" style="width:1150px;height:740px"></div><script src="openseadragon.js"></script>'
    )

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http_served(functools.partial(Quiet, directory=folder)) as address:
        yield address


SHOW = """address => new Promise((done, fail) => {
  const viewer = OpenSeadragon({id: "view", tileSources: address, crossOriginPolicy: "Anonymous", drawer: "canvas",
    showNavigationControl: false, visibilityRatio: 1, immediateRender: true,
    imageSmoothingEnabled: false});
  viewer.addHandler("open-failed", event => done({failed: event.message}));
  viewer.addHandler("tile-load-failed", event => done({failed: event.message}));
  viewer.addHandler("open", () => viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(1), null, true));
  const loop = setInterval(() => {
    if (!viewer.world.getItemCount() || !viewer.world.getItemAt(0).getFullyLoaded()) return;
    clearInterval(loop);
    viewer.forceRedraw();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      done({png: viewer.drawer.canvas.toDataURL("image/png")});
    }));
  }, 100);
})"""


@pytest.mark.parametrize("address", ["iiif/restored/info.json", "deepzoom/restored.dzi"])
def test_openseadragon_on_another_site_shows_the_restored_pixels(browser, viewed, open_view, tmp_path, address):
    with site(tmp_path) as other, open_view(viewed.archive) as source, running(source, site=other) as server:
        tab = browser.new_page(viewport={"width": 1200, "height": 800})
        asked = []
        tab.on("response", lambda answer: asked.append(answer.url) if answer.status == 200 else None)
        tab.goto(other)
        shown = tab.evaluate(SHOW, server.url + address)
        tab.close()
    assert "failed" not in shown, shown
    pixels = decode_tile(base64.b64decode(shown["png"].partition(",")[2]))
    with sr_tf.open(viewed.archive) as slide:
        expected = slide.read_region((0, 0), 0, (1150, 740), as_array=True)
    # OpenSeadragon stretches tiles by fractions of a pixel.
    assert cv2.PSNR(pixels, expected) > 45
    finest = [url for url in asked if re.search(r"/(256|0|512|768|1024),\d+,(256|126),(256|228)/|_files/11/", url)]
    assert len(finest) == 15


def test_a_site_that_is_not_named_sees_nothing(browser, viewed, open_view, tmp_path):
    with site(tmp_path) as other, open_view(viewed.archive) as source, running(source) as server:
        tab = browser.new_page()
        tab.goto(other)
        assert "failed" in tab.evaluate(SHOW, f"{server.url}iiif/restored/info.json")
        tab.close()
