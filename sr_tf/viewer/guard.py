"""Protects the viewer: which requests it answers and how many, and the security headers of every answer."""

import hmac
import itertools
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

_RATE, _BURST = 500.0, 1000.0
"""Requests per second that one address may send, and how many it may send at once after a pause."""

_ADDRESSES = 1024
"""Number of addresses whose rate is remembered."""

_LONGEST_PATH = 256
"""Most bytes of a request's path and query."""

_DICOMWEB, _LONGEST_DICOMWEB = re.compile("(/slides/[^/]+)?/dicomweb/"), 1024
"""Its addresses hold up to three identifiers of 44 bytes, and queries as many again."""

HEAD_BYTES = 16 << 10
"""Most bytes of a request's headers."""

_MOST_HEADERS = 100

_SHARED = re.compile("(/slides/[^/]+)?/(iiif|deepzoom|dicomweb)/")
"""Addresses that pages of another site may read if their site is named: images, not the viewer's own page."""

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

# Browsers do not send a SameSite=Strict cookie when a link on another site opens the viewer. This page navigates again,
# from the viewer itself, and then the cookie is sent.
_WELCOME = b'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=./"><title>sr_tf</title>'


@dataclass
class _Bucket:
    left: float
    seen: float


class Guard:
    """ASGI middleware that decides which requests reach the viewer.

    Args:
        app: the application.
        port: the server's port.
        token: a browser must send it once, as `?token=`. None: only this machine can send requests, and only to one of
            the names of the loopback address, so that no web page can reach the viewer under its own name (DNS
            rebinding).
        site: whose pages may read images by IIIF, Deep Zoom and DICOMweb, for instance "https://viewer.example"; "*":
            all sites'; None: nobody's.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], port: int, token: str | None, site: str | None = None):
        self._app, self._token, self._site = app, token, site
        self._cookie = f"sr_tf_view_{port}"
        self._hosts = {f"{name}:{port}" for name in _LOOPBACK} | (set(_LOOPBACK) if port == 80 else set())
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answers or forwards one ASGI request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket, which is not supported
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        refused = self._refused(scope, headers)
        if refused:
            await _answer(send, *refused)
        elif self._token and scope["path"] == "/" and self._has_token(scope):
            cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict".encode()
            await _answer(send, 200, _WELCOME, [(b"content-type", b"text/html"), (b"set-cookie", cookie)])
        elif self._token and not self._has_cookie(headers):
            await _answer(send, 401, b"open the address that `sr-tf view` printed, with its token")
        elif self._is_preflight(scope, headers):
            allowed = [(b"access-control-allow-methods", b"GET, HEAD"), (b"access-control-allow-headers", b"accept")]
            await _answer(send, 204, b"", allowed, self._site)
        else:
            await self._app(scope, receive, _with_headers(send, self._site if self._is_shared(scope) else None))

    def _refused(self, scope: dict, headers: dict[bytes, bytes]) -> tuple | None:
        client = scope["client"][0] if scope["client"] else ""
        wait = self._seconds_too_soon(client)
        if wait > 0:
            return 429, b"too many requests", [(b"retry-after", b"%d" % (1 + int(wait)))]
        if self._token is None and headers.get(b"host", b"").decode("latin-1").lower() not in self._hosts:
            return 421, b"open the address that `sr-tf view` printed; this server answers to no other name"
        if scope["method"] not in ("GET", "HEAD") and not self._is_preflight(scope, headers):
            return 405, b"only GET and HEAD are allowed", [(b"allow", b"GET, HEAD")]
        if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
            return 413, b"requests must not have a body"
        if len(scope["headers"]) > _MOST_HEADERS or sum(map(len, itertools.chain(*scope["headers"]))) > HEAD_BYTES:
            return 431, b"too many or too long headers"
        longest = _LONGEST_DICOMWEB if _DICOMWEB.match(scope["path"]) else _LONGEST_PATH
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > longest:
            return 414, b"address too long"
        foreign = headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")
        if foreign and not self._is_named(scope, headers) and headers.get(b"sec-fetch-mode") != b"navigate":
            return 403, b"requested by the page of another site"
        return None

    def _is_shared(self, scope: dict) -> bool:
        return self._site is not None and _SHARED.match(scope["path"]) is not None

    def _is_named(self, scope: dict, headers: dict[bytes, bytes]) -> bool:
        """Whether a page of the named site asks for what it may read."""
        return self._is_shared(scope) and self._site in ("*", headers.get(b"origin", b"").decode("latin-1"))

    def _is_preflight(self, scope: dict, headers: dict[bytes, bytes]) -> bool:
        """Whether a browser asks for a page of the named site if it may send an Accept header as DICOMweb has it."""
        return scope["method"] == "OPTIONS" and self._is_named(scope, headers)

    def _has_token(self, scope: dict) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return hmac.compare_digest(given.encode("utf-8"), self._token.encode())

    def _has_cookie(self, headers: dict[bytes, bytes]) -> bool:
        # Other programs of this host may have set cookies of any form, which must not hide this one.
        given = [part.strip().partition(b"=") for part in headers.get(b"cookie", b"").split(b";")]
        values = [value for name, _, value in given if name == self._cookie.encode()]
        return any(hmac.compare_digest(value, self._token.encode()) for value in values)

    def _seconds_too_soon(self, client: str) -> float:
        now = time.monotonic()
        bucket = self._buckets.pop(client, None) or _Bucket(_BURST, now)
        bucket.left = min(_BURST, bucket.left + (now - bucket.seen) * _RATE)
        bucket.seen = now
        self._buckets[client] = bucket
        while len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return (1 - bucket.left) / _RATE
        bucket.left -= 1
        return 0.0


def _with_headers(send: Callable, site: str | None = None) -> Callable:
    """Adds the security headers to an answer; `site`: whose pages may read it."""
    ours = dict(_RAW_HEADERS)
    if site is not None:
        ours |= {b"access-control-allow-origin": site.encode(), b"cross-origin-resource-policy": b"cross-origin"}

    async def sending(message: dict) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *ours.items()]}
        await send(message)

    return sending


async def _answer(
    send: Callable,
    status: int,
    body: bytes,
    headers: list[tuple[bytes, bytes]] | None = None,
    site: str | None = None,
) -> None:
    given = [*(headers or []), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    if not any(name == b"content-type" for name, _ in given):
        given.append((b"content-type", b"text/plain; charset=utf-8"))
    await _with_headers(send, site)({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})
