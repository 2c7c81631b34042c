import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.names import SPEEDS
from sr_tf.generators.restorer import SelfEnsemble, load_restorer
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import reduce
from sr_tf.metrics.fast import fast_psnr


@pytest.fixture(scope="module")
def scene():
    return render_smear(7, 96, 128)


class Doubling:
    """Repeats pixels and adds a ramp from left to right, which a self-ensemble must average out."""

    scale, receptive_radius = 2, 0

    def predict_on_batch(self, lr):
        large = lr.repeat(2, 1).repeat(2, 2)
        ramp = np.linspace(-8, 8, large.shape[2], dtype=np.float32)
        return large + ramp[None, None, :, None]


def test_an_ensemble_averages_out_what_depends_on_the_orientation():
    lr = np.random.default_rng(0).uniform(0, 255, (2, 5, 7, 3)).astype(np.float32)
    np.testing.assert_allclose(SelfEnsemble(Doubling()).predict_on_batch(lr), lr.repeat(2, 1).repeat(2, 2), atol=1e-3)


def test_an_ensemble_restores_a_rotated_image_to_the_rotated_pixels(scene):
    lr = reduce(scene, 4)
    ensemble = load_restorer("small+")
    turned = upscale(ensemble, np.ascontiguousarray(np.rot90(lr)))
    assert np.abs(np.rot90(upscale(ensemble, lr)).astype(int) - turned).max() <= 1


def test_an_ensemble_is_better_than_its_generator(scene):
    lr = reduce(scene, 4)
    alone, together = (fast_psnr(scene, upscale(load_restorer(name), lr)) for name in ("small", "small+"))
    assert together > alone + 0.03


def test_fast_and_best_stand_for_shipped_generators(scene):
    lr = reduce(scene, 4)
    for speed, name in SPEEDS.items():
        np.testing.assert_array_equal(upscale(load_restorer(speed), lr), upscale(load_restorer(name), lr))


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="none-such: no such generator"):
        load_restorer("none-such+")
