"""Predictions of levels: where the gate lies, when a search stops, and which tile decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.archive.effort import EFFORTS
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.kinds import FAMILIES, FULL_AVIF, FULL_AVIF_FILTER, LR2_BICUBIC, LR4_BICUBIC, with_all_levels
from sr_tf.archive.measure import Measure
from sr_tf.archive.outlook import Outlook
from sr_tf.archive.predict import Curve, Prediction
from sr_tf.archive.search import FamilySearch
from sr_tf.archive.stored import Stored
from sr_tf.data.smear import render_smear
from sr_tf.images.avif_levels import AVIF_LEVELS
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce

LEVELS = tuple(range(99))
STEP = 0.25
"""What a level is worth in dB in these tests, about."""
PLACES = tuple(STEP * level for level in LEVELS)
CODEC = CODECS["avif"]


class _Straight:
    """A search whose margin is a straight line over the levels and whose bytes grow by 3 % for each."""

    first, last = 0, len(LEVELS) - 1

    def __init__(self, place, slope, jump=0.0):
        self._place, self._slope, self._jump = place, slope, jump
        self.asked = []

    def margin(self, codec, index):
        if index not in self.asked:
            self.asked.append(index)
        bent = self._jump if index > self._place else 0.0
        return self._slope * (index - self._place) + bent

    def cost_with(self, codec, index):
        return 1000 * 1.03**index

    def tried(self, codec):
        return list(self.asked)

    def stored(self, codec, index):
        return index


class _Measured:
    """A search of all levels, with straight lines between distances and bytes that were measured at three."""

    first, last, only_tile = 0, len(AVIF_LEVELS) - 1, None

    def __init__(self, family, levels, distances, sizes, ceiling=np.inf):
        self._family, self._levels, self._distances, self._sizes = family, levels, distances, np.log(sizes)
        self._ceiling = ceiling

    def ceiling(self):
        return self._ceiling

    def margin(self, codec, index):
        return float(np.interp(index, self._levels, self._distances))

    def cost_with(self, codec, index):
        return round(np.exp(np.interp(index, self._levels, self._sizes)))

    def worst_tile(self, codec, index):
        return 0, 0

    def tried(self, codec):
        return []

    def stored(self, codec, index):
        return Stored(self._family.kind, index, b"", self.cost_with(codec, index))


@pytest.mark.parametrize("effort", [1, 2, 3])
def test_a_form_that_seemed_too_large_is_taken_if_the_smaller_one_is_larger_after_all(effort):
    # A block of tissue in JPEG tiles. Two looks promise 20 kB for the reduced one, which takes 60.
    reduced, full = (one for one in with_all_levels(FAMILIES) if one.kind in (LR2_BICUBIC, FULL_AVIF))
    outlook = Outlook(EFFORTS[effort], 70871, cells=False)
    outlook.consider(reduced, _Measured(reduced, (23, 40, 61), (-7.0, -2.95, 1.92), (6578, 17718, 72577), 1.95))
    outlook.consider(full, _Measured(full, (21, 28, 32), (-3.27, 0.0, 1.4), (18204, 31000, 36590)))
    chosen = outlook.smallest()
    assert chosen.kind is FULL_AVIF
    assert chosen.cost < 35_000


@pytest.mark.parametrize(("effort", "size", "asked"), [(5, 31000, False), (5, 9000, True), (6, 31000, True)])
def test_networks_are_not_asked_about_rich_blocks_by_default(effort, size, asked):
    plain, network = (one for one in with_all_levels(FAMILIES) if one.kind in (FULL_AVIF, FULL_AVIF_FILTER))
    outlook, looks = Outlook(EFFORTS[effort], np.inf, cells=False), []

    class Noting(_Measured):
        def margin(self, codec, index):
            looks.append(index)
            return super().margin(codec, index)

    levels, distances, sizes = (21, 29, 32), (-3.27, 0.0, 1.4), (0.6 * size, size, 1.2 * size)
    outlook.consider(plain, _Measured(plain, levels, distances, sizes))
    outlook.consider(network, Noting(network, levels, distances, sizes))
    outlook.smallest()
    assert bool(looks) == asked


def test_a_gate_between_two_looks_is_sought_between_them():
    curve = Curve(PLACES)
    for index, distance in ((67, 4.44), (52, 3.57), (8, -5.32)):
        curve.add(index, distance, 1000)
    assert 8 < curve.place() / STEP < 52


def test_a_moved_curve_goes_through_what_was_measured_and_keeps_its_slope():
    curve = Curve(PLACES)
    for index in (40, 60):
        curve.add(index, 0.2 * (index - 50), 100 * np.exp(0.03 * index))
    curve.move(50, 1.0, 150 * np.exp(0.03 * 50))
    assert curve.place() / STEP == pytest.approx(45)
    assert curve.slope * STEP == pytest.approx(0.2)
    assert curve.cost(60) == pytest.approx(150 * np.exp(0.03 * 60))


@given(st.integers(5, 90), st.floats(0.1, 0.45), st.integers(0, 98), st.floats(0, 6))
def test_what_is_settled_passes_and_is_near_the_lowest_level_wherever_it_begins(place, slope, start, jump):
    search = _Straight(place, slope, jump)
    found = Prediction(search, Curve(PLACES), start).settled(CODEC, 2, np.inf)
    assert found >= place
    if jump < 0.5:
        assert search.cost_with(CODEC, found) <= 1.2 * search.cost_with(CODEC, place)


def test_a_level_that_was_asked_before_is_taken_if_nothing_lower_passes():
    search = _Straight(41, 0.2)
    search.margin(CODEC, 41)
    assert Prediction(search, Curve(PLACES), 29).settled(CODEC, 1, np.inf) == 41


@pytest.mark.parametrize("kind", [FULL_AVIF, LR4_BICUBIC])
def test_the_tile_that_decides_is_found_from_what_was_coded(kind):
    block = np.full((512, 512, 3), 230, np.uint8)
    block[256:, :256] = render_smear(3, 256, 256)
    gate, measure = QUALITIES["visual"], Measure()

    def margin(restored, place):
        (top, left), (height, width) = place, restored.shape[:2]
        return gate.distance(measure(block[top : top + height, left : left + width], restored))

    def source(kind):
        return np.pad(reduce(block, kind.scale, "antialiased"), ((2, 2), (2, 2), (0, 0)), mode="edge")

    family = next(one for one in with_all_levels(FAMILIES) if one.kind is kind)
    search = FamilySearch(family, {}, margin, block, source, None, 0)
    assert search.tried(CODEC) == []
    search.margin(CODEC, 20)
    assert search.tried(CODEC) == [20]
    assert search.worst_tile(CODEC, 20) == (256, 0)
    search.only_tile = (0, 256)
    assert search.tried(CODEC) == []
    assert search.worst_tile(CODEC, 20) == (0, 256)


def _failing(size, other):
    """An outlook on a block that failed below level 30 of full size, where raising it takes `size` bytes."""
    full, filtered = (one for one in with_all_levels(FAMILIES) if one.kind in (FULL_AVIF, FULL_AVIF_FILTER))
    outlook = Outlook(EFFORTS[8], np.inf, cells=True)
    search = _Measured(full, (0, 30, 61), (-9.0, -3.0, 3.1), (100, 1000, size))
    search.first = 30
    found = outlook.above(full, search)
    outlook.consider(filtered, _Measured(filtered, (0, 20, 61), (-9.0, 0.0, 9.0), (100, other, 9 * other)))
    return found, outlook.smallest()


def test_a_block_that_failed_by_little_keeps_its_family():
    found, _ = _failing(1500, 900)
    assert found.kind is FULL_AVIF and found.cost < 1300


def test_where_raising_a_block_is_dear_another_family_may_take_its_place():
    found, smallest = _failing(9000, 1100)
    assert found is None
    assert smallest.kind is FULL_AVIF_FILTER and smallest.cost < 1200
    found, smallest = _failing(9000, 8000)
    assert found is None
    assert smallest.kind is FULL_AVIF and 1300 < smallest.cost < 4000
