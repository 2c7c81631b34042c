"""AVIF's qualities that differ."""

import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.images.avif_levels import AVIF_LEVELS, avif_places
from sr_tf.images.codecs import CODECS
from sr_tf.metrics.fast import fast_psnr


@pytest.mark.parametrize("name", ["avif-quick", "avif420-quick"])
def test_each_level_gives_another_file_and_the_qualities_after_it_the_same(name):
    image = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    files = [CODECS[name].encode(image, quality) for quality in range(99)]
    new = [quality for quality in range(99) if quality == 0 or files[quality] != files[quality - 1]]
    assert new == list(AVIF_LEVELS)


@pytest.mark.parametrize(("scale", "name"), [(1, "avif-quick"), (2, "avif-quick"), (4, "avif-fast")])
def test_places_are_decibels_of_the_coding_error(scale, name):
    image = np.ascontiguousarray(render_smear(5, 256 * scale, 256 * scale)[::scale, ::scale])
    levels = AVIF_LEVELS[4::12]
    codec = CODECS[name]
    found = [fast_psnr(image, codec.decode(codec.encode(image, level))) for level in levels]
    steps = np.diff(found) / np.diff(avif_places(levels))
    assert (steps > 0.3).all() and (steps < 2).all() and 0.6 < steps.mean() < 1.4


def test_places_grow_and_lie_between_for_other_qualities():
    places = avif_places(tuple(range(99)))
    assert (np.diff(places) > 0).all() and places[0] == 0
    assert avif_places((3, 6)) == (places[3], places[6])
