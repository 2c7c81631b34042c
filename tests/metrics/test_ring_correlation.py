"""Fourier ring correlation against a computation of its own and on signals whose result is known."""

import cv2
import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.metrics.ring_correlation import (
    BLANK,
    PATCH,
    STEP,
    detail,
    frequencies,
    merged,
    rings,
)

RNG = np.random.default_rng(1)


def noise(count, sigma=20.0):
    return RNG.normal(128, sigma, (count, PATCH, PATCH))


def band(images, low, high):
    """The part of images at frequencies from low to high in cycles per pixel."""
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(PATCH), np.fft.fftfreq(PATCH), indexing="ij"))
    return np.fft.ifft2(np.fft.fft2(images) * ((radius >= low) & (radius < high))).real


def grey(image):
    return np.repeat(np.clip(np.rint(image), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def test_rings_are_those_of_a_plain_computation():
    first, second = noise(2), noise(2)
    found = rings(first, second)
    window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * np.arange(PATCH) / PATCH)] * 2)
    for index in range(2):
        one, other = (np.fft.fft2((image[index] - image[index].mean()) * window) for image in (first, second))
        for radius in (1, 2, 17, PATCH // 2):
            cross = own = its = 0.0
            for row in range(PATCH):
                for column in range(PATCH):
                    k = [value - PATCH if value >= PATCH // 2 else value for value in (row, column)]
                    if round(float(np.hypot(*k))) == radius:
                        cross += (one[row, column] * np.conj(other[row, column])).real
                        own += abs(one[row, column]) ** 2
                        its += abs(other[row, column]) ** 2
            assert found.cross[index, radius - 1] == pytest.approx(cross, rel=1e-9, abs=1e-6)
            assert found.first[index, radius - 1] == pytest.approx(own)
            assert found.second[index, radius - 1] == pytest.approx(its)


def test_noise_of_its_own_lowers_the_correlation_as_it_must():
    first = noise(40)
    curve = mean_curve(first, first + RNG.normal(0, 20 * np.sqrt(3), first.shape))
    assert curve[5:] == pytest.approx(0.5, abs=0.05)  # 1 / √(1 + 3)
    assert np.abs(mean_curve(first, noise(40))[5:]).max() < 0.1


def mean_curve(first, second):
    sums = rings(first, second)
    return sums.cross.sum(0) / np.sqrt(sums.first.sum(0) * sums.second.sum(0))


def test_a_shift_gives_the_bessel_function():
    field = RNG.normal(128, 20, (40, PATCH, PATCH + 1))
    curve = mean_curve(field[..., :-1], field[..., 1:])
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    expected = [np.cos(2 * np.pi * f * np.cos(angles)).mean() for f in frequencies()]  # J₀(2π f) for one pixel
    assert curve[3:] == pytest.approx(np.array(expected)[3:], abs=0.08)


def test_equal_images_keep_everything_and_invent_nothing():
    image = render_smear(3, 256, 320)
    found = detail(image, image, 1000, 2000)
    assert len(found.places) + found.blank == 3 * 4
    assert found.places.min(0).tolist() == [1000, 2000] and found.places.max() <= 2000 + 128
    assert np.array_equal(found.kept, found.limits) and found.limits.min() > 0
    assert not found.lost.any() and not found.invented.any() and not found.flagged.any()
    assert found.curve() == pytest.approx(1)


@pytest.mark.parametrize("limit", [0.1, 0.2, 0.35])
def test_a_band_limited_copy_keeps_its_band(limit):
    (image,) = noise(1)
    found = detail(grey(image), grey(band(image, 0, limit)))
    assert found.limits == pytest.approx(0.5)
    assert found.kept == pytest.approx(limit, abs=0.015)
    assert found.lost == pytest.approx(20 * np.sqrt(np.pi * (0.25 - limit**2)), rel=0.1)
    assert found.invented < 1 and not found.flagged


def test_noise_above_the_band_is_invented_detail_and_flagged():
    image, own = noise(2)
    true, false = band(image, 0, 0.2), band(own, 0.25, 0.5)
    strength = false.std()
    found = detail(grey(true), grey(true + false))
    assert found.limits == pytest.approx(0.2, abs=0.02) and found.kept == pytest.approx(found.limits)
    assert found.invented == pytest.approx(strength, rel=0.15) and found.flagged.all()
    weak = detail(grey(true), grey(true + 0.5 * false / strength))
    assert not weak.flagged.any() and weak.invented < 1


def test_other_detail_of_the_same_energy_is_invented_but_not_more_than_there_was():
    image, own = noise(2)
    low = band(image, 0, 0.2)
    found = detail(grey(low + band(image, 0.2, 0.5)), grey(low + 0.7 * band(own, 0.2, 0.5)))
    assert found.kept == pytest.approx(0.2, abs=0.02)
    assert found.invented == pytest.approx(0.7 * found.lost, rel=0.15) and found.invented > 5
    assert not found.flagged.any()


def test_a_detail_that_the_original_lacks_is_no_loss():
    (image,) = noise(1)
    smooth = grey(band(image, 0, 0.15))
    found = detail(smooth, cv2.GaussianBlur(smooth, (0, 0), 0.4))
    assert found.limits == pytest.approx(0.15, abs=0.02) and found.kept == pytest.approx(found.limits)


def test_blank_patches_are_counted_and_left_out():
    image = grey(RNG.normal(230, BLANK / 2, (PATCH + STEP, PATCH)))
    found = detail(image, image)
    assert (len(found.places), found.blank) == (0, 2)


def test_parts_add_up_and_edges_are_seen():
    image = render_smear(4, 200, 330)
    other = cv2.GaussianBlur(image, (0, 0), 1.5)
    found = detail(image, other)
    assert len(found.places) + found.blank == 3 * 5  # 0, 64, 72 and 0, 64, 128, 192, 202
    both = merged([found, detail(image[:100], other[:100]), found])
    assert len(both.kept) == 2 * len(found.kept) and both.blank == 2 * found.blank
    assert both.curve() == pytest.approx(found.curve())
    assert len(merged([]).kept) == 0 and not merged([]).curve().any()
