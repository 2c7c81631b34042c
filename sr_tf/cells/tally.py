"""Two findings of the cells of the same places: which are the same, how many, of which types."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from sr_tf.cells.agreement import (
    CountAgreement,
    TypeAgreement,
    confusion,
    count_agreement,
    match,
    type_agreement,
)
from sr_tf.cells.finder import TYPES, Cells
from sr_tf.images.tiles import Rectangle

SAME_CELL = 12.0
"""Pixels between two findings of one cell; red cells have radii of 17 to 25 pixels."""


@dataclass(frozen=True)
class Pairing:
    """The cells of one place in two findings.

    Attributes:
        first: the cells in both findings, as the first has them.
        second: the same cells in the same order, as the second has them.
        lost: cells in the first finding only.
        gained: cells in the second finding only.
    """

    first: Cells
    second: Cells
    lost: Cells
    gained: Cells


def pair_cells(first: Cells, second: Cells, inside: Rectangle, radius: float = SAME_CELL) -> Pairing:
    """Pairs the cells of two findings, see `sr_tf.cells.agreement.match`.

    Args:
        first: cells of an image.
        second: cells of another version of it.
        inside: the place, (x, y, width, height), which may be smaller than the image, so that cells at its edge have
            their partners. A pair belongs to the place if its first cell does.
        radius: largest distance between two findings of one cell in pixels.
    """
    pairs = match(first.places, second.places, radius)
    left, top, width, height = inside

    def own(cells: Cells) -> np.ndarray:
        shifted = cells.places - np.float32((left, top))
        return ((shifted >= 0) & (shifted < (width, height))).all(axis=1)

    owned = pairs[own(first)[pairs[:, 0]]]
    lost, gained = own(first), own(second)
    lost[pairs[:, 0]] = gained[pairs[:, 1]] = False
    return Pairing(first.take(owned[:, 0]), second.take(owned[:, 1]), first.take(lost), second.take(gained))


@dataclass
class Tally:
    """Sums of pairings by place.

    Attributes:
        counts: cells of both findings by place; places without any are left out.
        tables: how often each type of the first finding met each of the second, int [types, types], by place.
        lost: number of cells in the first finding only.
        gained: number of cells in the second finding only.
    """

    counts: dict[tuple, tuple[int, int]] = field(default_factory=dict)
    tables: dict[tuple, np.ndarray] = field(default_factory=dict)
    lost: int = 0
    gained: int = 0

    def add(self, place: tuple, pairing: Pairing) -> None:
        """Adds the cells of a place."""
        pairs, lost, gained = len(pairing.first), len(pairing.lost), len(pairing.gained)
        if not pairs + lost + gained:
            return
        first, second = self.counts.get(place, (0, 0))
        self.counts[place] = first + pairs + lost, second + pairs + gained
        table = confusion(pairing.first.types, pairing.second.types, len(TYPES)).astype(np.int32)
        self.tables[place] = self.tables.get(place, 0) + table
        self.lost, self.gained = self.lost + lost, self.gained + gained

    def count_agreement(self) -> CountAgreement:
        """Compares the counts of the places."""
        return count_agreement(*np.array(list(self.counts.values()), int).reshape(-1, 2).T)

    def type_agreement(self) -> TypeAgreement:
        """Compares the types of the pairs."""
        none = np.zeros((len(TYPES), len(TYPES)), int)
        return type_agreement(np.array([*self.tables.values()] or [none]))


def merged(tallies: Iterable[tuple[tuple, Tally]]) -> Tally:
    """One tally whose places are whole tallies, for instance fields instead of the blocks of each.

    Args:
        tallies: pairs of a place and the tally that becomes it.
    """
    whole = Tally()
    for place, tally in tallies:
        if tally.counts:
            whole.counts[place] = tuple(np.sum(list(tally.counts.values()), axis=0).tolist())
            whole.tables[place] = np.sum(list(tally.tables.values()), axis=0)
        whole.lost, whole.gained = whole.lost + tally.lost, whole.gained + tally.gained
    return whole
