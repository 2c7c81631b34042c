from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from sr_tf.config import TrainConfig
from sr_tf.data.pipeline import training_batches
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import CodedLRs, SceneStore
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.load import load_reducer
from sr_tf.generators.runs import kept_generators
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce
from sr_tf.models.coding import quantiser_steps
from sr_tf.training.objectives import coding_damage
from sr_tf.training.parts import build_generator, build_reducer
from sr_tf.training.step_tensorflow import TensorFlowBackend

CONFIG = TrainConfig(
    blocks=1, filters=8, one_step=True, crop_size=16, learn_reduction=True, lr_qualities="30,80", learning_rate=1e-3
)


@pytest.fixture(scope="module")
def batches():
    lrs = CodedLRs(partial(reduce, scale=4, degradation="antialiased"))
    store = SceneStore(DrawnScenes(), 4, lrs, crop_size=16, cache_bytes=1e9)
    return training_batches(Sampler(store, 8, 16, seed=0, qualities=CONFIG.qualities), 0, 40)


class DrawnScenes:
    def __len__(self):
        return 4

    def __iter__(self):
        return ((str(seed), render_smear(seed, 128, 128)) for seed in range(4))


def test_the_damage_is_the_difference_that_the_codec_makes():
    lr = np.random.default_rng(0).uniform(-5, 260, (2, 16, 16, 3)).astype(np.float32)
    damage = coding_damage(lr, np.float32([20, 90]))
    rounded = np.clip(np.rint(lr), 0, 255).astype(np.uint8)
    for image, back, quality in zip(rounded, lr + damage, (20, 90), strict=True):
        expected = CODECS["avif-fast"].decode(CODECS["avif-fast"].encode(image, quality))
        np.testing.assert_allclose(back, expected, atol=1e-4)


def test_higher_qualities_have_finer_steps():
    steps = quantiser_steps(np.arange(20, 98, dtype=np.float32))
    assert steps.dtype == np.float32
    assert (np.diff(steps) < 0).all()


def test_patches_come_with_one_of_the_qualities(batches):
    qualities = np.concatenate([quality for _, quality in batches.as_numpy_iterator()])
    assert set(qualities) == {30.0, 80.0}
    assert 0.3 < np.mean(qualities == 30) < 0.7
    assert next(iter(batches))[0].shape == (8, 64, 64, 3)


def test_both_networks_learn_and_the_loss_falls(batches):
    model = TensorFlowBackend(CONFIG, strategy=tf.distribute.get_strategy()).model
    before = [network.get_weights() for network in (model.generator, model.reducer)]
    losses = [{name: float(value) for name, value in model.train_step(batch).items()} for batch in batches]
    assert set(losses[0]) == {"loss", "pixel_mse", "bits_per_lr_pixel"}
    for weights, network in zip(before, (model.generator, model.reducer), strict=True):
        assert all(np.any(old != new) for old, new in zip(weights, network.get_weights(), strict=True))
    assert np.mean([step["loss"] for step in losses[-5:]]) < 0.8 * np.mean([step["loss"] for step in losses[:5]])


@pytest.mark.long
def test_a_higher_rate_weight_gives_fewer_bits(batches):
    spent = []
    for weight in (0.01, 20.0):
        model = TensorFlowBackend(
            TrainConfig(**{**CONFIG.__dict__, "rate_weight": weight}), strategy=tf.distribute.get_strategy()
        ).model
        bits = [float(model.train_step(batch)["bits_per_lr_pixel"]) for batch in batches]
        spent.append(np.mean(bits[-10:]))
    assert spent[1] < 0.97 * spent[0]


def test_each_trainable_variable_belongs_to_the_optimizer():
    model = TensorFlowBackend(CONFIG, strategy=tf.distribute.get_strategy()).model
    moments = sorted(tuple(moment.shape) for moment in model.optimizer.variables if tuple(moment.shape))
    assert moments == sorted(2 * [tuple(variable.shape) for variable in model.trainable_variables])


@pytest.mark.parametrize("changes", [{"lr_qualities": ""}, {"phase": "gan"}, {"crop_size": 20}, {"rate_weight": 0.0}])
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(UserError, match="expected"):
        TrainConfig(**{**CONFIG.__dict__, **changes})


@pytest.mark.slow
def test_a_generator_keeps_its_own_reducer(small_run, start_training, tmp_path):
    generator, reducer = build_generator(CONFIG), build_reducer(CONFIG)
    generator.save(tmp_path / "own.keras")
    weights = reducer.get_weights()
    weights[-1][:] = 60 / 127.5  # the last bias: LRs become brighter by 60
    reducer.set_weights(weights)
    reducer.save(tmp_path / "own.reducer.keras")
    flags = {**small_run, "phase": "pretrain", "blocks": 1, "filters": 8, "one_step": True, "steps": 1}
    flags.update(pretrained=tmp_path / "own.keras", run_dir=tmp_path / "run", learning_rate=1e-9)
    process = start_training(flags)
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    assert kept_generators(tmp_path / "run" / "best")[0]["psnr"] < 20
    for weight, kept in zip(weights, load_reducer(tmp_path / "run").get_weights(), strict=True):
        np.testing.assert_array_equal(weight, kept)
