"""Matching, counts and κ against closed forms and an independent solver."""

import math

import numpy as np
import pytest

from sr_tf.cells.agreement import confusion, count_agreement, kappa, match, type_agreement


def test_each_point_is_in_one_pair_the_nearest_first():
    first = np.array([[0.0, 0], [4, 0], [50, 50]])
    second = np.array([[3.0, 0], [50, 53], [200, 0]])
    assert match(first, second, 10).tolist() == [[1, 0], [2, 1]]
    assert match(first, second, 2.9).tolist() == [[1, 0]]
    assert match(first[:0], second, 10).shape == match(first, second[:0], 10).shape == (0, 2)


def test_of_shaken_points_the_pairs_are_those_of_the_best_assignment():
    scipy = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    first = np.stack(np.meshgrid(np.arange(8) * 30.0, np.arange(8) * 30.0), -1).reshape(-1, 2)
    order = rng.permutation(64)[:60]
    second = first[order] + rng.uniform(-6, 6, (60, 2))
    rows, columns = scipy.linear_sum_assignment(np.hypot(*(first[:, None] - second[None]).transpose(2, 0, 1)))
    assert match(first, second, 12).tolist() == np.column_stack([rows, columns]).tolist()


def test_counts_follow_bland_and_altman():
    found = count_agreement(np.array([10, 20, 30, 40]), np.array([11, 20, 28, 43]))
    spread = 1.96 * np.std([1, 0, -2, 3], ddof=1)
    assert (found.places, found.first, found.second, found.bias) == (4, 100, 102, 0.5)
    assert (found.low, found.high) == pytest.approx((0.5 - spread, 0.5 + spread))
    assert found.bias_percent == pytest.approx(2)


def test_what_is_not_defined_is_nan():
    none = count_agreement(np.zeros(0, int), np.zeros(0, int))
    one = count_agreement(np.array([3]), np.array([4]))
    assert math.isnan(none.bias) and math.isnan(none.bias_percent) and math.isnan(one.low) and one.bias == 1
    assert math.isnan(kappa(np.zeros((3, 3), int))) and math.isnan(kappa(np.diag([5, 0, 0])))


def test_kappa_of_the_textbook():
    """Two readers of 50 grant proposals: 0.70 observed, 0.50 expected (Wikipedia, Cohen's kappa)."""
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert kappa(np.diag([3, 4, 5])) == 1
    assert kappa(np.array([[25, 25], [25, 25]])) == pytest.approx(0)


def test_kappa_of_many_types_by_its_definition():
    rng = np.random.default_rng(1)
    first = rng.integers(0, 5, 300)
    second = np.where(rng.random(300) < 0.7, first, rng.integers(0, 5, 300))
    observed = np.mean(first == second)
    expected = sum(np.mean(first == kind) * np.mean(second == kind) for kind in range(5))
    assert kappa(confusion(first, second, 5)) == pytest.approx((observed - expected) / (1 - expected))


def test_the_interval_is_near_that_of_large_samples():
    """Fleiss, Cohen and Everitt 1969, for pairs; places of independent pairs give nearly the same."""
    table = np.array([[200, 50], [100, 150]])
    total, observed, expected = 500, 0.7, 0.5
    rows, columns = table.sum(1) / total, table.sum(0) / total
    share = table / total
    known = sum(share[i, i] * ((1 - expected) - (rows[i] + columns[i]) * (1 - observed)) ** 2 for i in range(2))
    known += (1 - observed) ** 2 * sum(
        share[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j
    )
    known -= (observed * expected - 2 * expected + observed) ** 2
    error = math.sqrt(known) / ((1 - expected) ** 2 * math.sqrt(total))
    by_pairs = type_agreement(table[None])
    assert by_pairs.drawn == "pairs"
    assert (by_pairs.high - by_pairs.low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    places = np.random.default_rng(2).multivariate_hypergeometric(table.ravel(), 500)  # all pairs, for the order
    cells = np.random.default_rng(2).permutation(np.repeat(np.arange(4), places))
    tables = np.array([np.bincount(part, minlength=4).reshape(2, 2) for part in np.split(cells, 50)])
    by_places = type_agreement(tables)
    assert by_places.drawn == "places"
    assert (by_places.high - by_places.low) / 2 == pytest.approx(1.96 * error, rel=0.3)
    assert by_places.kappa == by_pairs.kappa == pytest.approx(0.4)


def test_no_pair_at_all():
    found = type_agreement(np.zeros((4, 3, 3), int))
    assert found.pairs == found.same == 0
    assert math.isnan(found.kappa) and math.isnan(found.low)
