import numpy as np
import pytest
from networks import assert_built_by_its_first_call, assert_float32_in_mixed_precision, assert_saved_and_loaded

from sr_tf.errors import UserError
from sr_tf.generators.filtering import filtered
from sr_tf.generators.load import load_generator, load_network, save_shipped
from sr_tf.generators.upscale import upscale
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.images.pixels import to_uint8, with_quality
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import architecture, describe

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (22, 30, 3), dtype=np.uint8)
TOLD = np.float32(with_quality(IMAGE, 40)[None])


def built(*arguments, random=False, **options):
    network = CodedFilter(*arguments, **options)
    network.build((None, None, None, 4))
    if random:
        network.set_weights([RNG.normal(0, 0.1, weight.shape) for weight in network.get_weights()])
    return network


def test_before_training_it_changes_nothing():
    np.testing.assert_allclose(built(3, 8)(TOLD)[0], IMAGE, atol=1e-3)
    np.testing.assert_array_equal(filtered(built(1, 4), IMAGE, 70), IMAGE)


def test_the_quality_changes_what_it_does():
    network = built(1, 6, random=True)
    low, high = (np.asarray(network(np.float32(with_quality(IMAGE, quality)[None]))) for quality in (10, 90))
    assert np.abs(low - high).max() > 1


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_the_receptive_radius_is_exact_up_to_the_grid(blocks):
    network = built(blocks, 5)
    network.set_weights([RNG.uniform(0.02, 0.1, weight.shape) for weight in network.get_weights()])
    side = 4 * network.receptive_radius
    grey = np.full((1, side, side, 4), 200, np.float32)
    bright = grey.copy()
    bright[0, side // 2, side // 2, :3] = 1e6
    rows, columns = np.nonzero(np.abs(np.asarray(network(bright)) - np.asarray(network(grey)))[0].max(axis=2) > 1e-3)
    for indices in (rows, columns):
        # The pixel lies at an even place, the first of its 2×2.
        assert indices.min() == side // 2 - network.receptive_radius
        assert indices.max() == side // 2 + network.receptive_radius + 1


def test_tiles_give_the_pixels_of_one_pass_over_the_mirrored_image():
    network = built(2, 6, random=True)
    told = with_quality(RNG.integers(0, 256, (58, 94, 3), dtype=np.uint8), 30)
    whole = to_uint8(without_edges(np.asarray(network(np.float32(mirrored(told)[None])))[0], 1))
    assert np.abs(whole.astype(int) - upscale(network, told, tile=20)).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (7, 10), (21, 33)])
def test_images_of_any_size_keep_it(size):
    image = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    assert filtered(built(1, 4, random=True), image, 50).shape == image.shape


def test_an_image_without_its_quality_is_refused():
    with pytest.raises(ValueError, match=r"expected uint8 \[h, w, 4\]"):
        upscale(built(1, 4), IMAGE)


def test_other_scales_are_refused():
    with pytest.raises(ValueError, match="scale 2: expected 1"):
        CodedFilter(scale=2)


def test_it_is_saved_and_loaded(tmp_path):
    network = built(2, 4, residual_scaling=0.5, random=True)
    assert_saved_and_loaded(network, TOLD, tmp_path)
    loaded = load_network(tmp_path / "network.keras")
    assert architecture(loaded) == architecture(network)
    np.testing.assert_array_equal(loaded(TOLD), network(TOLD))


def test_it_is_no_generator(tmp_path):
    built(1, 4).save(tmp_path / "filter.keras")
    with pytest.raises(
        UserError, match=r"filter.keras: is a filter for images .* told their quality, expected a generator"
    ):
        load_generator(tmp_path / "filter.keras")


def test_it_ships_as_generators_do(tmp_path, monkeypatch):
    monkeypatch.setattr("sr_tf.generators.load.ZOO", tmp_path)
    network = built(1, 4, random=True)
    save_shipped(network, tmp_path / "own", {})
    halved = [np.float16(weight) for weight in network.get_weights()]
    for found, expected in zip(load_network("own").get_weights(), halved, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_its_first_call_builds_it():
    assert_built_by_its_first_call(built(1, 4, random=True), CodedFilter(1, 4), TOLD)


def test_mixed_precision_ends_in_float32():
    assert_float32_in_mixed_precision(lambda: built(1, 4), TOLD)


def test_it_is_described():
    assert describe(built(1, 4)).startswith("filter 1×4, ")
