import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sr_tf.data.smear import render_smear
from sr_tf.images.cubic import enlarge_cubic

RNG = np.random.default_rng(0)


def opencv(image, factor):
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("factor", [2, 4])
def test_it_is_opencvs_interpolation_up_to_rounding(factor):
    for image in (RNG.integers(0, 256, (150, 131, 3), dtype=np.uint8), render_smear(3, 96, 90)):
        difference = np.abs(enlarge_cubic(image, factor).astype(int) - opencv(image, factor))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize("factor", [2, 4])
@given(image=arrays(np.uint8, (3, 5, 3), elements=st.sampled_from([0, 1, 128, 254, 255])))
def test_no_sum_overflows(factor, image):
    exact = np.float64(image)
    for axis in (1, 0):
        exact = _reference(exact, factor, axis)
    np.testing.assert_array_equal(enlarge_cubic(image, factor), np.clip(np.floor(exact + 0.5), 0, 255))


def _reference(values, factor, axis):
    """Interpolation by Keys' kernel in float64, with weights rounded to 1/2048; all sums are exact."""
    a, length = -0.75, values.shape[axis]

    def weight(distance):
        d = abs(distance)
        value = (a + 2) * d**3 - (a + 3) * d**2 + 1 if d <= 1 else a * (d**3 - 5 * d**2 + 8 * d - 4)
        return value if d < 2 else 0.0

    new = []
    for index in range(factor * length):
        place = (index + 0.5) / factor - 0.5
        first = int(np.floor(place)) - 1
        weights = np.array([weight(place - first - tap) for tap in range(4)])
        rounded = np.floor(weights * 2048 + 0.5) / 2048
        rounded[np.argmax(rounded)] += 1 - rounded.sum()
        taps = [np.take(values, min(max(first + tap, 0), length - 1), axis) for tap in range(4)]
        new.append(sum(w * tap for w, tap in zip(rounded, taps, strict=True)))
    return np.stack(new, axis)


@pytest.mark.parametrize("factor", [2, 4])
def test_a_single_colour_stays(factor):
    image = np.full((3, 4, 3), (0, 255, 77), np.uint8)
    assert (enlarge_cubic(image, factor) == image[0, 0]).all()
