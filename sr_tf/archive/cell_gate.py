"""`sr-tf archive --cells`: no red cell is lost, appears or changes its type where an archive is restored.

The finder looks at windows of the original and of what is restored. A block in which cells differ is chosen once more
by a stricter gate, and measured again, until the cells agree. Where exact pixels do not suffice, a neighbour that the
finder sees too is to blame. The gate of a block grows each time until only exact pixels pass, and equal pixels have
equal cells; so it ends.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from sr_tf.archive.build import Builder, for_each
from sr_tf.archive.cell_comparison import CellComparison, count_inside
from sr_tf.archive.finder_windows import WINDOW, Window, windows
from sr_tf.archive.gate import Gate, unpack
from sr_tf.archive.grid import BLOCK, Place
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import EXACT, NATIVE
from sr_tf.archive.red_cells import RedCells
from sr_tf.archive.stored import Stored
from sr_tf.archive.windows import RecentlyUsed
from sr_tf.cells.finder import Cells
from sr_tf.slides.slide import Slide

_STEP_OF_CELL, _LEAST_STEP, _MOST_STEP = 0.15, 0.3, 3.0
"""How much better the worst tile of a block must become, in dB: for each cell that differs; at least; at most. The last
cells lie at the border between two types, and fall on one side or the other by chance: there small steps find a smaller
form than large ones."""
_GROWTH = 1.1
"""By how much the least step grows each time, so that blocks of stubborn cells do not take too long."""
_AT_ONCE = 8
"""Windows that are brought to agree before the next ones are looked at."""
_BLOCKS = WINDOW // BLOCK
"""Blocks of a window in each direction."""


class CellGate:
    """Makes blocks larger until the red cells of the restored slide are those of the original.

    Args:
        slide: the original.
        journal: where blocks and scores are kept; `Builder.confirm` has measured all blocks.
        builder: makes and restores them.
        gate: the gate that all tiles pass.
        comparison: finds and compares the cells.
        workers: number of threads.
    """

    def __init__(
        self, slide: Slide, journal: Journal, builder: Builder, gate: Gate, comparison: CellComparison, workers: int
    ):
        self._slide, self._journal, self._builder, self._gate = slide, journal, builder, gate
        self._comparison, self._workers, self._grid = comparison, workers, journal.grid
        self._wanted: dict[Place, tuple[float, int]] = {}  # the PSNR that was asked for, and how often
        self._originals: RecentlyUsed[Cells] = RecentlyUsed(4 * _AT_ONCE)

    def hold(self, progress: Callable[[], object]) -> RedCells:
        """Brings all windows to agree.

        Args:
            progress: called for each window.

        Returns:
            What the archive says of them.
        """
        known = {_key(window): window for window in windows(self._grid)}
        looked_at: set[Place] = set()
        for first in range(0, len(known), _AT_ONCE):
            pending = some = list(known.values())[first : first + _AT_ONCE]
            while pending:
                looked_at |= {_key(window) for window in pending}
                changed = self._raise(self._compare(pending))
                # A block looks different where a neighbour changed; windows overlap by their margin.
                near = {key for place in self._grid.around(changed) for key in self._seeing(place)}
                pending = [known[key] for key in sorted(near & looked_at)]
            for _ in some:
                progress()
        counts = [self._journal.same_cells(*key, self._blocks(window)) for key, window in known.items()]
        assert None not in counts  # every window agrees
        return RedCells(self._comparison.finder_sha256, sum(filter(None, counts)), self._journal.raised())

    def _compare(self, pending: Iterable[Window]) -> dict[Place, int]:
        """Compares windows; returns the blocks that must be made larger, and how many cells differ there."""
        found: list[tuple[Place, int]] = []

        def compare(window: Window) -> None:
            blocks = self._blocks(window)
            if self._journal.same_cells(*_key(window), blocks) is not None:
                return
            own = self._originals.get(_key(window), lambda: self._own(window))
            differing = []
            if not all(np.isinf(self._worst(*place)) for place in blocks):  # equal pixels have equal cells
                other = self._comparison.cells(window, self._builder.restored(window.seen))
                differing = list(self._comparison.differing(window, own, other))
            found.extend((one, count) for place, count in differing for one in self._to_raise(place, blocks))
            if not differing:
                self._journal.put_same_cells(*_key(window), blocks, count_inside(window, own))

        for_each(compare, ((window,) for window in pending), self._workers)
        return dict(sorted(found))  # of several counts for a block, the largest

    def _own(self, window: Window) -> Cells:
        return self._comparison.cells(window, self._slide.read(*window.seen))

    def _to_raise(self, place: Place, blocks: list[Place]) -> list[Place]:
        """The blocks to make larger for cells of one: itself, or, if it is exact, what the finder sees around it."""
        near = [one for one in self._grid.neighbours(*place) if one in blocks]
        for some in ([place], near, blocks):
            if inexact := [one for one in some if not self._is_exact(*one)]:
                return inexact
        raise self._builder.differs(*place, self._journal.stored(*place).kind)

    def _is_exact(self, row: int, column: int) -> bool:
        return self._journal.stored(row, column).kind is EXACT or np.isinf(self._worst(row, column))

    def _worst(self, row: int, column: int) -> float:
        """The PSNR of a block's worst gate tile."""
        scores = self._journal.scores(row, column)
        assert scores is not None  # `Builder.confirm` has measured the block
        return float(unpack("psnr", scores[0]).min())

    def _raise(self, places: dict[Place, int]) -> set[Place]:
        """Makes blocks larger, given how many cells differ in each; returns all blocks that changed."""
        chosen: dict[Place, Stored] = {}
        now_wanted: dict[Place, tuple[float, int]] = {}

        def choose(row: int, column: int) -> None:
            wanted, tries = self._wanted.get((row, column), (0.0, 0))
            least = _LEAST_STEP * _GROWTH**tries
            step = float(np.clip(_STEP_OF_CELL * places[row, column], least, max(least, _MOST_STEP)))
            least_psnr = max(self._gate.min_psnr, self._worst(row, column), wanted) + step
            now_wanted[row, column] = least_psnr, tries + 1
            stored = self._journal.stored(row, column)
            # Segments that do not give the original's pixels are chosen again by every gate, unless they are said to
            # have failed.
            failed = stored if stored.kind is NATIVE else None
            stricter = replace(self._gate, min_psnr=least_psnr)
            chosen[row, column] = self._builder.chosen_again(row, column, stricter, failed)

        # All are chosen before any is replaced: otherwise the order would change what surrounds them.
        for_each(choose, places, self._workers)
        self._wanted |= now_wanted
        for place in places:
            self._journal.put_raised(*place)
            self._builder.replace(*place, chosen[place])
        return set(places) | self._builder.confirm(lambda: None, self._grid.around(places))

    def _blocks(self, window: Window) -> list[Place]:
        """The blocks that the finder sees."""
        return list(self._grid.under(*window.seen))

    def _seeing(self, place: Place) -> list[Place]:
        """The keys of the windows in which the finder sees a block, and of others nearby."""
        rows, columns = (range((index - 1) // _BLOCKS, (index + 1) // _BLOCKS + 1) for index in place)
        return [(row, column) for row in rows for column in columns]


def _key(window: Window) -> Place:
    """(row, column) of a window among all."""
    return window.inside[1] // WINDOW, window.inside[0] // WINDOW
