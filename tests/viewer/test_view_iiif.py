"""IIIF's Image API 3: pixels, sizes, the description, refused addresses, and who may read it."""

import io
import json
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from viewed import running, running_app, whole_level

import sr_tf
from sr_tf.viewer import iiif
from sr_tf.viewer.folder import make_folder_app
from sr_tf.viewer.iiif_syntax import MOST_SIDE, BadAddress, parse
from sr_tf.viewer.levels import TILE, Levels

WIDTH, HEIGHT = 1150, 740
SITE = "https://viewer.example"


def ask(server, layer, rest, **headers):
    return server.ask(f"/iiif/{layer}/{rest}", **headers)


def test_every_tile_that_the_description_names_is_the_viewers(shown):
    server, layer, _ = shown
    info = json.loads(ask(server, layer, "info.json").body)
    (tiles,) = info["tiles"]
    levels = Levels(info["width"], info["height"])
    assert (tiles["width"], tiles["scaleFactors"]) == (TILE, [1, 2, 4, 8])
    for level, factor in enumerate(tiles["scaleFactors"]):
        expected = whole_level(server, layer, levels, level)
        side = TILE * factor
        for y in range(0, HEIGHT, side):
            for x in range(0, WIDTH, side):
                # As the standard computes it: the last tiles are cut, and their size is rounded up.
                w, h = min(side, WIDTH - x), min(side, HEIGHT - y)
                size = -(-w // factor), -(-h // factor)
                tile = ask(server, layer, f"{x},{y},{w},{h}/{size[0]},{size[1]}/0/default.png").pixels
                top, left = y // factor, x // factor
                np.testing.assert_array_equal(tile, expected[top : top + size[1], left : left + size[0]])


def test_regions_of_full_size_are_those_of_the_python_interface(shown):
    server, layer, path = shown
    with sr_tf.open(path) as slide:
        for x, y, width, height in ((0, 0, WIDTH, HEIGHT), (201, 99, 700, 431), (1149, 739, 1, 1)):
            pixels = ask(server, layer, f"{x},{y},{width},{height}/max/0/default.png").pixels
            expected = slide.read_region((x, y), 0, (width, height), as_array=True)
            np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize(
    ("region", "size"),
    [
        ("full", "575,"),
        ("full", "pct:33.3"),
        ("101,57,903,601", "450,"),
        ("333,0,400,740", ",250"),
        ("0,0,800,600", "400,90"),
    ],
)
def test_scaled_regions_are_the_slide_reduced(slide_view, slide_path, region, size):
    found = ask(slide_view, "original", f"{region}/{size}/0/default.png").pixels
    with sr_tf.open(slide_path) as slide:
        x, y, width, height = (0, 0, WIDTH, HEIGHT) if region == "full" else map(int, region.split(","))
        part = slide.read_region((x, y), 0, (width, height), as_array=True)
    expected = cv2.resize(part, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(np.ascontiguousarray(found), expected) > 35


@pytest.mark.parametrize(
    ("region", "size", "expected"),
    [
        ("full", "max", (1150, 740)), ("square", "max", (740, 740)), ("square", "100,", (100, 100)),
        ("full", "575,", (575, 370)), ("full", ",37", (58, 37)), ("full", "!500,500", (500, 322)),
        ("full", "!5000,5000", (1150, 740)), ("full", "200,100", (200, 100)), ("full", "pct:10", (115, 74)),
        ("pct:50,50,50,50", "max", (575, 370)), ("1000,700,500,500", "max", (150, 40)), ("full", "1,", (1, 1)),
        ("0,0,10,1000", "!1,1", (1, 1)),
    ],
)  # fmt: skip
def test_sizes(slide_view, region, size, expected):
    answer = ask(slide_view, "original", f"{region}/{size}/0/default.jpg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.pixels.shape[1::-1] == expected


def test_turned_and_grey(slide_view):
    plain = ask(slide_view, "original", "0,0,300,200/max/0/default.png").pixels
    for turns, degrees in enumerate((0, 90, 180, 270)):
        turned = ask(slide_view, "original", f"0,0,300,200/max/{degrees}/color.png").pixels
        np.testing.assert_array_equal(turned, np.rot90(plain, -turns))
    grey = Image.open(io.BytesIO(ask(slide_view, "original", "0,0,300,200/max/0/gray.png").body))
    assert grey.mode == "L"
    np.testing.assert_array_equal(np.asarray(grey), np.asarray(Image.fromarray(plain).convert("L")))


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("full/max/0/default.tif", 400), ("full/max/45/default.png", 501), ("full/max/!0/default.png", 501),
        ("full/max/up/default.png", 400), ("full/max/0/bitonal.png", 501), ("full/max/0/shiny.png", 400),
        ("full/^max/0/default.png", 501), ("full/1151,/0/default.png", 400), ("full/pct:101/0/default.png", 400),
        ("full/0,/0/default.png", 400), ("full/,/0/default.png", 400), ("full/!5,/0/default.png", 400),
        ("full/pct:0.001/0/default.png", 400), ("full/full/0/default.png", 400), ("0,0,0,5/max/0/default.png", 400),
        ("1150,0,5,5/max/0/default.png", 400), ("-1,0,5,5/max/0/default.png", 400), ("1,2,3/max/0/default.png", 400),
        ("1.5,0,5,5/max/0/default.png", 400), ("pct:0,0,1e5,5/max/0/default.png", 400), ("info.xml", 404),
    ],
)  # fmt: skip
def test_addresses_without_a_meaning_are_refused_in_one_line(slide_view, rest, status):
    answer = ask(slide_view, "original", rest)
    assert answer.status == status
    assert len(answer.body.decode().splitlines()) == 1


def test_unknown_images_are_not_found(slide_view):
    for path in ("restored", "restored/info.json", "restored/full/max/0/default.png", "..%2f/info.json"):
        assert slide_view.ask(f"/iiif/{path}").status == 404


parts = st.text("0123456789,.:!^pctfulsqaremx-", max_size=20)


@given(parts, parts, st.sampled_from(["0", "90", "360", "!7"]) | parts, st.integers(1, 10**6), st.integers(1, 10**6))
def test_any_address_is_read_or_refused(region, size, rotation, width, height):
    try:
        wanted = parse(region or "full", size or "max", rotation, "default", "png", (width, height))
    except BadAddress as error:
        assert error.status in (400, 501)
        return
    assert 0 <= wanted.x < wanted.x + wanted.width <= width
    assert 0 <= wanted.y < wanted.y + wanted.height <= height
    assert 1 <= wanted.size[0] <= min(wanted.width, MOST_SIDE) and 1 <= wanted.size[1] <= min(wanted.height, MOST_SIDE)


def test_the_description_is_true(slide_view):
    answer = ask(slide_view, "original", "info.json")
    info = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert info["id"] == f"{slide_view.url}iiif/original"
    assert (info["type"], info["protocol"]) == ("ImageService3", "http://iiif.io/api/image")
    assert (info["width"], info["height"]) == (WIDTH, HEIGHT)
    assert info["sizes"][-1] == {"width": WIDTH, "height": HEIGHT}
    for size in info["sizes"]:
        wanted = f"full/{size['width']},{size['height']}/0/default.jpg"
        assert ask(slide_view, "original", wanted).pixels.shape[1::-1] == (size["width"], size["height"])
    # Level 1 asks for answers that pages of all sites may read.
    assert info["profile"] == "level0" and "cors" not in info["extraFeatures"]
    assert {"regionByPx", "sizeByWh", "rotationBy90s"} <= set(info["extraFeatures"])
    linked = ask(slide_view, "original", "info.json", Accept="application/ld+json")
    assert linked.headers["content-type"].startswith("application/ld+json")
    base = slide_view.ask("/iiif/original")
    assert (base.status, base.headers["location"]) == (303, "original/info.json")


def test_unchanged_images_are_not_sent_again_and_cost_no_work(slide_view):
    address = "100,100,300,300/100,/0/default.jpg"
    etag = ask(slide_view, "original", address).headers["etag"]
    assert ask(slide_view, "original", address, If_None_Match=etag).status == 304
    other = ask(slide_view, "original", "100,100,300,300/101,/0/default.jpg").headers["etag"]
    assert other != etag


def test_damage_is_a_line_without_the_path(viewed, open_view):
    with open_view(viewed.damaged) as source, running(source) as server:
        answers = [
            ask(server, "restored", f"{x},{y},256,256/max/0/default.png") for x in range(0, 1150, 256) for y in (0, 600)
        ]
    bad = [answer for answer in answers if answer.status == 500]
    assert bad and len(bad) < len(answers)
    assert all(b"damaged" in answer.body and str(viewed.damaged.parent).encode() not in answer.body for answer in bad)


def test_too_many_images_at_once_are_asked_to_come_back(slide_view, monkeypatch):
    monkeypatch.setattr(iiif, "_WAITING", 0)
    answer = ask(slide_view, "original", "7,7,300,300/90,/0/default.jpg")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_each_slide_of_a_folder_has_its_images(viewed, open_view, tmp_path):
    shutil.copy(viewed.archive, tmp_path)
    with running_app(make_folder_app(tmp_path, 2, open_view)) as server:
        (entry,) = json.loads(server.ask("/folder.json").body)["slides"]
        base = f"/slides/{entry['id']}/iiif/restored"
        assert json.loads(server.ask(f"{base}/info.json").body)["id"] == f"{server.url.rstrip('/')}{base}"
        assert server.ask(f"{base}/full/100,/0/default.jpg").pixels.shape == (64, 100, 3)
        dzi = server.ask(f"/slides/{entry['id']}/deepzoom/restored.dzi")
        assert b'Width="1150"' in dzi.body


@pytest.fixture(params=[SITE, "*"])
def shared(request, viewed, open_view):
    with open_view(viewed.slide) as source, running(source, site=request.param) as server:
        yield server, request.param


FOREIGN = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}


def test_pages_of_a_named_site_may_read_images_and_nothing_else(shared):
    server, site = shared
    for path in ("/iiif/original/info.json", "/iiif/original/full/90,/0/default.jpg", "/deepzoom/original.dzi"):
        answer = server.ask(path, Origin=SITE, **FOREIGN)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, site)
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        others = server.ask(path, Origin="https://evil.example", **FOREIGN)
        assert others.status == (200 if site == "*" else 403)
    for path in ("/slide.json", "/tiles/original/0/0/0.png", "/", "/images/iiif/x.png"):
        answer = server.ask(path, Origin=SITE, **FOREIGN)
        assert answer.status == 403 and "access-control-allow-origin" not in answer.headers
    info = json.loads(server.ask("/iiif/original/info.json").body)
    assert info["profile"] == "level2" and "cors" in info["extraFeatures"]
    assert server.ask("/iiif/original/info.json", Host="evil.example").status == 421


def test_nobody_else_may_by_default(slide_view):
    answer = ask(slide_view, "original", "info.json", Origin=SITE, **FOREIGN)
    assert answer.status == 403 and "access-control-allow-origin" not in answer.headers
