"""The viewer's web application: a page, tiles, and nothing else."""

import asyncio
import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sr_tf.errors import UserError
from sr_tf.messages import tell
from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.describe import describe_map, describe_slide
from sr_tf.viewer.levels import Tile
from sr_tf.viewer.maker import TileMaker
from sr_tf.viewer.source import INTERPOLATED, RESTORED, Source
from sr_tf.viewer.tile_queue import Busy, TileQueue

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_CLIENT_GONE = 499
"""As nginx names it; nobody reads it."""


class Viewer:
    """The application's state.

    Args:
        source: what is looked at.
        workers: threads that make tiles.
    """

    def __init__(self, source: Source, workers: int):
        self._source, self._levels = source, source.levels
        self._cache = TileCache()
        self._queue = TileQueue(TileMaker(source.levels, source.layers, self._cache), workers)
        self._complained: set[str] = set()

    async def close(self) -> None:
        """Stops making tiles."""
        self._queue.close()
        await asyncio.to_thread(self._queue.join)
        self._cache.close()

    async def tile(self, request: Request) -> Response:
        """A tile's PNG file; 404 outside, 500 where it is damaged, 503 where too many are waited for."""
        place = request.path_params
        tile = Tile(place["layer"], place["level"], place["column"], place["row"])
        if tile.layer not in self._source.layers or not self._levels.holds(tile):
            return Response("no such tile", 404)
        if tile.layer == INTERPOLATED and tile.level:
            tile = tile._replace(layer=RESTORED)  # smaller than full size, both are what is stored
        etag = self._etag("/".join(map(str, tile)))
        if _has(request, etag):
            return _not_modified(etag)
        png = self._cache.get(tile)
        if png is None:
            first = self._levels.made_together(tile)[0]
            try:
                made = await _while_connected(request, self._queue.get(first, slow=not self._reads(first)))
            except Busy:
                return Response("busy", 503, {"Retry-After": "1"})
            except UserError as error:
                return self._damaged(error)
            if made is None:
                return Response(status_code=_CLIENT_GONE)
            png = made[tile]
        if self._reads(tile):
            near = [one for one in self._levels.around(tile) if one not in self._cache]
            self._queue.guess({self._levels.made_together(one)[0] for one in near})
        return _cached(png, "image/png", etag)

    def label(self, request: Request) -> Response:
        """Label, macro or the like as a PNG file."""
        pixels = self._source.labels.get(request.path_params["name"])
        if pixels is None:
            return Response("no such image", 404)
        etag = self._etag(f"images/{request.path_params['name']}")
        if _has(request, etag):
            return _not_modified(etag)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return _cached(buffer.getvalue(), "image/png", etag)

    def _reads(self, tile: Tile) -> bool:
        """Whether a tile is read as it is; others are averaged from many."""
        return self._source.layers[tile.layer].reads(tile.level)

    def _etag(self, what: str) -> str:
        return f'"{hashlib.sha256(f"{self._source.version}/{what}".encode()).hexdigest()[:32]}"'

    def _damaged(self, error: UserError) -> Response:
        """Tells once at the terminal; the browser is not told where files lie."""
        line = " ".join(str(error).split())
        if line not in self._complained and len(self._complained) < 1000:
            self._complained.add(line)
            tell(f"sr-tf view: {line}")
        return Response(line.removeprefix(f"{self._source.path}: "), 500, {"Cache-Control": "no-store"})


def make_app(source: Source, workers: int) -> Starlette:
    """The application, which starts its threads with its server's event loop and ends them with it.

    Args:
        source: what is looked at.
        workers: threads that make tiles.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette):
        app.state.viewer = Viewer(source, workers)
        yield
        await app.state.viewer.close()

    async def tile(request: Request) -> Response:
        return await request.app.state.viewer.tile(request)

    async def label(request: Request) -> Response:
        return await asyncio.to_thread(request.app.state.viewer.label, request)

    routes = [
        Route("/tiles/{layer}/{level:int}/{column:int}/{row:int}.png", tile),
        Route("/images/{name}.png", label),
        Route("/slide.json", _fixed(_json(describe_slide(source)), "application/json")),
        Route("/map.json", _fixed(_json(describe_map(source)), "application/json")),
    ]
    for path, (content, media_type) in _page().items():
        routes.append(Route(path, _fixed(content, media_type)))
    return Starlette(routes=routes, lifespan=lifespan)


def _page() -> dict[str, tuple[bytes, str]]:
    """The page's files by address: read once, so that no address leads to any other file."""
    folder = resources.files("sr_tf.viewer") / "static"
    files = {f"/{file.name}": file for file in folder.iterdir() if file.is_file()}
    files["/openseadragon.min.js"] = folder / "openseadragon" / "openseadragon.min.js"
    files["/"] = files.pop("/index.html")
    return {path: (file.read_bytes(), _TYPES[file.name.rpartition(".")[2]]) for path, file in files.items()}


def _fixed(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'

    async def answer(request: Request) -> Response:
        return _not_modified(etag) if _has(request, etag) else _cached(content, media_type, etag)

    return answer


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _cached(content: bytes, media_type: str, etag: str) -> Response:
    """Kept by the browser, asked for again each time: the server may show another slide by now."""
    return Response(content, 200, {"ETag": etag, "Cache-Control": "private, no-cache"}, media_type)


def _not_modified(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def _has(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in given.split(",")]


async def _while_connected(request: Request, work: Awaitable) -> object | None:
    """The work's result; None, and the work given up, if the client goes away before."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
