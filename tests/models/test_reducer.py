import cv2
import keras
import numpy as np
import pytest
from networks import assert_saved_and_loaded

from sr_tf.models.reducer import Reducer, space_to_depth

RNG = np.random.default_rng(0)
HR = RNG.uniform(0, 255, (2, 24, 32, 3)).astype(np.float32)


def built(scale, random=False):
    reducer = Reducer(scale, 8)
    reducer.build((None, None, None, 3))
    if random:
        reducer.set_weights([RNG.normal(0, 0.2, weight.shape) for weight in reducer.get_weights()])
    return reducer


@pytest.mark.parametrize("scale", [2, 4])
def test_before_training_it_is_the_mean_of_each_block(scale):
    expected = [cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA) for image in HR]
    np.testing.assert_allclose(built(scale)(HR), expected, atol=1e-3)


def test_space_to_depth_is_the_inverse_of_depth_to_space():
    np.testing.assert_array_equal(keras.ops.depth_to_space(space_to_depth(HR, 4), 4), HR)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_receptive_radius_is_exact(scale):
    reducer = built(scale)
    reducer.set_weights([RNG.uniform(0.02, 0.1, weight.shape) for weight in reducer.get_weights()])
    hr = np.full((1, 9 * scale, 9 * scale, 3), 200, np.float32)
    bright = hr.copy()
    bright[0, 4 * scale, 4 * scale] = 1e6
    rows, columns = np.nonzero(np.abs(np.asarray(reducer(bright)) - np.asarray(reducer(hr)))[0].max(axis=2) > 1e-3)
    for indices in (rows, columns):
        assert (indices.min(), indices.max()) == (4 - reducer.receptive_radius, 4 + reducer.receptive_radius)


def test_it_is_saved_and_loaded(tmp_path):
    assert_saved_and_loaded(built(4, random=True), HR, tmp_path)
