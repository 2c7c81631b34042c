import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.names import SPEEDS
from sr_tf.generators.restorer import SelfEnsemble, load_restorer
from sr_tf.generators.upscale import upscale
from sr_tf.images.degradation import reduce
from sr_tf.images.pixels import with_quality
from sr_tf.metrics.fast import fast_psnr
from sr_tf.models.coded_filter import CodedFilter
from sr_tf.models.edsr import EDSR


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


def test_a_network_that_is_told_the_quality_is_told_the_best_one(tmp_path):
    network = EDSR(1, 4, 2, quality_input=True)
    network.build((None, None, None, 4))
    network.save(tmp_path / "told.keras")
    lr = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    restorer = load_restorer(str(tmp_path / "told.keras"))
    np.testing.assert_array_equal(upscale(restorer, lr), upscale(network, with_quality(lr, 100)))
    assert upscale(load_restorer(f"{tmp_path / 'told.keras'}+"), lr).shape == (18, 24, 3)


def test_a_filter_is_refused(tmp_path):
    network = CodedFilter(1, 4)
    network.build((None, None, None, 4))
    network.save(tmp_path / "filter.keras")
    with pytest.raises(UserError, match="is a filter for images that are stored at full size, expected a generator"):
        load_restorer(str(tmp_path / "filter.keras"))


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="none-such: no such generator"):
        load_restorer("none-such+")
