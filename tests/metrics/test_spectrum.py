"""The lattice score of images with known patterns."""

import cv2
import numpy as np
import pytest

from sr_tf.images.degradation import baselines, reduce
from sr_tf.metrics.spectrum import lattice_excess

CAUGHT, UNTOUCHED = 10, 3


@pytest.fixture(scope="module")
def grainy(smear):
    """A smear with camera noise, and a smear without; their size is no multiple of 4."""
    grain = np.random.default_rng(5).normal(0, 1.5, smear[1].shape)
    return [as_image(smear[1] + cv2.GaussianBlur(grain, (0, 0), 0.6)), smear[1]]


def as_image(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def lattice(shape, kind):
    """A pattern with an amplitude of one grey level, [H, W, 1]."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    pattern = {
        "checkerboard": (x + y) % 2,
        "columns of 2": x % 2,
        "rows of 4": (y % 4 == 0) + 0,
        "dots of 4": ((x % 4 == 1) & (y % 4 == 2)) + 0,
    }[kind]
    return pattern[..., None]


@pytest.mark.parametrize("kind", ["checkerboard", "columns of 2", "rows of 4", "dots of 4"])
def test_a_pattern_of_one_level_is_caught(grainy, kind):
    for hr in grainy:
        assert lattice_excess(hr, as_image(hr + lattice(hr.shape, kind)), 4) > CAUGHT


def test_a_pattern_in_one_channel_is_caught(grainy):
    hr = grainy[0]
    pattern = lattice(hr.shape, "checkerboard") * np.array([0, 1, 0])
    assert lattice_excess(hr, as_image(hr + pattern), 4) > CAUGHT
    opposite = lattice(hr.shape, "checkerboard") * np.array([1, 0, -1])  # cancels in the mean of the channels
    assert lattice_excess(hr, as_image(hr + opposite), 4) > CAUGHT


def test_other_changes_are_not(grainy):
    rng = np.random.default_rng(1)
    for hr in grainy:
        others = {
            "nothing": hr,
            "noise": as_image(hr + rng.normal(0, 1, hr.shape)),
            "blur": cv2.GaussianBlur(hr, (0, 0), 0.8),
            "colour": as_image(hr * 0.98 + 2),
            "a pattern of another period": as_image(hr + (np.arange(hr.shape[1]) % 3 == 0)[None, :, None]),
        }
        for name, sr in others.items():
            assert lattice_excess(hr, sr, 4) < UNTOUCHED, name


def test_what_hr_has_itself_does_not_count(grainy):
    hr = as_image(grainy[0] + lattice(grainy[0].shape, "checkerboard"))
    assert lattice_excess(hr, hr, 4) == 0
    assert lattice_excess(hr, grainy[0], 4) < UNTOUCHED


def test_more_amplitude_gives_more(grainy):
    hr = grainy[0]
    values = [lattice_excess(hr, as_image(hr + level * lattice(hr.shape, "dots of 4")), 4) for level in (1, 2, 4, 8)]
    assert values == sorted(values)
    assert values[-1] > values[0] + 12


def test_flat_images_have_no_pattern():
    flat = np.full((64, 64, 3), 200, np.uint8)
    assert lattice_excess(flat, flat + 1, 4) == 0
    assert lattice_excess(flat, as_image(flat + lattice(flat.shape, "checkerboard")), 4) > CAUGHT


def test_repeated_pixels_show_their_lattice(grainy):
    hr = grainy[0]
    assert lattice_excess(hr, baselines(reduce(hr, 4), 4, size=hr.shape[:2])["i-HR"], 4) > UNTOUCHED


def test_the_scale_decides_which_periods_count(grainy):
    hr = grainy[0]
    sr = as_image(hr + lattice(hr.shape, "rows of 4"))
    eighth = as_image(hr + 2 * (np.arange(hr.shape[1]) % 8 == 0)[None, :, None])
    assert lattice_excess(hr, sr, 8) > CAUGHT
    assert lattice_excess(hr, eighth, 8) > CAUGHT
    seventh_harmonic_free = as_image(hr + 2 * np.cos(np.pi / 4 * np.arange(hr.shape[1]))[None, :, None])
    assert lattice_excess(hr, seventh_harmonic_free, 8) > CAUGHT
    assert lattice_excess(hr, seventh_harmonic_free, 4) < UNTOUCHED
