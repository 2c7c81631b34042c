"""Answers that browsers store but check each time, and the files of a page."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def page_files(folder: Traversable) -> dict[str, tuple[bytes, str]]:
    """Reads the files of a page, so that no address can lead to another file.

    Returns:
        (content, media type) by address; index.html is at "/".
    """
    files = {f"/{file.name}": file for file in folder.iterdir() if file.is_file()}
    files["/"] = files.pop("/index.html")
    return {path: (file.read_bytes(), _TYPES[file.name.rpartition(".")[2]]) for path, file in files.items()}


def fixed(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that always gives the same answer."""
    etag = etag_of(content)

    async def answer(request: Request) -> Response:
        return answered(request, content, media_type, etag)

    return answer


def answered(request: Request, content: bytes, media_type: str, etag: str) -> Response:
    """The content, unless the browser has it already."""
    return not_modified(etag) if has(request, etag) else cached(content, media_type, etag)


def etag_of(content: bytes) -> str:
    """The ETag of a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def as_json(content: object) -> bytes:
    """JSON in UTF-8; a name that is not UTF-8 has characters that UTF-8 cannot encode, which are replaced."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def cached(content: bytes, media_type: str, etag: str) -> Response:
    """An answer that the browser stores but checks each time: the server may show another slide by then."""
    return Response(content, 200, {"ETag": etag, "Cache-Control": "private, no-cache"}, media_type)


def not_modified(etag: str) -> Response:
    """The answer to a browser that has the content already."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def has(request: Request, etag: str) -> bool:
    """Whether the browser says that it has the content of an ETag."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in given.split(",")]
