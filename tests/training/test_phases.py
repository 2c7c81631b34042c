import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.config import TrainConfig
from sr_tf.data.pipeline import training_batches
from sr_tf.data.sampler import Sampler
from sr_tf.data.smear import render_smear
from sr_tf.images.degradation import reduce
from sr_tf.models.discriminator import Discriminator
from sr_tf.models.edsr import EDSR
from sr_tf.training import losses
from sr_tf.training.averaging import moved_averages
from sr_tf.training.checkpoints import newest_state, save_state
from sr_tf.training.objectives import adversarial_objective
from sr_tf.training.step_tensorflow import Phase, TensorFlowBackend

OPTIMIZERS = ("generator", "discriminator")
CONFIG = TrainConfig(
    blocks=1, batch_size=4, crop_size=8, filters=8, discriminator_filters=8, learning_rate=3e-3, ema_decay=0.9
)


@pytest.fixture(scope="module")
def batches():
    """One batch of four patches of 8×8 LR pixels, repeated."""
    return training_batches(Sampler(drawn_store(), 4, 8, seed=0), 0, 1).repeat()


def one_replica(config, network=None):
    """The backend on one device, whether or not another test divided the CPU into two."""
    return TensorFlowBackend(config, network, tf.distribute.get_strategy())


def drawn_store():
    """Builds a store of four small synthetic scenes."""
    from sr_tf.data.scene_store import CodedLRs, SceneStore

    return SceneStore(DrawnScenes(4, 64), 4, CodedLRs(lambda hr: reduce(hr, 4)), crop_size=8, cache_bytes=1e9)


class DrawnScenes:
    def __init__(self, count, side):
        self._count, self._side = count, side

    def __len__(self):
        return self._count

    def __iter__(self):
        return ((str(seed), self.read(seed)) for seed in range(self._count))

    def read(self, index):
        return render_smear(index, self._side, self._side)


def new_generator(seed=0):
    keras.utils.set_random_seed(seed)
    generator = EDSR(CONFIG.blocks, CONFIG.filters)
    generator.build((None, None, None, 3))
    return generator


def content_network():
    images = keras.Input((None, None, 3))
    shallow = keras.layers.Conv2D(8, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(images))
    return keras.Model(images, [shallow, keras.layers.Conv2D(8, 3, strides=2)(shallow)])


def new_gan(rates=(1e-3, 1e-3), weights=(2.0, 3.0, 0.5)):
    """Builds a model of phase 2 and its content network; `rates` are those of generator and discriminator."""
    network = content_network()
    generator = new_generator()
    discriminator = Discriminator(8)
    discriminator.build((None, None, None, 3))
    weights = dict(zip(("content", "adversarial", "pixel_mse"), weights, strict=True))
    return compiled(adversarial_objective(generator, discriminator, network, weights), rates), network


def compiled(objective, rates):
    model = Phase(objective)
    model.compile({name: keras.optimizers.Adam(rate) for name, rate in zip(OPTIMIZERS, rates, strict=True)})
    return model


def fit(model, batches, steps):
    """Trains, and returns the losses of each step as callbacks receive them."""
    seen = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[callback])
    return seen


def which_moved(before, after):
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


def test_pretraining_overfits_one_batch(batches):
    model = one_replica(CONFIG).model
    seen = fit(model, batches, steps=30)
    assert seen[-1]["loss"] < seen[0]["loss"] / 4
    assert np.asarray(model.optimizer.iterations) == 30


def test_the_loss_is_the_mse_of_8_bit_levels(batches):
    model = one_replica(CONFIG).model
    lr, hr = next(iter(batches))
    expected = np.mean((model.generator(lr).numpy() - hr.numpy()) ** 2)
    (logs,) = fit(model, batches, steps=1)
    assert logs == {"loss": pytest.approx(expected, rel=1e-5)}


@pytest.fixture(scope="module")
def fine_tuning(batches):
    """A model of phase 2 after two steps, the weights of its networks before and after, and the losses."""
    model, network = new_gan()
    networks = (model.generator, model.discriminator, network)
    before = [part.get_weights() for part in networks]
    seen = fit(model, batches, steps=2)
    return model, before, [part.get_weights() for part in networks], seen


def test_fine_tuning_changes_both_networks_but_not_the_content_network(fine_tuning):
    model, before, after, _ = fine_tuning
    generator, discriminator, content = map(which_moved, before, after)
    assert all(generator)
    assert all(discriminator)
    assert not any(content)
    assert [int(model.optimizers[name].iterations) for name in OPTIMIZERS] == [2, 2]


def test_the_generators_loss_is_the_weighted_sum_of_its_parts(fine_tuning):
    *_, seen = fine_tuning
    for logs in seen:
        expected = 2.0 * logs["content"] + 3.0 * logs["adversarial"] + 0.5 * logs["pixel_mse"]
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
        assert logs["discriminator_loss"] == pytest.approx(np.log(2), abs=0.3)
        assert 0 <= logs["discriminator_accuracy"] <= 1


def test_structure_and_colour_are_added_if_they_have_a_weight():
    rng = np.random.default_rng(0)
    lr, hr = (rng.uniform(0, 255, (2, side, side, 3)).astype(np.float32) for side in (12, 48))
    model, network = new_gan()
    weights = {"content": 1.0, "adversarial": 0.0, "structure": 5.0, "colour": 0.25}
    model = compiled(
        adversarial_objective(model.generator, model.discriminator, network, weights, losses.unit_content), (0.0, 0.0)
    )
    named = model.train_step((lr, hr))
    sr = model.generator(lr)
    assert float(named["content"]) == pytest.approx(float(losses.unit_content(network(hr), network(sr))), rel=1e-4)
    assert float(named["structure"]) == pytest.approx(float(losses.structure(hr, sr)), rel=1e-4)
    assert float(named["colour"]) == pytest.approx(float(losses.colour(hr, sr, 4)), rel=1e-4)
    assert "pixel_mse" not in named
    parts = named["content"] + 5 * named["structure"] + 0.25 * named["colour"]
    assert float(named["loss"]) == pytest.approx(float(parts), rel=1e-4)


def test_a_checkpoint_contains_both_networks_but_not_the_content_network(tmp_path, new_generator_file):
    config = TrainConfig(
        phase="gan",
        blocks=1,
        filters=8,
        discriminator_filters=8,
        batch_size=4,
        crop_size=8,
        pretrained=new_generator_file,
    )
    backend = one_replica(config, content_network())
    backend.run(Sampler(drawn_store(), 4, 8, seed=0), 2, lambda step, named: None)
    path = save_state(tmp_path, backend.state())
    with np.load(path) as arrays:
        size = sum(arrays[name].size for name in arrays.files)
    generator, discriminator = backend.model.generator.count_params(), backend.model.discriminator.count_params()
    # The weights with two moments each, the generator's average, two step counters of optimizers, and the step.
    assert size == 3 * (generator + discriminator) + generator + 2 + 1

    other = one_replica(config, content_network())
    other.load_state(newest_state(tmp_path, other.state()))
    expected, found = backend.state(), other.state()
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert all(np.array_equal(one, two) for one, two in zip(values, found[name], strict=True)), name


@pytest.fixture
def new_generator_file(tmp_path):
    new_generator(seed=7).save(tmp_path / "start.keras")
    return str(tmp_path / "start.keras")


@pytest.mark.parametrize("rates, moves", [((1e-3, 0.0), (True, False)), ((0.0, 1e-3), (False, True))])
def test_each_optimizer_updates_only_its_own_network(batches, rates, moves):
    model, _ = new_gan(rates)
    model.run_eagerly = True  # tracing takes longer than the step
    networks = (model.generator, model.discriminator)
    before = [part.get_weights() for part in networks]
    fit(model, batches, steps=1)
    for weights, part, moved in zip(before, networks, moves, strict=True):
        assert all(flag == moved for flag in which_moved(weights, part.get_weights()))


def test_each_trainable_variable_belongs_to_exactly_one_optimizer():
    model, _ = new_gan()
    own = [model.generator.trainable_variables, model.discriminator.trainable_variables]
    assert {id(variable) for variable in model.trainable_variables} == {
        id(variable) for part in own for variable in part
    }
    assert len(model.trainable_variables) == sum(map(len, own))
    for name, variables in zip(OPTIMIZERS, own, strict=True):
        # Adam keeps a first and a second moment of each variable.
        moments = sorted(tuple(moment.shape) for moment in model.optimizers[name].variables if tuple(moment.shape))
        assert moments == sorted(2 * [tuple(variable.shape) for variable in variables])


@pytest.mark.parametrize("phase", ["pretrain", "gan"])
def test_training_starts_from_the_pretrained_generator(tmp_path, phase):
    pretrained = new_generator(seed=5)
    pretrained.save(tmp_path / "pretrained.keras")
    config = TrainConfig(
        phase=phase, blocks=1, filters=8, discriminator_filters=8, pretrained=str(tmp_path / "pretrained.keras")
    )
    backend = one_replica(config, content_network())
    for generator in (backend.model.generator, backend.averaged["generator"]):
        assert not any(which_moved(pretrained.get_weights(), generator.get_weights()))


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 0.9999), st.integers(0, 100_000))
def test_moving_average_follows_its_formula(decay, count):
    random = np.random.default_rng(0)
    before, weights = ([np.float32(random.normal(size=shape)) for shape in ((3, 4), (5,))] for _ in range(2))
    kept = min(decay, (1 + count) / (10 + count))
    for old, weight, new in zip(before, weights, moved_averages(before, weights, count, decay), strict=True):
        np.testing.assert_allclose(new, kept * old + (1 - kept) * weight, atol=1e-6)
        assert (np.asarray(new) >= np.minimum(old, weight) - 1e-6).all()
        assert (np.asarray(new) <= np.maximum(old, weight) + 1e-6).all()


def test_a_backend_averages_the_weights_after_each_step():
    backend = one_replica(CONFIG)
    expected, seen = backend.averaged["generator"].get_weights(), []

    def each(step, named):
        nonlocal expected
        weights = backend.model.generator.get_weights()
        expected = [np.asarray(one) for one in moved_averages(expected, weights, step, CONFIG.ema_decay)]
        for found, wanted in zip(backend.averaged["generator"].get_weights(), expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-6)
        seen.append(step)

    backend.run(Sampler(drawn_store(), 4, 8, seed=0), 3, each)
    assert seen == [1, 2, 3]
    assert any(which_moved(expected, backend.model.generator.get_weights()))


@pytest.mark.slow
def test_a_run_writes_its_settings_scores_and_curves(pretrained, small_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = json.loads((pretrained / "config.json").read_text())
    assert settings["steps"] == small_run["steps"]
    assert TrainConfig(**settings).crop_size == small_run["crop_size"]
    kept = json.loads((pretrained / "best" / "scores.json").read_text())
    assert sorted(entry["step"] for entry in kept) == [5, 10, 12]
    assert kept == sorted(kept, key=lambda entry: -entry["psnr"])
    assert {path.name for path in (pretrained / "best").iterdir()} == {"scores.json"} | {e["file"] for e in kept}

    events = EventAccumulator(str(pretrained / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    curves = {
        tag: [(event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }
    for tag in ("train/loss", "train/learning_rate", "train/images_per_second"):
        assert [step for step, _ in curves[tag]] == list(range(1, 13))
    assert curves["train/learning_rate"][1][1] == pytest.approx(2e-3, rel=0.2)
    for tag in ("validation/psnr", "validation/ssim", "validation_bicubic/psnr", "validation_i-HR/ssim"):
        assert [step for step, _ in curves[tag]] == [5, 10, 12]
    validated = {step: float(value) for step, value in curves["validation/psnr"]}
    assert validated == pytest.approx({entry["step"]: entry["psnr"] for entry in kept}, rel=1e-6)
    width, height, *images = curves["LR, i-HR, SR, HR"][-1][1]
    assert len(images) == 1
    assert (int(width), int(height)) == (4 * 128, 128)
    assert tf.io.decode_png(images[0]).shape == (128, 4 * 128, 3)
