import keras
import numpy as np
import pytest
from networks import assert_built_by_its_first_call, assert_float32_in_mixed_precision, assert_saved_and_loaded

from sr_tf.models.discriminator import Discriminator

RNG = np.random.default_rng(0)


def patches(count, height, width):
    return RNG.uniform(0, 255, (count, height, width, 3)).astype(np.float32)


def built(filters=8):
    discriminator = Discriminator(filters)
    discriminator.build((None, None, None, 3))
    return discriminator


@pytest.fixture(scope="module")
def discriminator():
    return built()


@pytest.mark.parametrize("size", [(16, 16), (16, 97), (97, 16), (23, 64), (96, 96), (41, 87)])
def test_one_finite_logit_for_a_patch_of_any_size(discriminator, size):
    logits = np.asarray(discriminator(patches(3, *size)))
    assert logits.shape == discriminator.compute_output_shape((3, *size, 3)) == (3, 1)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert len(np.unique(logits)) == 3


@pytest.mark.parametrize("training", [False, True])
def test_a_logit_depends_only_on_its_patch(discriminator, training):
    batch = patches(4, 32, 40)
    together = np.asarray(discriminator(batch, training=training))
    alone = np.concatenate([discriminator(batch[i : i + 1], training=training) for i in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    neighbours = np.concatenate([batch[:1], 255 - 3 * batch[1:]])
    np.testing.assert_allclose(discriminator(neighbours, training=training)[0], together[0], atol=1e-5)


def test_every_part_of_a_patch_changes_its_logit(discriminator):
    patch = patches(1, 48, 48)
    logit = float(discriminator(patch)[0, 0])
    for corner in ((0, 0), (0, 47), (47, 0), (47, 47), (24, 24)):
        changed = patch.copy()
        changed[0, corner[0], corner[1]] = 255 - changed[0, corner[0], corner[1]]
        assert float(discriminator(changed)[0, 0]) != logit


def test_keras_file_round_trip(discriminator, tmp_path):
    batch = patches(2, 24, 33)
    assert_saved_and_loaded(discriminator, batch, tmp_path)


def test_build_and_first_call_make_the_same_network(discriminator):
    assert_built_by_its_first_call(discriminator, Discriminator(8), patches(2, 20, 28))


@pytest.mark.parametrize("filters", [8, 64])
def test_parameters(filters):
    widths = [filters * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
    convolutions = sum(9 * a * b + b for a, b in zip([6, *widths], widths, strict=False))
    dense = widths[-1] * 16 * filters + 16 * filters + 16 * filters + 1
    discriminator = built(filters)
    assert discriminator.count_params() == convolutions + dense
    # There are no running statistics, which would differ between replicas.
    assert len(discriminator.trainable_weights) == len(discriminator.weights)


def test_mixed_precision_gives_float32():
    assert_float32_in_mixed_precision(built, patches(2, 16, 24))


def test_it_learns_to_distinguish_two_kinds_of_patches():
    discriminator = built()
    detailed = patches(6, 16, 16)
    plain = np.broadcast_to(detailed.mean(axis=(1, 2), keepdims=True), detailed.shape)
    kinds, labels = np.concatenate([detailed, plain]), np.repeat([[1.0], [0.0]], 6, axis=0)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    discriminator.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=True)
    discriminator.fit(kinds, labels, batch_size=12, epochs=10, verbose=0)
    assert ((np.asarray(discriminator(kinds)) > 0) == (labels > 0)).all()
