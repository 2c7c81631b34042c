"""Makes tiles: reads or averages their pixels and encodes them as PNG."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from sr_tf.images.degradation import pad_to_multiple
from sr_tf.images.tiles import assemble
from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.layers import Layer
from sr_tf.viewer.levels import Levels, Tile


class Abandoned(Exception):  # noqa: N818, it is not an error
    """The tile is not wanted any more."""


class TileMaker:
    """Makes tiles and puts them into a cache. Thread-safe.

    Args:
        levels: the slide's pyramid.
        layers: the layers by their name.
        cache: where tiles are stored.
    """

    def __init__(self, levels: Levels, layers: dict[str, Layer], cache: TileCache):
        self._levels, self._layers, self._cache = levels, layers, cache

    def __call__(self, tile: Tile, wanted: Callable[[], bool]) -> dict[Tile, bytes]:
        """Makes a tile and the tiles that are made together with it.

        Args:
            tile: the tile.
            wanted: called now and then during long work; returns whether to go on.

        Returns:
            PNG files by tile. PNG is lossless, so that the page shows the pixels that were measured.

        Raises:
            Abandoned: `wanted` returned False.
            UserError: the data of the tile is damaged.
        """
        files = {}
        for member in self._levels.made_together(tile):
            if not wanted():
                raise Abandoned
            files[member] = self._cache.get(member) or _png(self._pixels(member, wanted))
            self._cache.put(member, files[member])
        return files

    def _pixels(self, tile: Tile, wanted: Callable[[], bool]) -> np.ndarray:
        layer = self._layers[tile.layer]
        if layer.reads(tile.level):
            return layer.read(tile.level, *self._levels.rectangle(tile))
        finer = self._levels.finer(tile)
        left, top, *_ = self._levels.rectangle(finer[0])
        last_x, last_y, last_width, last_height = self._levels.rectangle(finer[-1])

        def parts() -> Iterator[tuple[int, int, np.ndarray]]:
            for part in finer:
                if not wanted():
                    raise Abandoned
                yield *self._levels.rectangle(part)[:2], self._cached(part, wanted)

        canvas = assemble((left, top, last_x + last_width - left, last_y + last_height - top), parts())
        even = pad_to_multiple(canvas, 2)
        return cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def _cached(self, tile: Tile, wanted: Callable[[], bool]) -> np.ndarray:
        png = self._cache.get(tile)
        if png is not None:
            return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        pixels = self._pixels(tile, wanted)
        self._cache.put(tile, _png(pixels))
        return pixels


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
