"""The tiles of a source by IIIF's Image API 3, for viewers and programs of others."""

import asyncio
import io
import math

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from sr_tf.images.tiles import assemble, under
from sr_tf.viewer.answers import answered, as_json, etag_of
from sr_tf.viewer.iiif_syntax import FORMATS, MOST_SIDE, QUALITIES, BadAddress, Wanted, parse
from sr_tf.viewer.levels import TILE, Tile
from sr_tf.viewer.png import decode_tile
from sr_tf.viewer.tile_queue import Busy
from sr_tf.viewer.tiles import Tiles

_CONTEXT = "http://iiif.io/api/image/3/context.json"
_LEVEL_2 = (
    "baseUriRedirect", "jsonldMediaType", "regionByPct", "regionByPx", "regionSquare", "rotationBy90s",
    "sizeByConfinedWh", "sizeByH", "sizeByPct", "sizeByW", "sizeByWh",
)  # fmt: skip
"""What level 2 asks for, and is supported, apart from the answers that pages of other sites may read (CORS)."""
_AT_ONCE, _WAITING = 2, 32
"""Images that are put together at a time, each of up to 50 MB, and those that may wait."""
_TILES_AT_ONCE = 8
_JPEG_QUALITY = 90


class Iiif:
    """Answers requests of the Image API.

    Args:
        tiles: the source's tiles.
        open_to_sites: whether pages of another site may read the answers. Only then is level 2 declared.
    """

    def __init__(self, tiles: Tiles, open_to_sites: bool):
        self._tiles, self._open = tiles, open_to_sites
        self._room, self._waiting = asyncio.Semaphore(_AT_ONCE), 0

    async def base(self, request: Request) -> Response:
        """Leads from the image's address to its description; relative, so to no other host."""
        layer = request.path_params["layer"]
        if layer not in self._tiles.source.layers:
            return Response("no such image", 404)
        return Response(status_code=303, headers={"Location": f"{layer}/info.json"})

    async def info(self, request: Request) -> Response:
        """Answers with the description of an image."""
        if request.path_params["layer"] not in self._tiles.source.layers:
            return Response("no such image", 404)
        content = as_json(self._describe(str(request.url.replace(query="")).removesuffix("/info.json")))
        linked = "application/ld+json" in request.headers.get("accept", "")
        media_type = f'application/ld+json;profile="{_CONTEXT}"' if linked else "application/json"
        answer = answered(request, content, media_type, etag_of(content + media_type.encode()))
        answer.headers["Vary"] = "Accept"
        return answer

    async def image(self, request: Request) -> Response:
        """Answers with a part of an image; status 400 and the reason if the address has no meaning."""
        given, info = request.path_params, self._tiles.source.info
        if given["layer"] not in self._tiles.source.layers:
            return Response("no such image", 404)
        try:
            wanted = parse(
                given["region"], given["size"], given["rotation"], given["quality"], given["format"],
                (info.width, info.height),
            )  # fmt: skip
        except BadAddress as error:
            return Response(str(error), error.status, {"Cache-Control": "no-store"}, "text/plain")
        what = f"iiif/{given['layer']}/{wanted}"
        return await self._tiles.answer(
            request, what, lambda: self._make(given["layer"], wanted), FORMATS[wanted.format]
        )

    def _describe(self, address: str) -> dict:
        levels, info = self._tiles.levels, self._tiles.source.info
        sizes = [levels.size(level) for level in range(levels.count)]
        return {
            "@context": _CONTEXT,
            "id": address,
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level2" if self._open else "level0",
            "width": info.width,
            "height": info.height,
            "maxWidth": MOST_SIDE,
            "maxHeight": MOST_SIDE,
            "sizes": [{"width": w, "height": h} for w, h in reversed(sizes) if max(w, h) <= MOST_SIDE],
            "tiles": [{"width": TILE, "scaleFactors": [2**level for level in range(levels.count)]}],
            "preferredFormats": ["png"],
            "extraFormats": list(FORMATS),
            "extraQualities": list(QUALITIES[1:]),
            "extraFeatures": [*_LEVEL_2, *(["cors"] if self._open else [])],
        }

    async def _make(self, layer: str, wanted: Wanted) -> bytes:
        if self._waiting >= _WAITING:
            raise Busy
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        try:
            pixels, box = await self._read(layer, wanted)
            return await asyncio.to_thread(_finished, pixels, box, wanted)
        finally:
            self._room.release()

    async def _read(self, layer: str, wanted: Wanted) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """Reads the pixels under a part from the smallest level that is not smaller than what is wanted.

        Returns:
            uint8 [h, w, 3], and the part in these pixels: left, upper, right, lower.
        """
        levels = self._tiles.levels
        level = max(level for level in range(levels.count) if self._is_enough(level, wanted))
        exact = wanted.x / 2**level, wanted.y / 2**level
        ends = (wanted.x + wanted.width) / 2**level, (wanted.y + wanted.height) / 2**level
        left, top = (math.floor(value) for value in exact)
        right, bottom = (math.ceil(value) for value in ends)
        rectangle = (left, top, right - left, bottom - top)
        places = list(under(rectangle, TILE, TILE))
        parts = []
        for start in range(0, len(places), _TILES_AT_ONCE):
            some = [Tile(layer, level, column, row) for row, column in places[start : start + _TILES_AT_ONCE]]
            files = await asyncio.gather(*(self._tiles.png(tile, guess=len(places) == 1) for tile in some))
            parts += [(*levels.rectangle(tile)[:2], file) for tile, file in zip(some, files, strict=True)]
        pixels = await asyncio.to_thread(assemble, rectangle, ((x, y, decode_tile(file)) for x, y, file in parts))
        return pixels, (exact[0] - left, exact[1] - top, ends[0] - left, ends[1] - top)

    def _is_enough(self, level: int, wanted: Wanted) -> bool:
        """Whether a level is not smaller than what is wanted. Its own last tiles are, by less than a pixel."""
        info, scale = self._tiles.source.info, 2**level
        sides = (
            (wanted.x, wanted.width, wanted.size[0], info.width),
            (wanted.y, wanted.height, wanted.size[1], info.height),
        )
        return all(
            length >= size * scale or (start % scale == 0 and start + length == full and -(-length // scale) >= size)
            for start, length, size, full in sides
        )


def _finished(pixels: np.ndarray, box: tuple[float, float, float, float], wanted: Wanted) -> bytes:
    image = Image.fromarray(pixels)
    if box[:2] != (0, 0) or image.size != wanted.size:
        image = image.resize(wanted.size, Image.Resampling.BICUBIC, box=box)
    if wanted.grey:
        image = image.convert("L")
    if wanted.turns:
        image = image.rotate(-90 * wanted.turns, expand=True)
    buffer = io.BytesIO()
    settings = {"quality": _JPEG_QUALITY} if wanted.format == "jpg" else {"compress_level": 1}
    image.save(buffer, "JPEG" if wanted.format == "jpg" else "PNG", **settings)
    return buffer.getvalue()
