"""The viewer's web application: the page, the tiles and the associated images, and the same for programs of others."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sr_tf.errors import UserError, missing_extra
from sr_tf.images.libraries import EXTRA
from sr_tf.viewer.answers import as_json, fixed, page_files
from sr_tf.viewer.deepzoom import DeepZoom
from sr_tf.viewer.describe import describe_map, describe_slide
from sr_tf.viewer.iiif import Iiif
from sr_tf.viewer.levels import Tile
from sr_tf.viewer.source import Source
from sr_tf.viewer.tiles import Tiles

if TYPE_CHECKING:
    from sr_tf.viewer.dicomweb import DicomWeb

_Answer = Callable[[Request], Awaitable[Response]]


class Viewer:
    """Answers requests for tiles and associated images of one source.

    Args:
        tiles: the source's tiles.
        open_to_sites: whether pages of another site may read images by IIIF, Deep Zoom and DICOMweb.
    """

    def __init__(self, tiles: Tiles, open_to_sites: bool):
        self._tiles = tiles
        self.iiif, self.deepzoom = Iiif(tiles, open_to_sites), DeepZoom(tiles)

    @cached_property
    def dicomweb(self) -> "DicomWeb":
        """Answers of DICOMweb.

        Raises:
            UserError: pydicom is not installed.
        """
        try:
            from sr_tf.viewer.dicomweb import DicomWeb  # pydicom takes 0.15 s
        except ModuleNotFoundError as error:
            if error.name != "pydicom":
                raise
            raise missing_extra(EXTRA, error) from error
        return DicomWeb(self._tiles)

    async def tile(self, request: Request) -> Response:
        """Answers with a tile as a PNG file; status 404 if there is no such tile, else see `Tiles.answer`."""
        place = request.path_params
        tile = Tile(place["layer"], place["level"], place["column"], place["row"])
        if not self._tiles.contains(tile):
            return Response("no such tile", 404)
        return await self._tiles.answer(request, "/".join(map(str, tile)), lambda: self._tiles.png(tile))

    async def associated(self, request: Request) -> Response:
        """Answers with a label, macro or thumbnail image as a PNG file."""
        name = request.path_params["name"]
        pixels = self._tiles.source.associated.get(name)
        if pixels is None:
            return Response("no such image", 404)

        def encoded() -> bytes:
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
            return buffer.getvalue()

        return await self._tiles.answer(request, f"images/{name}", lambda: asyncio.to_thread(encoded))


def make_app(source: Source, workers: int, listed: bool = False, open_to_sites: bool = False) -> Starlette:
    """Makes the web application. Its threads start and end with the event loop of its server.

    Args:
        source: the opened archive or slide.
        workers: number of threads that make tiles.
        listed: whether the page of a folder leads here, so that the slide's page leads back to it.
        open_to_sites: whether pages of another site may read images by IIIF, Deep Zoom and DICOMweb; the guard
            decides which.
    """
    described = {**describe_slide(source), "listed": listed}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tiles = Tiles(source, workers)
        app.state.viewer = Viewer(tiles, open_to_sites)
        yield
        await tiles.close()

    def of(answer: Callable[[Viewer], _Answer]) -> _Answer:
        """An answer of the viewer, which exists once the application has started."""

        async def answered(request: Request) -> Response:
            try:
                prepared = answer(request.app.state.viewer)
            except UserError as error:  # an extra is not installed
                return Response(str(error), 501)
            return await prepared(request)

        return answered

    search = of(lambda viewer: viewer.dicomweb.search)
    metadata = of(lambda viewer: viewer.dicomweb.metadata)
    study = "/dicomweb/studies/{study}"
    series, instance = f"{study}/series/{{series}}", f"{study}/series/{{series}}/instances/{{instance}}"
    routes = [
        Route("/tiles/{layer}/{level:int}/{column:int}/{row:int}.png", of(lambda viewer: viewer.tile)),
        Route("/images/{name}.png", of(lambda viewer: viewer.associated)),
        Route("/iiif/{layer}", of(lambda viewer: viewer.iiif.base)),
        Route("/iiif/{layer}/info.json", of(lambda viewer: viewer.iiif.info)),
        Route("/iiif/{layer}/{region}/{size}/{rotation}/{quality}.{format}", of(lambda viewer: viewer.iiif.image)),
        Route("/deepzoom/{layer}.dzi", of(lambda viewer: viewer.deepzoom.description)),
        Route(
            "/deepzoom/{layer}_files/{level:int}/{column:int}_{row:int}.png", of(lambda viewer: viewer.deepzoom.tile)
        ),
        *(Route(f"/dicomweb/{kind}", search) for kind in ("studies", "series", "instances")),
        *(Route(f"{place}/instances", search) for place in (study, series)),
        Route(f"{study}/series", search),
        *(Route(f"{place}/metadata", metadata) for place in (study, series, instance)),
        Route(f"{instance}/frames/{{frames}}", of(lambda viewer: viewer.dicomweb.frames)),
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
