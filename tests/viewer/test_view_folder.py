"""`sr-tf view FOLDER`: the page with all slides of a folder."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image
from vendor_slides import write_dicom
from viewed import running_app

from sr_tf.data.smear import render_smear
from sr_tf.slides.slide import open_slide
from sr_tf.viewer import folder as folder_module
from sr_tf.viewer.folder import find_viewable, make_folder_app, slide_or_folder


@pytest.fixture(scope="module")
def folder(viewed, tmp_path_factory):
    """A slide and its archive, an image in a sub-folder, a file that is no slide, and what is not listed."""
    place = tmp_path_factory.mktemp("several") / "smears"
    (place / "sub" / ".hidden").mkdir(parents=True)
    shutil.copy(viewed.slide, place / "smear 10.tif")
    shutil.copy(viewed.archive, place / "smear 2.sr.zip")
    grey = np.full((90, 160, 3), 128, np.uint8)
    Image.fromarray(grey).save(place / "sub" / "grey.png")
    Image.fromarray(grey).save(place / "sub" / ".hidden" / "no.png")
    (place / "broken.svs").write_text("not a slide")
    (place / "notes.txt").write_text("no slide")
    return place


@pytest.fixture
def server(folder, open_view):
    with running_app(make_folder_app(folder, 2, open_view)) as running:
        yield running


def listed(server) -> dict[str, str]:
    return {entry["name"]: entry["id"] for entry in json.loads(server.ask("/folder.json").body)["slides"]}


def test_slides_images_and_archives_are_listed_in_natural_order(server):
    assert list(listed(server)) == ["broken.svs", "smear 2.sr.zip", "smear 10.tif", "sub/grey.png"]


def test_a_folder_with_one_dicom_series_is_one_slide(folder, tmp_path):
    series = write_dicom(tmp_path / "series" / "level-0.dcm", render_smear(1, 60, 80))
    assert slide_or_folder(series.parent) == series
    assert slide_or_folder(folder) == folder
    Image.fromarray(render_smear(1, 60, 80)).save(series.with_name("other.png"))
    assert slide_or_folder(series.parent) == series.parent


def test_addresses_depend_on_the_place_in_the_folder_alone(folder, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert list(find_viewable(folder)) == list(find_viewable(moved))


def test_cards_state_what_the_files_state(server, viewed):
    files = listed(server)
    card = json.loads(server.ask(f"/cards/{files['smear 2.sr.zip']}.json").body)
    assert (card["width"], card["height"], card["mpp"], card["objective"]) == (1150, 740, [0.25, 0.25], None)
    assert card["bytes"] == viewed.archive.stat().st_size
    assert card["archive"]["sourceBytes"] == viewed.slide.stat().st_size
    assert card["archive"]["quality"] == "visual"
    assert card["archive"]["worstPsnr"] >= 34.0
    assert json.loads(server.ask(f"/cards/{files['smear 10.tif']}.json").body)["archive"] is None


def test_thumbnails_are_the_slides_reduced(server, viewed):
    files = listed(server)
    with open_slide(viewed.slide) as slide:
        whole = slide.read(0, 0, 1150, 740)
    for name in ("smear 10.tif", "smear 2.sr.zip"):
        answer = server.ask(f"/thumbnails/{files[name]}.jpg")
        assert answer.headers["content-type"] == "image/jpeg"
        height, width = answer.pixels.shape[:2]
        assert abs(width / height - 1150 / 740) < 0.02
        small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        assert cv2.PSNR(answer.pixels, small) > 25


def test_a_damaged_file_is_a_line_without_its_path(server, folder):
    files = listed(server)
    for address in ("cards/{}.json", "thumbnails/{}.jpg", "slides/{}/"):
        answer = server.ask("/" + address.format(files["broken.svs"]))
        assert answer.status == 422
        assert str(folder) not in answer.body.decode()
        assert len(answer.body.decode().splitlines()) == 1


def test_each_slide_has_its_viewer_and_leads_back(server, folder):
    files = listed(server)
    page = f"/slides/{files['sub/grey.png']}/"
    slide = json.loads(server.ask(f"{page}slide.json").body)
    assert slide["listed"] is True
    np.testing.assert_array_equal(server.ask(f"{page}tiles/original/0/0/0.png").pixels, np.full((90, 160, 3), 128))
    assert b"page.js" in server.ask(page).body
    assert json.loads(server.ask(f"/slides/{files['smear 2.sr.zip']}/slide.json").body)["archive"]["exact"] is False


def test_unknown_addresses_are_not_found(server):
    for path in ("/slides/0123456789abcdef/", "/cards/0123456789abcdef.json", "/thumbnails/..%2f.jpg", "/notes.txt"):
        assert server.ask(path).status == 404


def test_a_new_file_is_listed_and_a_removed_one_is_gone(open_view, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    with running_app(make_folder_app(tmp_path, 1, open_view)) as server:
        first = listed(server)
        Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
        (tmp_path / "a.png").unlink()
        assert list(listed(server)) == ["b.png"]
        assert server.ask(f"/cards/{first['a.png']}.json").status == 404


def test_a_changed_file_has_a_new_card(open_view, tmp_path):
    image = tmp_path / "a.png"
    Image.new("RGB", (40, 30)).save(image)
    with running_app(make_folder_app(tmp_path, 1, open_view)) as server:
        card = f"/cards/{listed(server)['a.png']}.json"
        assert json.loads(server.ask(card).body)["width"] == 40
        Image.new("RGB", (50, 30)).save(image)
        os.utime(image, ns=(1, 1))
        assert json.loads(server.ask(card).body)["width"] == 50


def test_few_slides_stay_open(open_view, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "MOST_OPEN", 2)
    closed = []

    def opened(path):
        source = open_view(path)
        source._open.callback(closed.append, path.name)
        return source

    for name in "abcd":
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    with running_app(make_folder_app(tmp_path, 1, opened)) as server:
        for address in listed(server).values():
            assert server.ask(f"/slides/{address}/slide.json").status == 200
        assert closed == ["a.png", "b.png"]
    assert sorted(closed) == ["a.png", "b.png", "c.png", "d.png"]


def test_a_folder_has_the_same_guard_as_a_slide(folder, open_view):
    with running_app(make_folder_app(folder, 1, open_view), token="secret") as server:
        assert server.ask("/folder.json").status == 401
        assert server.ask("/?token=secret").headers["set-cookie"].startswith("sr_tf_view")
