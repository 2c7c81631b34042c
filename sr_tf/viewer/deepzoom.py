"""The tiles of a source in Deep Zoom's layout: a .dzi file, and a folder of tiles for each level.

Deep Zoom counts levels from 1×1 pixel upwards. Tiles do not overlap and are the viewer's own, lossless.
"""

from starlette.requests import Request
from starlette.responses import Response

from sr_tf.images.means import reduce_to
from sr_tf.viewer.answers import answered, etag_of
from sr_tf.viewer.levels import TILE, Tile
from sr_tf.viewer.png import decode_tile, encode_tile
from sr_tf.viewer.tiles import Tiles

_DESCRIPTION = """<?xml version="1.0" encoding="UTF-8"?>
<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="png" Overlap="0" TileSize="{tile}">
<Size Width="{width}" Height="{height}"/>
</Image>
"""


class DeepZoom:
    """Answers requests for a .dzi file and its tiles.

    Args:
        tiles: the source's tiles.
    """

    def __init__(self, tiles: Tiles):
        self._tiles, info = tiles, tiles.source.info
        self._last = (max(info.width, info.height) - 1).bit_length()
        self._content = _DESCRIPTION.format(tile=TILE, width=info.width, height=info.height).encode()

    async def description(self, request: Request) -> Response:
        """Answers with the .dzi file."""
        if request.path_params["layer"] not in self._tiles.source.layers:
            return Response("no such image", 404)
        return answered(request, self._content, "application/xml", etag_of(self._content))

    async def tile(self, request: Request) -> Response:
        """Answers with a tile; status 404 if there is none."""
        place = request.path_params
        level = self._last - place["level"]
        tile = Tile(place["layer"], level, place["column"], place["row"])
        smaller = self._tiles.levels.count <= level <= self._last and not tile.column and not tile.row
        if smaller:
            tile = tile._replace(level=self._tiles.levels.count - 1)
        if not self._tiles.contains(tile):
            return Response("no such tile", 404)
        what = f"deepzoom/{place['layer']}/{level}/{place['column']}/{place['row']}"
        return await self._tiles.answer(request, what, lambda: self._reduced(tile, level))

    async def _reduced(self, tile: Tile, level: int) -> bytes:
        """A tile, or the last one still smaller: Deep Zoom goes on below the size of a tile."""
        png = await self._tiles.png(tile)
        if level == tile.level:
            return png
        return encode_tile(reduce_to(decode_tile(png), *self._tiles.levels.size(level)))
