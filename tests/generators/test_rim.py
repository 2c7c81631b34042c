"""The outer pixels of restored images: no frame, whatever the colour, the size or the way an image is restored."""

from importlib.util import find_spec

import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.generators.filtering import filtered
from sr_tf.generators.load import load_generator, load_network, load_reducer, shipped
from sr_tf.generators.reduction import reduce_for
from sr_tf.generators.restorer import SelfEnsemble, load_restorer
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import reduce
from sr_tf.images.pixels import to_uint8

RIM = 8
COLOURS = ((0, 0, 0), (255, 255, 255), (200, 100, 50))
GENERATORS = sorted(name for name, card in shipped().items() if card["architecture"]["scale"] > 1)


def _flat(colour, *size):
    return np.full((*size, 3), colour, np.uint8)


@pytest.fixture(scope="module")
def scenes():
    return [render_smear(seed, 400, 400)[100:260, 120:280] for seed in range(600, 604)]


def _mean_errors(hr, sr):
    errors = np.abs(hr.astype(int) - sr).mean(2)
    inside = np.zeros(errors.shape, bool)
    inside[RIM:-RIM, RIM:-RIM] = True
    return errors[~inside].mean(), errors[inside].mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_the_rim_is_nearly_as_right_as_the_inside(name, scenes):
    generator, reducer = load_restorer(name), load_reducer(name)
    degradation = shipped()[name]["settings"]["degradation"]
    found = []
    for hr in scenes:
        lr = reduce(hr, generator.scale, degradation) if reducer is None else reduce_for(generator, reducer, hr)
        found.append(_mean_errors(hr, upscale(generator, lr)))
    rim, inside = np.mean(found, axis=0)
    assert rim <= 1.2 * inside


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_a_flat_image_has_no_frame(name):
    generator = load_restorer(name)
    # The middle of a larger image: farther from its edges than the network sees.
    side = 2 * generator.receptive_radius + 8
    cut = generator.scale * (generator.receptive_radius + 1)
    for colour in COLOURS:
        middle = to_uint8(generator.predict_on_batch(_flat(colour, side, side)[None].astype(np.float32))[0])
        allowed = np.abs(middle[cut:-cut, cut:-cut].astype(int) - colour).max() + 3
        for size in ((48, 48), (1, 1), (2, 3)):
            assert np.abs(upscale(generator, _flat(colour, *size)).astype(int) - colour).max() <= allowed


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_the_filter_draws_no_frame(quality):
    network = load_network("filter")
    for colour in COLOURS:
        middle = filtered(network, _flat(colour, 128, 128), quality)[60:68, 60:68].astype(int)
        allowed = np.abs(middle - colour).max() + 3
        for size in ((33, 48), (1, 1), (2, 3)):
            assert np.abs(filtered(network, _flat(colour, *size), quality).astype(int) - colour).max() <= allowed


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (20, 31)])
def test_engines_and_ensembles_mirror_alike(size, scenes):
    lr = reduce(scenes[0], 4)[: size[0], : size[1]]
    small = load_generator("small")
    expected = upscale(small, lr)
    if find_spec("openvino"):
        openvino = load_restorer("small", "openvino")
        assert np.abs(upscale(openvino, lr).astype(int) - expected).max() <= 1
    ensemble = upscale(SelfEnsemble(small), lr, tile=7)
    assert np.abs(ensemble.astype(int) - upscale(SelfEnsemble(small), lr)).max() <= 1
    turned = upscale(SelfEnsemble(small), np.ascontiguousarray(lr[::-1].transpose(1, 0, 2)))
    assert np.abs(turned.transpose(1, 0, 2)[::-1].astype(int) - ensemble).max() <= 1


def test_tiles_have_no_seam(scenes):
    lr, small = reduce(scenes[1], 4), load_generator("small")
    whole = upscale(small, lr)
    for tile in (1 + lr.shape[0] // 2, 17, 39):
        assert np.abs(upscale(small, lr, tile).astype(int) - whole).max() <= 1
