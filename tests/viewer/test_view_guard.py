"""Access, refused requests, and the headers of every answer."""

import re
import socket

import pytest
from viewed import running

from sr_tf.viewer import guard


def test_every_answer_forbids_what_the_page_does_not_need(slide_view):
    for path, status in (("/", 200), ("/tiles/original/0/0/0.png", 200), ("/nowhere", 404), ("/../x", 404)):
        answer = slide_view.ask(path)
        assert answer.status == status
        for name, value in guard.HEADERS.items():
            assert answer.headers[name.lower()] == value
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    policy = slide_view.ask("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*|data:", policy)


def test_the_page_uses_no_other_host_and_no_inline_code(slide_view):
    page = slide_view.ask("/").body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|<style", page)
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) >= 4
    for file in files:
        assert not file.startswith("/")  # relative, so that the page works below a proxy's path
        assert slide_view.ask(f"/{file}").status == 200


def _of_a_name(name):
    return lambda server: {"Host": f"{name}:{server.port}"}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (_of_a_name("localhost"), 200),
        (_of_a_name("LOCALHOST"), 200),
        (_of_a_name("[::1]"), 200),
        (_of_a_name("evil.example"), 421),
        (_of_a_name("127.0.0.1.evil.example"), 421),
        (lambda server: {"Host": "localhost"}, 421),
        (lambda server: {"Host": "127.0.0.1:1"}, 421),
        (lambda server: {"Host": ""}, 421),
    ],
)
def test_only_the_loopback_names_are_answered(slide_view, host, status):
    assert slide_view.ask("/slide.json", **host(slide_view)).status == status


TRAVERSALS = [
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..\\..\\etc\\passwd",
    "/static/../cache.py",
    "/openseadragon/../../app.py",
    "//etc/passwd",
    "/page.js/../../app.py",
    "/./app.py",
    "/app.py",
    "/page.css%00.py",
    "/images/../../app.py",
    "/images/..%2f..%2fapp.png",
    "/images/%2e%2e.png",
    "/openseadragon/LICENSE.txt",
    "/tiles/../0/0/0.png",
    "/tiles/original/..%2f0/0/0.png",
    "/tiles/original/0/0/0.png/../../../slide.json",
    "/tiles/original/0/-1/0.png",
    "/tiles/original/-1/0/0.png",
    "/tiles/original/0/0/0.tif",
    "/tiles/original/99/0/0.png",
    "/tiles/original/0/99999999999999999999/0.png",
    "/tiles/restored/0/0/0.png",
    "/tiles/__class__/0/0/0.png",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_other_files_are_served(slide_view, path):
    answer = slide_view.ask(path)
    assert answer.status in (400, 404)
    assert len(answer.body) < 100


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_nothing_can_be_changed(slide_view, method):
    assert slide_view.ask("/slide.json", method).status == 405


def test_bodies_long_addresses_and_long_headers_are_refused(slide_view):
    assert slide_view.ask("/slide.json", body=b"x" * 10).status == 413
    assert slide_view.ask("/slide.json", Transfer_Encoding="chunked").status == 413
    assert slide_view.ask("/" + "x" * 300).status == 414
    assert slide_view.ask("/slide.json?" + "x" * 300).status == 414
    with socket.create_connection(("127.0.0.1", slide_view.port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        assert b" 400 " in raw.recv(100)


def test_pages_of_other_sites_are_refused(slide_view):
    for site in ("cross-site", "same-site"):
        assert slide_view.ask("/tiles/original/0/0/0.png", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors").status == 403
    assert slide_view.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200
    assert slide_view.ask("/slide.json", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors").status == 200


TOKEN = "secret-of-this-test"


@pytest.fixture(scope="module")
def token_view(slide_path, open_view):
    with open_view(slide_path) as source, running(source, token=TOKEN) as server:
        yield server


def test_without_the_token_everything_is_refused(token_view):
    for path in ("/", "/page.js", "/slide.json", "/tiles/original/0/0/0.png", "/images/label.png", "/nowhere"):
        for shown in ("", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=%C3%BC"):
            assert token_view.ask(path + shown).status == 401
    assert token_view.ask(f"/slide.json?token={TOKEN}").status == 401  # only the page accepts the token
    for cookie in ("", "sr_tf_view=1", f"sr_tf_view_{token_view.port}=wrong", f"other={TOKEN}", "\xff;=;"):
        assert token_view.ask("/slide.json", Cookie=cookie).status == 401


def test_the_token_is_replaced_by_a_cookie_that_scripts_and_other_sites_cannot_use(token_view):
    answer = token_view.ask(f"/?token={TOKEN}")
    assert answer.status == 200
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert set(attributes) == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert answer.headers["cache-control"] == "no-store"
    assert TOKEN.encode() not in answer.body
    assert token_view.ask("/slide.json", Cookie=cookie).status == 200
    assert token_view.ask("/", Cookie=cookie, Host="slides.ward.example").status == 200


def test_too_many_requests_have_to_wait(slide_path, open_view, monkeypatch):
    monkeypatch.setattr(guard, "_BURST", 5.0)
    monkeypatch.setattr(guard, "_RATE", 0.5)
    with open_view(slide_path) as source, running(source) as server:
        answers = [server.ask("/slide.json") for _ in range(8)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    assert {answer.status for answer in answers[6:]} == {429}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3


def test_the_number_of_remembered_addresses_is_bounded():
    gate = guard.Guard(None, 80, None)
    for number in range(3 * guard._ADDRESSES):
        assert gate._seconds_too_soon(f"10.0.{number // 256}.{number % 256}") == 0
    assert len(gate._buckets) == guard._ADDRESSES


@pytest.mark.parametrize(
    "others", ['prefs={"a":[1]}; %s', "a/b=1; %s", '%s; prefs={"a":[1]}', "=; ;;%s", 'x=%%; y="; %s ;z']
)
def test_cookies_of_other_programs_do_not_hide_the_viewers(token_view, others):
    cookie = f"sr_tf_view_{token_view.port}={TOKEN}"
    assert token_view.ask("/slide.json", Cookie=others % cookie).status == 200
    assert token_view.ask("/slide.json", Cookie=others % f"x{cookie}").status == 401


def test_no_address_leads_to_another_host(token_view):
    cookie = f"sr_tf_view_{token_view.port}={TOKEN}"
    for path in ("/tiles/original/0/0/0.png/", "/slide.json/", "/page.js/"):
        answer = token_view.ask(path, Cookie=cookie, Host="evil.example")
        assert (answer.status, answer.headers.get("location")) == (404, None)


def test_long_headers_are_refused_in_one_piece_too(slide_view):
    assert slide_view.ask("/slide.json", A="a" * 20_000).status == 431
    assert slide_view.ask("/slide.json", **{f"A{number}": "a" for number in range(200)}).status == 431
    assert slide_view.ask("/slide.json", A="a" * 10_000).status == 200
