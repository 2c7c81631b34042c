import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.assets.store import is_cached, locate
from sr_tf.data.smear import render_smear
from sr_tf.metrics.feature_distance import ENL0, feature_distance, unit_normalised

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


@given(st.floats(0.01, 1e4))
def test_length_is_one_whatever_the_scale(scale):
    features = random(1, 3, 4, 5)
    scaled = np.asarray(unit_normalised(features * np.float32(scale)))
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(scaled, np.asarray(unit_normalised(features)), rtol=1e-4, atol=1e-6)


def test_zero_stays_zero():
    assert not np.asarray(unit_normalised(np.zeros((1, 2, 2, 3), np.float32))).any()


def test_distance_is_that_of_the_formula():
    hr, sr = ([random(2, 4, 3, 5), random(2, 2, 1, 7)] for _ in range(2))
    expected = 0
    for a, b in zip(hr, sr, strict=True):
        a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
        # Unit vectors: squared distance is 2 − 2 · cosine.
        expected = expected + (2 - 2 * (a * b).sum(-1)).mean((1, 2))
    np.testing.assert_allclose(np.asarray(feature_distance(hr, sr)), expected, rtol=1e-4)


def test_opposite_features_are_two_apart_squared():
    features = random(1, 2, 2, 3)
    assert float(feature_distance([features], [-features])[0]) == pytest.approx(4, rel=1e-5)


@pytest.mark.skipif(
    not is_cached("efficientnet_lite0"), reason="`sr-tf assets fetch efficientnet_lite0` gets the weights"
)
def test_enl0_is_zero_for_equals_and_scores_each_pair_alone():
    enl0 = ENL0(locate("efficientnet_lite0"))
    hr = np.stack([render_smear(seed, 64, 64) for seed in range(2)])
    sr = np.clip(hr + RNG.normal(0, 8, hr.shape), 0, 255).round().astype(np.uint8)
    both = np.asarray(enl0(hr, sr))
    assert np.asarray(enl0(hr, hr)) == pytest.approx([0, 0], abs=1e-6)
    assert both == pytest.approx([float(enl0(hr[i : i + 1], sr[i : i + 1])[0]) for i in range(2)], rel=1e-4)
    assert (both > 0.1).all()
