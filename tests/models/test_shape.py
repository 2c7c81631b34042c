"""What is known of a network without loading it."""

import pytest

from sr_tf.generators.load import build_generator, has_reducer, load_network, load_reducer, shipped
from sr_tf.generators.recorded import earlier, find_recorded, recorded_of
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.models.edsr import architecture
from sr_tf.models.shape import REDUCER_RADIUS, completed, radius_of


@pytest.mark.parametrize("name", shipped())
def test_the_stated_shape_tells_the_radius_and_the_reducer_of_each_shipped_network(name):
    network, reducer = load_network(name), load_reducer(name)
    assert radius_of(shipped()[name]["architecture"]) == network.receptive_radius
    assert completed(shipped()[name]["architecture"]) == architecture(network)
    assert recorded_of(name).sha256 == weights_sha256(network)
    assert has_reducer(name) == (reducer is not None)
    if reducer is not None:
        assert reducer.receptive_radius == REDUCER_RADIUS


@pytest.mark.parametrize("sha256", earlier())
def test_the_stated_shape_of_each_earlier_network_is_completed(sha256):
    found = find_recorded(earlier()[sha256]["name"], sha256)
    network = build_generator(found.architecture, found.weights)
    assert completed(found.architecture) == architecture(network)
    assert radius_of(found.architecture) == network.receptive_radius
