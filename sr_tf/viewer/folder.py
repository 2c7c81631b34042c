"""The web application for a folder: a page with all its slides and archives, and the viewer of each."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from sr_tf.archive.container import SUFFIX
from sr_tf.errors import UserError
from sr_tf.images.reading import natural_order
from sr_tf.slides.dicom_series import is_dicom
from sr_tf.slides.find import files_in, slides_among
from sr_tf.viewer.answers import answered, as_json, etag_of, fixed, page_files
from sr_tf.viewer.app import make_app
from sr_tf.viewer.cards import make_card, make_thumbnail
from sr_tf.viewer.source import Source

MOST_OPEN = 4
"""Slides that stay open. When another one is opened, the one that was not used for longest is closed."""
_MOST_CARDS = 2000
"""Cards and thumbnails that are kept in memory; together a few hundred MB at most."""

Opener = Callable[[Path], Source]


def find_viewable(folder: Path) -> dict[str, Path]:
    """Lists the slides, images and archives of a folder and its sub-folders.

    Args:
        folder: the folder; hidden files are skipped.

    Returns:
        The files in natural order, by a short name that is safe in an address and depends on the file's place only.
    """
    files = files_in(folder)
    archives = [path for path in files if path.name.endswith(SUFFIX)]
    found = sorted([*slides_among(files), *archives], key=natural_order)
    return {_address(path.relative_to(folder)): path for path in found}


def slide_or_folder(path: Path) -> Path:
    """What to show of a path: a folder that holds nothing but one DICOM series is that slide."""
    if not path.is_dir():
        return path
    found = list(find_viewable(path).values())
    return found[0] if len(found) == 1 and is_dicom(found[0]) else path


def _address(place: Path) -> str:
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


class Folder:
    """Answers requests about a folder, and forwards those about one slide to the viewer of that slide.

    Args:
        folder: the folder.
        workers: number of threads that make tiles, for each open slide.
        open_one: opens a slide or an archive.
        open_to_sites: see `sr_tf.viewer.app.make_app`.
    """

    def __init__(self, folder: Path, workers: int, open_one: Opener, open_to_sites: bool):
        self._folder, self._open_one = folder, open_one
        self._workers, self._open_to_sites = workers, open_to_sites
        self._paths: dict[str, Path] = {}
        self._viewers: OrderedDict[str, _OpenViewer] = OrderedDict()
        self._opening = asyncio.Lock()
        self._made: OrderedDict[tuple, Any] = OrderedDict()
        self._making = asyncio.Semaphore(max(1, workers))

    async def close(self) -> None:
        """Closes all viewers."""
        for viewer in self._viewers.values():
            await viewer.stack.aclose()

    async def listing(self, request: Request) -> Response:
        """Answers with the names of all files; the folder is searched each time."""
        self._paths = await asyncio.to_thread(find_viewable, self._folder)
        entries = [
            {"id": address, "name": path.relative_to(self._folder).as_posix()} for address, path in self._paths.items()
        ]
        content = as_json({"folder": self._folder.resolve().name, "slides": entries})
        return Response(content, 200, {"Cache-Control": "no-store"}, "application/json")

    async def card(self, request: Request) -> Response:
        """Answers with the facts about one file; status 422 and the reason if it cannot be opened."""
        return await self._about(request, make_card, lambda card: (as_json(card), "application/json"))

    async def thumbnail(self, request: Request) -> Response:
        """Answers with a JPEG file; status 404 if there is none, 422 and the reason if the slide cannot be opened."""
        return await self._about(request, make_thumbnail, lambda jpeg: (jpeg, "image/jpeg"))

    async def viewer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forwards a request to the viewer of one slide, which is opened when it is first needed."""
        address = scope["path_params"]["id"]
        path = await self._path(address)
        if path is None:
            await Response("no such slide", 404)(scope, receive, send)
            return
        try:
            viewer = await self._viewer(address, path)
        except UserError as error:
            await self._refused(path, error)(scope, receive, send)
            return
        viewer.requests += 1
        try:
            await viewer.app(scope, receive, send)
        finally:
            viewer.requests -= 1

    async def _about(self, request: Request, make: Callable, answer: Callable) -> Response:
        path = await self._path(request.path_params["id"])
        if path is None:
            return Response("no such slide", 404)
        try:
            made = await self._kept(path, make)
        except UserError as error:
            return self._refused(path, error)
        if made is None:
            return Response("no thumbnail", 404)
        content, media_type = answer(made)
        return answered(request, content, media_type, etag_of(content))

    async def _kept(self, path: Path, make: Callable) -> Any:
        """The result of `make`, which is kept as long as the file does not change."""
        state = path.stat()
        key = (make, path, state.st_size, state.st_mtime_ns)
        if key not in self._made:
            async with self._making:
                self._made[key] = await asyncio.to_thread(make, path)
            if len(self._made) > _MOST_CARDS:
                self._made.popitem(last=False)
        return self._made[key]

    async def _path(self, address: str) -> Path | None:
        """The file of an address. An unknown one may be a bookmark of an earlier call, so the folder is searched."""
        if address not in self._paths:
            self._paths = await asyncio.to_thread(find_viewable, self._folder)
        path = self._paths.get(address)
        return path if path is not None and path.exists() else None

    async def _viewer(self, address: str, path: Path) -> "_OpenViewer":
        async with self._opening:
            if address in self._viewers:
                self._viewers.move_to_end(address)
                return self._viewers[address]
            source = await asyncio.to_thread(self._open_one, path)
            app, stack = make_app(source, self._workers, True, self._open_to_sites), AsyncExitStack()
            stack.enter_context(source)
            await stack.enter_async_context(app.router.lifespan_context(app))
            self._viewers[address] = _OpenViewer(app, stack)
            idle = [name for name, viewer in self._viewers.items() if not viewer.requests and name != address]
            for name in idle[: len(self._viewers) - MOST_OPEN]:
                await self._viewers.pop(name).stack.aclose()
            return self._viewers[address]

    def _refused(self, path: Path, error: UserError) -> Response:
        """The reason without the path of the file."""
        line = " ".join(str(error).split()).removeprefix(f"{path}: ")
        return Response(line, 422, {"Cache-Control": "no-store"}, "text/plain")


class _OpenViewer:
    """The application of one open slide, what closes it, and how many requests it is answering."""

    def __init__(self, app: Starlette, stack: AsyncExitStack):
        self.app, self.stack, self.requests = app, stack, 0


def make_folder_app(folder: Path, workers: int, open_one: Opener, open_to_sites: bool = False) -> Starlette:
    """Makes the web application of a folder.

    Args:
        folder: the folder.
        workers: number of threads that make tiles, for each open slide.
        open_one: opens a slide or an archive.
        open_to_sites: see `sr_tf.viewer.app.make_app`.
    """
    served = Folder(folder, workers, open_one, open_to_sites)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await served.close()

    page = page_files(resources.files("sr_tf.viewer") / "static" / "folder")
    shared = page_files(resources.files("sr_tf.viewer") / "static")
    routes = [
        Route("/folder.json", served.listing),
        Route("/cards/{id}.json", served.card),
        Route("/thumbnails/{id}.jpg", served.thumbnail),
        Mount("/slides/{id}", app=served.viewer),
        *(Route(path, fixed(*file)) for path, file in page.items()),
        *(Route(path, fixed(*shared[path])) for path in ("/icon.svg", "/theme.css")),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False  # it would redirect to whatever host the request names
    return app
