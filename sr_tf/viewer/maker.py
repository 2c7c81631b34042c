"""Makes tiles: reads or averages their pixels and encodes them as PNG."""

from collections.abc import Callable, Iterator

import numpy as np

from sr_tf.images.means import pad_to_multiple, reduce_by_means
from sr_tf.images.tiles import assemble
from sr_tf.viewer.cache import TileCache
from sr_tf.viewer.layers import Layer
from sr_tf.viewer.levels import Levels, Tile
from sr_tf.viewer.png import decode_tile, encode_tile


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
            files[member] = self._cache.get(member) or encode_tile(self._pixels(member, wanted))
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
        return reduce_by_means(pad_to_multiple(canvas, 2), 2)

    def _cached(self, tile: Tile, wanted: Callable[[], bool]) -> np.ndarray:
        png = self._cache.get(tile)
        if png is not None:
            return decode_tile(png)
        pixels = self._pixels(tile, wanted)
        self._cache.put(tile, encode_tile(pixels))
        return pixels
