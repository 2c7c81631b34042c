"""The levels of an archive: those of the file that `sr-tf restore` writes."""

from functools import cached_property

import numpy as np

from sr_tf.api.levels import OpaqueLevels
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.overview import overview_scale, part_of
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.images.degradation import reduce
from sr_tf.images.tiles import assemble, under
from sr_tf.slides.pyramid import level_sizes

RESTORED, STORED, OVERVIEW = "restored", "stored", "overview"

_STORED_LEVEL, _STORED_SCALE = 2, 4
_CACHED = 256
"""Blocks at levels above 0 that are kept; each has at most 192 KiB."""


class ArchiveLevels(OpaqueLevels):
    """The levels of an archive. Each has half the size of the one before, rounded up.

    Levels 0 and 1 are restored: the pixels that `sr-tf restore` writes. The levels from 2 on are means of the images as
    they are stored, so that no generator runs; where blocks are stored at full size, these too are the pixels that
    `sr-tf restore` writes. The coarsest ones, of at most 1024 pixels, come from the overview, so that a first look
    decodes no block; it is lossy, in lossless archives too. Archives of version 1 have none.

    Args:
        archive: the archive; whoever opened it must close it.
    """

    def __init__(self, archive: ArchivedSlide):
        grid = archive.header.grid
        sizes = level_sizes(grid.width, grid.height)
        if archive.header.version == 1:
            self._first_of_overview = len(sizes)
        else:
            self._first_of_overview = overview_scale(grid).bit_length() - 1
        super().__init__(tuple(sizes), tuple(float(2**level) for level in range(len(sizes))))
        self._archive, self._grid = archive, grid
        self._blocks: RecentlyUsed[np.ndarray] = RecentlyUsed(_CACHED)

    def made_of(self, level: int) -> str:
        """What a level's pixels are made of: "restored", "stored" or "overview"."""
        if level >= self._first_of_overview:
            return OVERVIEW
        return RESTORED if level < _STORED_LEVEL else STORED

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `OpaqueLevels.read`.

        Raises:
            UserError: a block under the rectangle, or the overview, is damaged; or a generator is missing.
        """
        if level == 0:
            return self._archive.read(x, y, width, height)
        if self.made_of(level) == OVERVIEW:
            return part_of(self._overview, self._grid, level, x, y, width, height)
        rectangle, side = (x, y, width, height), BLOCK >> level
        places = under(rectangle, side, side)
        return assemble(rectangle, ((c * side, r * side, self._block(level, r, c)) for r, c in places))

    @cached_property
    def _overview(self) -> np.ndarray:
        return self._archive.overview()

    def _block(self, level: int, row: int, column: int) -> np.ndarray:
        return self._blocks.get((level, row, column), lambda: self._reduced(level, row, column))

    def _reduced(self, level: int, row: int, column: int) -> np.ndarray:
        kind, blocks = self._archive.kind(row, column), self._archive.blocks
        if self.made_of(level) == RESTORED or (kind.scale == 1 and not kind.generator):
            image, reached = blocks.restored(row, column), 0
        else:
            image, reached = blocks.windows.plane(row, column, _STORED_SCALE), _STORED_LEVEL
        for _ in range(reached, level):
            image = reduce(image, 2, "antialiased")
        return image
