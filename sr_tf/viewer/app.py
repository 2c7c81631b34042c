"""The viewer's web application: the page, the tiles and the associated images."""

import asyncio
import hashlib
import io
from collections.abc import Awaitable
from contextlib import asynccontextmanager
from importlib import resources

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sr_tf.errors import UserError
from sr_tf.messages import tell
from sr_tf.viewer.answers import as_json, cached, fixed, has, not_modified, page_files
from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.describe import describe_map, describe_slide
from sr_tf.viewer.levels import Tile
from sr_tf.viewer.maker import TileMaker
from sr_tf.viewer.source import INTERPOLATED, RESTORED, Source
from sr_tf.viewer.tile_queue import Busy, TileQueue

_CLIENT_GONE = 499
"""The status that nginx uses for a client that closed the connection. Nobody receives it."""


class Viewer:
    """Answers requests for tiles and associated images of one source.

    Args:
        source: the opened archive or slide.
        workers: number of threads that make tiles.
    """

    def __init__(self, source: Source, workers: int):
        self._source, self._levels = source, source.levels
        self._cache = TileCache()
        self._queue = TileQueue(TileMaker(source.levels, source.layers, self._cache), workers)
        self._reported: set[str] = set()

    async def close(self) -> None:
        """Stops making tiles and frees the cache."""
        self._queue.close()
        await asyncio.to_thread(self._queue.join)
        self._cache.close()

    async def tile(self, request: Request) -> Response:
        """Answers with a tile as a PNG file.

        The status is 404 if there is no such tile, 500 if its data is damaged, and 503 if too many tiles are waiting.
        """
        place = request.path_params
        tile = Tile(place["layer"], place["level"], place["column"], place["row"])
        if tile.layer not in self._source.layers or not self._levels.contains(tile):
            return Response("no such tile", 404)
        if tile.layer == INTERPOLATED and tile.level:
            tile = tile._replace(layer=RESTORED)  # below full size, both layers show the stored images
        etag = self._etag("/".join(map(str, tile)))
        if has(request, etag):
            return not_modified(etag)
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
            near = [neighbour for neighbour in self._levels.around(tile) if neighbour not in self._cache]
            self._queue.guess({self._levels.made_together(neighbour)[0] for neighbour in near})
        return cached(png, "image/png", etag)

    def associated(self, request: Request) -> Response:
        """Answers with a label, macro or thumbnail image as a PNG file."""
        pixels = self._source.associated.get(request.path_params["name"])
        if pixels is None:
            return Response("no such image", 404)
        etag = self._etag(f"images/{request.path_params['name']}")
        if has(request, etag):
            return not_modified(etag)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return cached(buffer.getvalue(), "image/png", etag)

    def _reads(self, tile: Tile) -> bool:
        """Whether a tile is read directly; others are averaged from many finer ones."""
        return self._source.layers[tile.layer].reads(tile.level)

    def _etag(self, what: str) -> str:
        return f'"{hashlib.sha256(f"{self._source.version}/{what}".encode()).hexdigest()[:32]}"'

    def _damaged(self, error: UserError) -> Response:
        """Prints the error once at the terminal. The browser does not get the path of the file."""
        line = " ".join(str(error).split())
        if line not in self._reported and len(self._reported) < 1000:
            self._reported.add(line)
            tell(f"sr-tf view: {line}")
        return Response(line.removeprefix(f"{self._source.path}: "), 500, {"Cache-Control": "no-store"})


def make_app(source: Source, workers: int, listed: bool = False) -> Starlette:
    """Makes the web application. Its threads start and end with the event loop of its server.

    Args:
        source: the opened archive or slide.
        workers: number of threads that make tiles.
        listed: whether the page of a folder leads here, so that the slide's page leads back to it.
    """
    described = {**describe_slide(source), "listed": listed}

    @asynccontextmanager
    async def lifespan(app: Starlette):
        app.state.viewer = Viewer(source, workers)
        yield
        await app.state.viewer.close()

    async def tile(request: Request) -> Response:
        return await request.app.state.viewer.tile(request)

    async def associated(request: Request) -> Response:
        return await asyncio.to_thread(request.app.state.viewer.associated, request)

    routes = [
        Route("/tiles/{layer}/{level:int}/{column:int}/{row:int}.png", tile),
        Route("/images/{name}.png", associated),
        Route("/slide.json", fixed(as_json(described), "application/json")),
        Route("/map.json", fixed(as_json(describe_map(source)), "application/json")),
    ]
    folder = resources.files("sr_tf.viewer") / "static"
    library = (folder / "openseadragon" / "openseadragon.min.js").read_bytes(), "text/javascript"
    for path, file in (page_files(folder) | {"/openseadragon.min.js": library}).items():
        routes.append(Route(path, fixed(*file)))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # it would redirect to whatever host the request names
    return app


async def _while_connected(request: Request, work: Awaitable) -> object | None:
    """The result of the work; None if the client closes the connection first, which cancels the work."""

    async def closed() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = asyncio.ensure_future(work), asyncio.ensure_future(closed())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
