"""A network without padding gives what the padded one gives inside of its margin."""

import numpy as np
import pytest

from sr_tf.generators.engines import ENGINES, on_engine
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR
from sr_tf.models.inner import Inner

RNG = np.random.default_rng(0)

NETWORKS = {
    "×4 in one step": lambda: EDSR(3, 8, 4, one_step=True, residual_scaling=0.5),
    "×2, told the quality": lambda: EDSR(2, 8, 2, one_step=True, quality_input=True),
    "×8 in three steps": lambda: EDSR(1, 6, 8),
    "×2 in a step": lambda: EDSR(0, 6, 2),
    "filter": lambda: CodedFilter(2, 8),
}


def _built(make):
    network = make()
    network.build((None, None, None, network.channels))
    network.set_weights([weight + RNG.normal(0, 0.05, weight.shape) for weight in network.get_weights()])
    return network


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_the_middle_is_the_networks(make, engine):
    if engine == "openvino":
        pytest.importorskip("sr_tf.generators.openvino")
    network = _built(make)
    margin = network.receptive_radius
    inner = on_engine(network, engine, inner=True)
    for count, height, width in ((1, 6, 10), (2, 2, 4)):
        sides = 2 * margin + height, 2 * margin + width
        images = RNG.uniform(0, 255, (count, *sides, network.channels)).astype(np.float32)
        images[..., 3:] = 40
        cut = network.scale * margin
        expected = np.asarray(network(images))[:, cut:-cut, cut:-cut]
        found = inner.predict_on_batch(images)
        assert found.shape == (count, network.scale * height, network.scale * width, 3)
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_shape_is_known_before_the_first_call():
    network = _built(NETWORKS["×4 in one step"])
    side = 2 * network.receptive_radius + 5
    assert Inner(network).compute_output_shape((1, side, None, 3)) == (1, 20, None, 3)
