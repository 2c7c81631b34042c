"""The tiles of one source: made in threads, kept in a cache, and sent as answers."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from sr_tf.errors import UserError
from sr_tf.messages import tell
from sr_tf.viewer.answers import cached, has, not_modified
from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.levels import Tile
from sr_tf.viewer.maker import TileMaker
from sr_tf.viewer.source import INTERPOLATED, RESTORED, Source
from sr_tf.viewer.tile_queue import Busy, TileQueue

_CLIENT_GONE = 499
"""The status that nginx uses for a client that closed the connection. Nobody receives it."""


class Tiles:
    """Tiles of one source, and answers that are made of them.

    Args:
        source: the opened archive or slide.
        workers: number of threads that make tiles.
    """

    def __init__(self, source: Source, workers: int):
        self.source, self.levels = source, source.levels
        self._cache = TileCache()
        self._queue = TileQueue(TileMaker(source.levels, source.layers, self._cache), workers)
        self._reported: set[str] = set()

    async def close(self) -> None:
        """Stops making tiles and frees the cache."""
        self._queue.close()
        await asyncio.to_thread(self._queue.join)
        self._cache.close()

    def contains(self, tile: Tile) -> bool:
        """Whether there is such a tile."""
        return tile.layer in self.source.layers and self.levels.contains(tile)

    async def png(self, tile: Tile, guess: bool = True) -> bytes:
        """A tile as a PNG file.

        Args:
            tile: a tile that exists.
            guess: whether its neighbours are made next, if there is nothing else to do.

        Raises:
            Busy: too many tiles are waiting.
            UserError: its data is damaged.
        """
        if tile.layer == INTERPOLATED and tile.level:
            tile = tile._replace(layer=RESTORED)  # below full size, both layers show the stored images
        png = self._cache.get(tile)
        if png is None:
            first = self.levels.made_together(tile)[0]
            png = (await self._queue.get(first, slow=not self._reads(first)))[tile]
        if guess and self._reads(tile):
            near = [neighbour for neighbour in self.levels.around(tile) if neighbour not in self._cache]
            self._queue.guess({self.levels.made_together(neighbour)[0] for neighbour in near})
        return png

    async def answer(
        self, request: Request, what: str, make: Callable[[], Awaitable[bytes]], media_type: str = "image/png"
    ) -> Response:
        """Answers with an image, unless the browser has it already; nothing is made then.

        The status is 500 if the data is damaged, and 503 if too many tiles are waiting.

        Args:
            request: the request; the work is cancelled if its client closes the connection.
            what: names the image among all of this source.
            make: makes it.
            media_type: of the image.
        """
        etag = self._etag(what)
        if has(request, etag):
            return not_modified(etag)
        try:
            made = await _while_connected(request, make())
        except Busy:
            return Response("busy", 503, {"Retry-After": "1"})
        except UserError as error:
            return self._damaged(error)
        return Response(status_code=_CLIENT_GONE) if made is None else cached(made, media_type, etag)

    def _reads(self, tile: Tile) -> bool:
        """Whether a tile is read directly; others are averaged from many finer ones."""
        return self.source.layers[tile.layer].reads(tile.level)

    def _etag(self, what: str) -> str:
        return f'"{hashlib.sha256(f"{self.source.version}/{what}".encode()).hexdigest()[:32]}"'

    def _damaged(self, error: UserError) -> Response:
        """Prints the error once at the terminal. The browser does not get the path of the file."""
        line = " ".join(str(error).split())
        if line not in self._reported and len(self._reported) < 1000:
            self._reported.add(line)
            tell(f"sr-tf view: {line}")
        return Response(line.removeprefix(f"{self.source.path}: "), 500, {"Cache-Control": "no-store"})


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
