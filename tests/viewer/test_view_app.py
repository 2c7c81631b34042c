"""Tiles over HTTP: their pixels, caching, cancellation, backpressure."""

import json
import socket
import threading
import time

import cv2
import numpy as np
import pytest
from viewed import running, whole_level

from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import open_slide
from sr_tf.viewer.levels import TILE, Levels
from sr_tf.viewer.source import ORIGINAL, Source


def test_a_slide_is_described_as_in_its_file(slide_view, slide_path):
    slide = json.loads(slide_view.ask("/slide.json").body)
    assert (slide["name"], slide["width"], slide["height"]) == (slide_path.name, 1150, 740)
    assert slide["mpp"] == [0.25, 0.25]
    assert slide["objective"] is None
    assert slide["archive"] is None
    assert [layer["name"] for layer in slide["layers"]] == [ORIGINAL]
    assert json.loads(slide_view.ask("/map.json").body) is None


def test_tiles_of_full_size_are_the_slides_pixels(slide_view, slide_path):
    with open_slide(slide_path) as slide:
        expected = slide.read(0, 0, 1150, 740)
    for column, row in ((0, 0), (2, 1), (4, 2), (4, 0)):
        tile = slide_view.ask(f"/tiles/original/0/{column}/{row}.png")
        assert tile.headers["content-type"] == "image/png"
        part = expected[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        np.testing.assert_array_equal(tile.pixels, part)


def test_smaller_levels_are_the_slide_reduced(slide_view, slide_path):
    with open_slide(slide_path) as slide:
        level = slide.read(0, 0, 1150, 740)
    levels = Levels(1150, 740)
    for number in range(1, levels.count):
        width, height = levels.size(number)
        level = np.pad(level, ((0, 2 * height - level.shape[0]), (0, 2 * width - level.shape[1]), (0, 0)), mode="edge")
        level = cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA)
        found = whole_level(slide_view, "original", levels, number)
        off = np.abs(found.astype(int) - level)
        assert off[:-1, :-1].max() <= 2  # means of means are rounded at each step
        assert off.max() <= 12  # at the edge, the repeated pixels depend on the step


def test_an_unchanged_tile_is_not_sent_again(slide_view):
    for path in ("/tiles/original/0/1/1.png", "/", "/page.js", "/slide.json"):
        first = slide_view.ask(path)
        assert first.headers["cache-control"] == "private, no-cache"
        etag = first.headers["etag"]
        assert etag.startswith('"')
        for given in (etag, f'"other", {etag}', "*"):
            again = slide_view.ask(path, If_None_Match=given)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert slide_view.ask(path, If_None_Match='"other"').status == 200
    tags = [slide_view.ask(f"/tiles/original/0/{column}/0.png").headers["etag"] for column in range(4)]
    assert len(set(tags)) == 4


def test_tags_change_with_the_file(slide_path, tmp_path, open_view):
    copy = tmp_path / slide_path.name
    copy.write_bytes(slide_path.read_bytes())
    tags = []
    for _ in range(2):
        with open_view(copy) as source, running(source) as server:
            tags.append(server.ask("/tiles/original/0/0/0.png").headers["etag"])
        copy.write_bytes(copy.read_bytes() + b"\0")
    assert tags[0] != tags[1]


class GatedLayer:
    """A grey layer whose tiles wait until the gate opens."""

    def __init__(self):
        self.read_tiles, self.gate, self.lock = [], threading.Event(), threading.Lock()

    def reads(self, level):
        return True

    def read(self, level, x, y, width, height):
        with self.lock:
            self.read_tiles.append((level, x // TILE, y // TILE))
        assert self.gate.wait(30)
        return np.full((height, width, 3), 128, np.uint8)


def grey(folder, layer):
    info = SlideInfo("image", 256 * TILE, 256 * TILE, None, None, None, {})
    return Source(folder / "grey", info, {ORIGINAL: layer}, "grey")


@pytest.fixture
def gated(tmp_path):
    layer = GatedLayer()
    with running(grey(tmp_path, layer), workers=1) as server:
        yield server, layer
        layer.gate.set()


def _send(server, level, column, row):
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    raw.sendall(
        f"GET /tiles/original/{level}/{column}/{row}.png HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
    )
    return raw


def _until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_tiles_of_closed_connections_are_not_made(gated):
    server, layer = gated
    under_way = _send(server, 1, 0, 0)
    _until(lambda: layer.read_tiles)
    left = [_send(server, 1, column, 50) for column in range(10, 30)]
    stays = _send(server, 1, 0, 100)
    time.sleep(0.3)  # until all of them wait
    for raw in left:
        raw.close()
    time.sleep(0.3)
    layer.gate.set()
    for raw in (under_way, stays):
        assert raw.recv(12) == b"HTTP/1.1 200"
        raw.close()
    time.sleep(0.3)
    made = [tile for tile in layer.read_tiles if tile[2] == 50]
    assert made == []
    assert (1, 0, 100) in layer.read_tiles


def test_a_full_queue_asks_clients_to_come_back(gated):
    server, layer = gated
    clients = [_send(server, 1, column, 0) for column in range(0, 100)]
    refused = []
    for raw in clients[65:]:
        head = raw.recv(4096)
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in head
        refused.append(raw)
    assert len(refused) == 35
    layer.gate.set()
    for raw in clients[:65]:
        assert raw.recv(12) == b"HTTP/1.1 200"
    for raw in clients:
        raw.close()
    assert server.ask("/tiles/original/1/99/0.png").status == 200


def test_neighbours_are_made_in_advance(gated):
    server, layer = gated
    layer.gate.set()
    server.ask("/tiles/original/2/10/10.png")
    around = {(2, x, y) for x in (9, 10, 11) for y in (9, 10, 11)}
    _until(lambda: around <= set(layer.read_tiles))
    count = len(layer.read_tiles)
    assert server.ask("/tiles/original/2/11/11.png").status == 200
    assert layer.read_tiles.count((2, 11, 11)) == 1
    assert count >= 9


def test_a_valid_tag_costs_no_work(gated, tmp_path):
    server, layer = gated
    layer.gate.set()
    etag = server.ask("/tiles/original/3/5/5.png").headers["etag"]
    untouched = GatedLayer()
    with running(grey(tmp_path, untouched)) as second:
        assert second.ask("/tiles/original/3/5/5.png", If_None_Match=etag).status == 304
    assert untouched.read_tiles == []


@pytest.mark.slow
def test_the_server_stops_while_requests_wait(tmp_path):
    layer = GatedLayer()
    with running(grey(tmp_path, layer), workers=1) as server:
        waiting = [_send(server, 1, column, 0) for column in range(4)]
        _until(lambda: layer.read_tiles)
        threading.Timer(4, layer.gate.set).start()  # the server gives running requests 2 s
    assert len(layer.read_tiles) == 1
    for raw in waiting:
        raw.close()
