"""The finder of nuclei on drawn tissue, where every nucleus is known."""

import cv2
import numpy as np
import pytest
from drawn_tissue import stained, tissue

from sr_tf.cells.agreement import match
from sr_tf.cells.names import AUTO, NUCLEI, RED
from sr_tf.cells.nuclei import NucleusFinder, haematoxylin
from sr_tf.cells.subjects import subject
from sr_tf.errors import UserError


@pytest.mark.parametrize("mpp", [0.25, 0.5, 1.0])
def test_drawn_nuclei_are_found_where_they_are(mpp):
    for seed in range(3):
        image, places = tissue(seed, mpp)
        found = NucleusFinder(mpp).find(image)
        pairs = match(places.astype(np.float32), found.places, 2.5 / mpp)
        assert len(pairs) / len(places) > 0.9 and len(pairs) / len(found) > 0.9
        assert (found.types == 0).all() and found.chances.min() >= 0


def test_touching_nuclei_are_divided():
    mask = np.zeros((120, 120), np.float32)
    for x in (48, 66):
        cv2.circle(mask, (x, 60), 10, 1.0, -1)
    image = stained(0.05 + mask, np.full(mask.shape, 0.3))
    found = NucleusFinder(0.5).find(image)
    assert np.sort(found.places[:, 0]) == pytest.approx([48, 66], abs=2.5)


@pytest.mark.parametrize("density", [0.0, 0.02])
def test_glass_has_no_nucleus(density):
    noise = np.random.default_rng(0).normal(density, 0.005, (200, 300))
    assert len(NucleusFinder(0.5).find(stained(noise, noise))) == 0


def test_eosin_alone_has_no_nucleus():
    eosin = np.full((200, 200), 0.2)
    cv2.circle(eosin, (100, 100), 9, 0.9, -1)
    assert len(NucleusFinder(0.5).find(stained(np.zeros_like(eosin), eosin))) == 0


def test_stains_are_separated():
    values = np.linspace(0, 1, 11)
    image = stained(*np.meshgrid(values, values, indexing="ij"))
    assert haematoxylin(image) == pytest.approx(np.repeat(values[:, None], 11, 1), abs=0.05)


@pytest.mark.parametrize(
    ("choice", "mpp", "name"),
    [
        (AUTO, None, "red cells"), (AUTO, (0.17, 0.17), "red cells"), (AUTO, (0.25, 0.25), "nuclei"),
        (AUTO, (0.5, 0.5), "nuclei"), (AUTO, (4.0, 4.0), "red cells"), (RED, (0.5, 0.5), "red cells"),
        (NUCLEI, (0.2, 0.2), "nuclei"),
    ],
)  # fmt: skip
def test_what_is_counted_follows_the_resolution(choice, mpp, name):
    assert subject(choice, mpp, "slide").name == name


@pytest.mark.parametrize("mpp", [None, (2.0, 2.0)])
def test_nuclei_need_a_resolution(mpp):
    with pytest.raises(UserError, match=r"slide\.svs: states .* µm per pixel, expected at most 1\.1"):
        subject(NUCLEI, mpp, "slide.svs")
