"""Pairs belong to one place each, and sums keep every cell."""

import numpy as np
import pytest

from sr_tf.cells.finder import Cells
from sr_tf.cells.tally import Tally, merged, pair_cells


def cells(*rows):
    """Cells of (x, y, type)."""
    table = np.array(rows, np.float32).reshape(-1, 3)
    return Cells(table[:, :2], table[:, 2].astype(int), np.ones(len(table), np.float32))


def test_a_cell_on_the_border_of_two_places_is_counted_once():
    first, second = cells((99.5, 50, 0), (20, 20, 1)), cells((100.5, 50, 2), (60, 60, 3))
    left, right = (pair_cells(first, second, (x, 0, 100, 100)) for x in (0, 100))
    assert (len(left.first), len(left.lost), len(left.gained)) == (1, 1, 1)
    assert (len(right.first), len(right.lost), len(right.gained)) == (0, 0, 0)
    assert (left.first.types.tolist(), left.second.types.tolist()) == ([0], [2])


def test_a_tally_adds_places_and_tallies():
    one, other = Tally(), Tally()
    one.add((0, 0), pair_cells(cells((5, 5, 0), (40, 5, 1)), cells((6, 5, 0)), (0, 0, 99, 99)))
    one.add((0, 1), pair_cells(cells((5, 5, 4)), cells((5, 6, 5), (70, 70, 5)), (0, 0, 99, 99)))
    one.add((0, 2), pair_cells(cells(), cells(), (0, 0, 99, 99)))
    other.add((0, 0), pair_cells(cells((5, 5, 0)), cells((5, 5, 0)), (0, 0, 99, 99)))
    assert one.counts == {(0, 0): (2, 1), (0, 1): (1, 2)}
    whole = merged([("a", one), ("b", other), ("c", Tally())])
    assert whole.counts == {"a": (3, 3), "b": (1, 1)}
    assert (whole.lost, whole.gained, whole.type_agreement().pairs, whole.type_agreement().same) == (1, 1, 3, 2)
    assert whole.count_agreement().bias == pytest.approx(0)
    assert Tally().type_agreement().pairs == Tally().count_agreement().places == 0
