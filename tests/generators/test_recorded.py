"""Generators found by the hash of their weights, without a framework."""

import pytest

from sr_tf.generators.load import build_generator, load_network, shipped
from sr_tf.generators.recorded import earlier, find_recorded, missing_generator
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.models.edsr import architecture


def test_the_weights_that_were_replaced_are_still_there():
    """All that ever shipped under a name whose weights changed."""
    cards = earlier()
    names = ["archive2", "archive2", "archive4", "m1", "m1", "m1", "m2", "m2", "m3", "m3", "mixed", "mixed"]
    assert sorted(card["name"] for card in cards.values()) == names
    for sha256, card in cards.items():
        for name in (card["name"], "another"):
            recorded = find_recorded(name, sha256)
            assert recorded.sha256 == sha256
        generator = build_generator(recorded.architecture, recorded.weights)
        assert weights_sha256(generator) == sha256
        assert architecture(generator) == card["architecture"]


def test_those_that_ship_are_found_under_any_name():
    for name in shipped():
        sha256 = weights_sha256(load_network(name))
        assert sha256 not in earlier()
        assert find_recorded("another", sha256).sha256 == sha256


@pytest.mark.parametrize("name", ["m3@0.5", "archive4g@0.37"])
def test_interpolated_ones_are_found_under_their_name(name):
    sha256 = weights_sha256(load_network(name))
    assert find_recorded(name, sha256).sha256 == sha256
    assert find_recorded(name.split("@")[0], sha256) is None


def test_replaced_ones_are_found_interpolated_too():
    sha256 = next(key for key, card in earlier().items() if card["name"] == "m3")
    half = find_recorded("m3", sha256)
    start = find_recorded("small", weights_sha256(load_network("small")))
    between = [0.75 * a + 0.25 * b for a, b in zip(start.weights, half.weights, strict=True)]
    generator = build_generator(half.architecture, between)
    assert find_recorded("m3@0.25", weights_sha256(generator)) is not None


def test_what_neither_ships_nor_shipped_is_not_found():
    for name in ("archive4", "m3@0.5", "m3@x", "mixed+", "/a/path.keras", ""):
        assert find_recorded(name, "0" * 64) is None
        assert name in str(missing_generator(name, "0" * 64))


def test_they_are_no_choice_for_new_work():
    assert not any(len(name) == 64 for name in shipped())
    assert "earlier" not in shipped()
