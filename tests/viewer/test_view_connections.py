"""Connections that never finish a request, and a proxy in front."""

import re
import socket
import time
from pathlib import Path

import pytest
from viewed import running

from sr_tf.viewer import connections

STATIC = Path(connections.__file__).parent / "static"
UNFINISHED = b"GET / HTTP/1.1\r\nX: "


def _open(server, data=UNFINISHED):
    one = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    one.sendall(data)
    return one


def _closed(one):
    one.setblocking(False)
    try:
        return one.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_unfinished_requests_keep_nobody_out_and_are_few(slide_view):
    waiting = []
    for number in range(1300):
        waiting.append(_open(slide_view))
        if number % 100 == 0:
            assert slide_view.ask("/slide.json").status == 200
    assert slide_view.ask("/slide.json").status == 200
    time.sleep(0.5)
    assert sum(not _closed(one) for one in waiting) <= connections._OF_ONE_ADDRESS
    for one in waiting:
        one.close()
    assert slide_view.ask("/slide.json").status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        UNFINISHED,
        b"GET /slide.json HTTP/1.1\r\nHost: localhost:%d\r\n\r\nGET / HTTP/1.1\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 1000\r\n\r\n",
    ],
)
def test_a_head_that_does_not_arrive_in_time_closes_the_connection(slide_path, open_view, monkeypatch, data):
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.5)
    with open_view(slide_path) as source, running(source) as server:
        one = _open(server, data % server.port if b"%d" in data else data)
        start = time.monotonic()
        try:
            while time.monotonic() - start < 5:
                one.sendall(b"a" if data else b"")
                time.sleep(0.1)
                one.setblocking(False)
                try:
                    if one.recv(10_000) == b"":
                        break
                except BlockingIOError:
                    pass
                one.setblocking(True)
        except ConnectionError:
            pass
        assert 0.3 < time.monotonic() - start < 3
        one.close()


def test_a_connection_that_is_kept_open_for_the_next_request_is_not_a_slow_head(slide_path, open_view, monkeypatch):
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    with open_view(slide_path) as source, running(source) as server:
        request = b"GET /icon.svg HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % server.port
        with _open(server, request) as one:
            assert b" 200 " in one.recv(100_000)
            time.sleep(0.8)
            one.sendall(request)
            assert b" 200 " in one.recv(100_000)


def test_the_page_has_no_absolute_addresses_so_that_it_works_below_a_proxys_path():
    for file in STATIC.iterdir():
        if file.suffix in (".html", ".js", ".css"):
            assert not re.search(r"""["'`(]/[a-z]""", file.read_text()), file.name
