"""About how large a restored file will be, from a few of its tiles."""

from collections.abc import Mapping

import numpy as np

from sr_tf.archive.restored_view import RestoredView
from sr_tf.images.degradation import reduce
from sr_tf.slides.pyramid import level_sizes
from sr_tf.slides.pyramid_tiles import padded
from sr_tf.slides.tile_codecs import TileCodec, Zstd

_MOST, _LEAST = 24, 12
_LEVELS = (2, 4, 8)
_BESIDE = 8192
"""Bytes of headers and metadata; a tile's offset and length take 16 more."""


class Estimate:
    """Estimates sizes from a sample of tiles, which are restored once.

    The tiles are ordered by the bytes that the archive spends on them and cut into strata of equal summed square roots
    of these; the middle tile of each stands for the others. So a slide of glass with a little tissue has tiles of both.

    Args:
        view: what is written.
        associated: the images that are written beside it.

    Attributes:
        tiles: number of all tiles of level 0.
        sampled: number of those that were looked at.
    """

    def __init__(self, view: RestoredView, associated: Mapping[str, np.ndarray]):
        self._view = view
        costs = view.costs.ravel()
        self.tiles = costs.size
        self.sampled = min(self.tiles, max(_LEAST, min(_MOST, int(np.sqrt(self.tiles)))))
        columns = view.shape[1]
        self._sample = [(index % columns, index // columns, weight) for index, weight in strata(costs, self.sampled)]
        self.sampled = len(self._sample)
        self._pixels = [view.pixels(column, row) for column, row, _ in self._sample]
        images = sum(len(Zstd().encode(np.ascontiguousarray(image))) for image in associated.values())
        profile = len(view.info.icc or b"")
        self._beside = images + profile + _BESIDE + 16 * self.tiles * 4 // 3
        self._known: dict[str, int] = {}

    def bytes_as(self, codec: TileCodec) -> int:
        """The estimated bytes of the file, with level 0 copied if the view copies tiles."""
        if codec.name not in self._known:
            level_0 = self._copied() if self._view.page else self._coded(codec, 1)
            self._known[codec.name] = round(level_0 + self._upper(codec) + self._beside)
        return self._known[codec.name]

    def _coded(self, codec: TileCodec, scale: int) -> float:
        """Bytes of a level that is `scale` times reduced. What an empty tile takes counts once for each tile."""
        height, width = self._view.tile
        overhead = len(codec.encode(np.full((height, width, 3), 230, np.uint8)))
        total = 0.0
        for pixels, (_, _, weight) in zip(self._pixels, self._sample, strict=True):
            image = reduce(pixels, scale, "antialiased") if scale > 1 else pixels
            small = (-(-height // scale // 16) * 16, -(-width // scale // 16) * 16)
            empty = overhead if scale == 1 else len(codec.encode(np.full((*small, 3), 230, np.uint8)))
            total += weight * (max(0, len(codec.encode(padded(image, small))) - empty) + overhead / scale**2)
        return total

    def _upper(self, codec: TileCodec) -> float:
        """Bytes of all levels above level 0; those above the last one that is looked at shrink four times each."""
        count = len(level_sizes(self._view.info.width, self._view.info.height)) - 1
        found = [self._coded(codec, scale) for scale in _LEVELS[:count]]
        return sum(found) + sum(found[-1] / 4**step for step in range(1, count - len(found) + 1)) if found else 0.0

    def _copied(self) -> float:
        """Bytes of the copied tiles: the archive's own bytes, times how much the sampled ones are repacked."""
        packed = self._view.slide.segment_index["length"]
        copied = kept = 0.0
        for column, row, weight in self._sample:
            copied += weight * len(self._view.segments(column, row))
            kept += weight * int(packed[row, column])
        return float(packed.sum()) * copied / kept if kept else 0.0


def strata(costs: np.ndarray, count: int) -> list[tuple[int, float]]:
    """Chooses numbers that stand for all.

    Args:
        costs: a number of each item, at least 0.
        count: how many to choose at most.

    Returns:
        (index of an item, how many items it stands for); the latter add up to the number of items.
    """
    order = np.argsort(costs, kind="stable")
    summed = np.cumsum(np.sqrt(costs[order]) + 1)
    number = np.minimum((summed / summed[-1] * count - 1e-9).astype(int), count - 1)
    chosen = []
    for stratum in np.unique(number):
        members = order[number == stratum]
        chosen.append((int(members[len(members) // 2]), float(len(members))))
    return chosen
