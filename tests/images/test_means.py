"""Reduction by means agrees with OpenCV's, enlargement with OpenCV's in float64."""

import cv2
import numpy as np
import pytest

from sr_tf.images.cubic import enlarge_cubic, enlarge_in_whole_numbers
from sr_tf.images.means import pad_to_multiple, reduce_by_means, reduce_to

RNG = np.random.default_rng(0)
EXTREMES = np.array([0, 1, 254, 255], np.uint8)


@pytest.mark.parametrize("factor", [2, 4, 8, 16, 32, 64, 128, 256])
def test_means_are_those_of_opencv(factor):
    for image in (
        RNG.integers(0, 256, (3 * factor, 5 * factor, 3), np.uint8),
        RNG.choice(EXTREMES, (2 * factor, factor, 3)),
        np.full((factor, 2 * factor, 3), 255, np.uint8),
    ):
        size = image.shape[1] // factor, image.shape[0] // factor
        assert np.array_equal(reduce_by_means(image, factor), cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def test_halves_are_rounded_as_the_format_says():
    halves = np.array([[0, 1], [1, 0]], np.uint8)[..., None].repeat(3, 2)
    assert reduce_by_means(halves, 2).tolist() == [[[1, 1, 1]]]
    for sum_of_16, expected in ((8, 0), (24, 2), (40, 2)):
        image = np.zeros((4, 4, 3), np.uint8)
        image[0, 0] = sum_of_16
        assert reduce_by_means(image, 4)[0, 0].tolist() == 3 * [expected]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 3), (64, 65)])
def test_cubic_is_that_of_opencv_in_float64(factor, shape):
    for image in (RNG.integers(0, 256, (*shape, 3), np.uint8), RNG.choice(EXTREMES, (*shape, 3))):
        exact = cv2.resize(image.astype(np.float64), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        expected = np.clip(np.floor(exact + 0.5), 0, 255).astype(np.uint8)
        for enlarge in enlarge_cubic, enlarge_in_whole_numbers:
            assert np.array_equal(enlarge(image, factor), expected)


def test_padding_repeats_the_edge():
    image = RNG.integers(0, 256, (5, 8, 3), np.uint8)
    assert pad_to_multiple(image, 1) is image
    expected = cv2.copyMakeBorder(image, 0, 3, 0, 0, cv2.BORDER_REPLICATE)
    assert np.array_equal(pad_to_multiple(image, 8), expected)
    assert np.array_equal(pad_to_multiple(image[..., 0], 8), expected[..., 0])


def test_other_sizes_are_within_rounding_of_opencv():
    image = RNG.integers(0, 256, (130, 257, 3), np.uint8)
    for size in (100, 61), (257, 130), (256, 129), (1, 1), (3, 130):
        expected = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        assert np.abs(reduce_to(image, *size).astype(int) - expected).max() <= 1
    assert np.array_equal(reduce_to(image[:128, :256], 64, 32), reduce_by_means(image[:128, :256], 4))
