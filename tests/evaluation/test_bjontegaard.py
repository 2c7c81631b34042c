"""Bjøntegaard deltas and curves in cases with a known result."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.evaluation.bjontegaard import bd_quality, bd_rate
from sr_tf.evaluation.rate_curves import RateCurve, common_range, crossing, envelope, mean_at

RATES = np.array([0.05, 0.08, 0.13, 0.2, 0.34])
QUALITIES = np.array([31.0, 34.5, 36.2, 38.9, 40.0])
REFERENCE = RateCurve(RATES, QUALITIES)


def _straight(slope=3.0, offset=40.0, rates=RATES):
    """Quality as a straight line over log₂ rate, which PCHIP reproduces exactly."""
    return RateCurve(rates, offset + slope * np.log2(rates))


@given(st.floats(0.5, 2.0))
@settings(max_examples=25, deadline=None)
def test_a_constant_factor_in_rate_is_exactly_that_percentage(factor):
    test = RateCurve(RATES * factor, QUALITIES)
    assert bd_rate(REFERENCE, test) == pytest.approx(100 * (factor - 1), abs=1e-9)


@given(st.floats(-3.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_a_constant_gain_is_exactly_that_many_decibels(gain):
    test = RateCurve(RATES, QUALITIES + gain)
    assert bd_quality(REFERENCE, test) == pytest.approx(gain, abs=1e-9)


def test_other_points_of_the_same_straight_line_make_no_difference():
    test = _straight(rates=np.geomspace(0.06, 0.3, 7))
    assert bd_rate(_straight(), test) == pytest.approx(0, abs=1e-9)
    assert bd_quality(_straight(), test) == pytest.approx(0, abs=1e-9)


def test_lines_of_different_slope_have_the_mean_difference_over_their_overlap():
    first, second = _straight(slope=3), _straight(slope=4)
    middle = np.log2(RATES[[0, -1]]).mean()
    assert bd_quality(first, second) == pytest.approx(middle)
    low, high = np.log2(0.1), np.log2(0.2)
    assert bd_quality(first, second, 0.1, 0.2) == pytest.approx((low + high) / 2)


def test_a_against_b_is_the_inverse_of_b_against_a():
    other = RateCurve(np.array([0.04, 0.09, 0.15, 0.3]), np.array([33.0, 35.5, 36.5, 39.0]))
    there, back = bd_rate(REFERENCE, other), bd_rate(other, REFERENCE)
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)
    assert bd_quality(REFERENCE, other) == pytest.approx(-bd_quality(other, REFERENCE))
    assert bd_rate(REFERENCE, REFERENCE) == bd_quality(REFERENCE, REFERENCE) == 0


def test_only_what_lies_below_the_ceiling_counts():
    better_then_worse = RateCurve(RATES * np.array([0.8, 0.8, 0.8, 1.3, 1.3]), QUALITIES)
    assert bd_rate(REFERENCE, better_then_worse, ceiling=34.5) == pytest.approx(-20)
    assert bd_rate(REFERENCE, better_then_worse) > -10
    test = RateCurve(RATES, QUALITIES + np.array([2, 2, 2, 0, 0]))
    assert bd_quality(REFERENCE, test, ceiling=0.08) == pytest.approx(2)
    assert bd_quality(REFERENCE, test) < 1.5


def test_curves_without_anything_in_common_have_no_delta():
    with pytest.raises(ValueError, match="no quality is common"):
        bd_rate(REFERENCE, RateCurve(RATES, QUALITIES + 20))
    with pytest.raises(ValueError, match="no rate is common"):
        bd_quality(REFERENCE, RateCurve(RATES * 10, QUALITIES))
    with pytest.raises(ValueError, match="no rate is common"):
        bd_quality(REFERENCE, REFERENCE, floor=0.2, ceiling=0.1)
    with pytest.raises(ValueError, match="expected at least 2"):
        bd_rate(REFERENCE, RateCurve.through([0.1], [35]))


def test_a_curve_leaves_out_files_that_are_larger_than_a_better_one():
    curve = RateCurve.through([0.3, 0.1, 0.2, 0.25, 0.1, 0.5], [39, 35, 38, 37.5, 34, np.inf])
    np.testing.assert_array_equal(curve.rates, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(curve.qualities, [35, 38, 39])
    np.testing.assert_allclose(curve.at(np.array([0.05, 0.1, 0.2, 0.31])), [np.nan, 35, 38, np.nan])
    assert np.isnan(RateCurve.through([0.1], [35]).at(np.array([0.1]))).all()


def test_the_envelope_is_the_better_of_both_wherever_one_is():
    first = _straight(slope=3)
    second = _straight(
        slope=5, offset=40 - 2 * np.log2(0.1), rates=np.geomspace(0.04, 0.34, 6)
    )  # the curves cross at 0.1
    best = envelope([first, second])
    rates = np.geomspace(0.041, 0.339, 60)
    rates = rates[np.abs(rates - 0.05) > 0.001]  # the envelope jumps where the first curve begins
    np.testing.assert_allclose(best.at(rates), np.fmax(first.at(rates), second.at(rates)), atol=0.01)
    assert best.rates[0] == pytest.approx(0.04)
    assert best.rates[-1] == pytest.approx(0.34)


def test_a_mean_needs_a_value_of_every_image():
    images = [_straight(offset=40), _straight(offset=42, rates=np.geomspace(0.1, 0.5, 4))]
    means = mean_at(images, np.array([0.05, 0.2, 0.4]))
    np.testing.assert_allclose(means, [np.nan, 41 + 3 * np.log2(0.2), np.nan])
    assert common_range(images) == (0.1, 0.34)
    assert common_range([_straight()], [_straight(rates=RATES * 10)]) is None


def test_the_crossing_is_where_the_lines_meet():
    place = 0.15
    steep = _straight(slope=5, offset=40 - 2 * np.log2(place))
    assert crossing([steep], [_straight(slope=3)]) == pytest.approx(place, rel=1e-4)
    assert crossing([_straight(slope=3)], [steep]) is None  # the test overtakes the reference and does not fall behind
    assert crossing([_straight()], [_straight(offset=41)]) is None
    assert crossing([_straight()], [_straight(rates=RATES * 10)]) is None
    two = crossing([steep, steep], [_straight(slope=3), _straight(slope=3)])
    assert two == pytest.approx(place, rel=1e-4)
