import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.generators.load import load_generator
from sr_tf.generators.upscale import upscale
from sr_tf.images.edges import mirrored, without_edges
from sr_tf.images.pixels import to_uint8
from sr_tf.models.edsr import EDSR

RNG = np.random.default_rng(1)
LR = RNG.integers(0, 256, (37, 53, 3), np.uint8)


@pytest.fixture(scope="module")
def generator():
    model = EDSR(blocks=2, filters=8)
    model.build((None, None, None, 3))
    # Large weights, so that a missing halo pixel changes more than the rounding.
    model.set_weights([3 * weight for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def whole(generator):
    return one_pass(generator, LR)


def one_pass(generator, lr):
    """The network's result for the whole mirrored image."""
    sr = generator.predict_on_batch(mirrored(lr)[None].astype(np.float32))[0]
    return without_edges(to_uint8(sr), generator.scale)


class Exact:
    """A network of whole numbers that pads with zeros, as wide as its radius: tiles have no rounding to hide behind."""

    scale, receptive_radius = 2, 11

    def predict_on_batch(self, lr):
        reach = self.receptive_radius
        padded = np.pad(lr, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
        height, width = lr.shape[1:3]
        total = np.zeros_like(lr)
        for number, (dy, dx) in enumerate(((0, 0), (-11, 3), (11, -2), (5, 11), (-4, -11), (7, 8), (-9, 9)), 1):
            total += number * padded[:, reach + dy :, reach + dx :][:, :height, :width]
        large = total.repeat(2, 1).repeat(2, 2)
        large[:, ::2] += 1
        return large % 256


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(1, 45))
def test_tiles_are_one_pass_to_the_bit_at_any_size(height, width, tile):
    lr = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, 3), np.uint8)
    np.testing.assert_array_equal(upscale(Exact(), lr, tile), one_pass(Exact(), lr))


@settings(max_examples=25, deadline=None)
@given(tile=st.integers(1, 60))
def test_tiled_equals_whole(generator, whole, tile):
    tiled = upscale(generator, LR, tile)
    assert np.abs(tiled.astype(int) - whole).max() <= 1


def test_a_halo_smaller_than_the_receptive_radius_changes_pixels(generator, whole):
    class Short:
        scale = generator.scale
        receptive_radius = 2
        predict_on_batch = staticmethod(generator.predict_on_batch)

    assert np.abs(upscale(Short, LR, 16).astype(int) - whole).max() > 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_tiny_images(generator, size):
    lr = LR[: size[0], : size[1]]
    assert upscale(generator, lr, 8).shape == (4 * size[0], 4 * size[1], 3)


@pytest.mark.parametrize("tile", [17, 64, 192])
def test_shipped_generator_tiled_equals_whole(tile):
    generator = load_generator("small")
    lr = np.random.default_rng(2).integers(0, 256, (97, 121, 3), np.uint8)
    whole = one_pass(generator, lr)
    assert np.abs(upscale(generator, lr, tile).astype(int) - whole).max() <= 1


def test_only_uint8_rgb_is_accepted(generator):
    for wrong in (LR.astype(np.float32), LR[..., 0], LR[..., :2]):
        with pytest.raises(ValueError, match="expected uint8"):
            upscale(generator, wrong)
    with pytest.raises(ValueError, match="tile 0"):
        upscale(generator, LR, tile=0)
