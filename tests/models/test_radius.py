"""The geometry that is known of a network without loading it."""

import pytest

from sr_tf.generators.load import has_reducer, load_network, load_reducer, shipped
from sr_tf.models.radius import REDUCER_RADIUS, radius_of


@pytest.mark.parametrize("name", shipped())
def test_the_stated_shape_tells_the_radius_and_the_reducer_of_each_shipped_network(name):
    network, reducer = load_network(name), load_reducer(name)
    assert radius_of(shipped()[name]["architecture"]) == network.receptive_radius
    assert has_reducer(name) == (reducer is not None)
    if reducer is not None:
        assert reducer.receptive_radius == REDUCER_RADIUS
