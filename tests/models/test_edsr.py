import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import assert_built_by_its_first_call, assert_float32_in_mixed_precision, assert_saved_and_loaded
from scipy.signal import correlate

from sr_tf.config import preset
from sr_tf.generators.load import load_generator
from sr_tf.models.edsr import EDSR, ResidualBlock, describe

RNG = np.random.default_rng(0)
LR = RNG.uniform(0, 255, (2, 9, 12, 3)).astype(np.float32)


def built(*arguments, **options):
    generator = EDSR(*arguments, **options)
    generator.build((None, None, None, 3))
    return generator


def randomised(generator, seed=0):
    """Sets random weights, and random biases too, because initial biases are zero and would hide mistakes."""
    rng = np.random.default_rng(seed)
    generator.set_weights([rng.normal(0, 0.15, weight.shape) for weight in generator.get_weights()])
    return generator


@pytest.fixture(scope="module")
def generator():
    return randomised(built(2, 6, residual_scaling=0.5))


@pytest.fixture
def mixed_bfloat16():
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield
    keras.mixed_precision.set_global_policy(before)


def convolved(image, kernel, bias):
    """A 3×3 convolution with zero padding, float64 [h, w, c]."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    channels = [correlate(padded, kernel[..., i], mode="valid")[..., 0] for i in range(kernel.shape[-1])]
    return np.stack(channels, axis=-1) + bias


def shuffled(features):
    """[h, w, 4 c] → [2 h, 2 w, c]."""
    height, width, channels = features.shape
    blocks = features.reshape(height, width, 2, 2, channels // 4)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, channels // 4)


def reference(lr, weights, blocks, residual_scaling, steps):
    """EDSR in numpy; `weights` are kernels and biases in the order of the layers."""
    weights = iter(np.asarray(weight, float) for weight in weights)

    def convolution(features):
        return convolved(features, next(weights), next(weights))

    shallow = deep = convolution(lr.astype(float) / 127.5 - 1)
    for _ in range(blocks):
        deep = deep + residual_scaling * convolution(np.maximum(convolution(deep), 0))
    features = shallow + convolution(deep)
    for _ in range(steps):
        features = shuffled(convolution(features))
    return (convolution(features) + 1) * 127.5


@pytest.mark.parametrize("scale", [2, 4])
def test_one_step_adds_all_its_pixels_to_the_lr_pixel(scale):
    generator = randomised(built(1, 5, scale, one_step=True))
    layers = [generator.head, generator.body[0].expand, generator.body[0].contract, generator.body_end, generator.tail]
    weights = iter([np.asarray(weight, float) for layer in layers for weight in layer.get_weights()])

    def convolution(features):
        return convolved(features, next(weights), next(weights))

    shallow = convolution(LR[0].astype(float) / 127.5 - 1)
    deep = shallow + convolution(np.maximum(convolution(shallow), 0))
    detail = convolution(shallow + convolution(deep)) * 127.5
    expected = np.empty((9 * scale, 12 * scale, 3))
    for row in range(scale):
        for column in range(scale):
            first = 3 * (row * scale + column)
            expected[row::scale, column::scale] = LR[0] + detail[..., first : first + 3]
    np.testing.assert_allclose(np.array(generator(LR))[0], expected, atol=2e-3)


@pytest.mark.parametrize(("scale", "steps"), [(2, 1), (4, 2), (8, 3)])
def test_computes_the_papers_network(scale, steps):
    generator = randomised(built(2, 5, scale, residual_scaling=0.3))
    layers = [
        generator.head,
        *(layer for block in generator.body for layer in (block.expand, block.contract)),
        *(generator.body_end, *generator.upsampling, generator.tail),
    ]
    weights = [weight for layer in layers for weight in layer.get_weights()]
    assert len(weights) == len(generator.weights)
    for lr, sr in zip(LR, np.asarray(generator(LR)), strict=True):
        expected = reference(lr, weights, 2, 0.3, steps)
        np.testing.assert_allclose(sr, expected, rtol=1e-4, atol=1e-2)


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 30), width=st.integers(1, 30), count=st.integers(1, 3))
def test_any_size(generator, height, width, count):
    sr = generator(np.zeros((count, height, width, 3), np.float32))
    assert sr.shape == generator.compute_output_shape((count, height, width, 3)) == (count, 4 * height, 4 * width, 3)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_every_scale(scale):
    generator = built(1, 4, scale)
    assert generator(LR).shape == (2, 9 * scale, 12 * scale, 3)
    assert generator.compute_output_shape((None, None, None, 3)) == (None, None, None, 3)


@pytest.mark.parametrize("scale", [0, 1, 3, 6, -2])
def test_scales_other_than_powers_of_two_are_refused(scale):
    with pytest.raises(ValueError, match=f"scale {scale}"):
        EDSR(1, 4, scale)


def test_images_of_a_batch_are_independent(generator):
    alone = np.concatenate([generator(LR[:1]), generator(LR[1:])])
    np.testing.assert_allclose(generator(LR), alone, rtol=1e-4, atol=1e-3)


def test_build_and_first_call_make_the_same_network(generator):
    assert_built_by_its_first_call(generator, EDSR(2, 6, residual_scaling=0.5), LR)


def test_keras_file_round_trip(generator, tmp_path):
    assert_saved_and_loaded(generator, LR, tmp_path)


def test_a_network_saved_before_its_first_call_keeps_its_weights(tmp_path):
    generator = randomised(built(1, 4), seed=5)
    generator.save(tmp_path / "generator.keras")
    np.testing.assert_array_equal(load_generator(tmp_path / "generator.keras")(LR), generator(LR))


def test_configuration_round_trip(generator):
    again = EDSR.from_config(generator.get_config())
    for name in ("blocks", "filters", "scale", "residual_scaling", "name"):
        assert getattr(again, name) == getattr(generator, name)
    block = ResidualBlock.from_config(ResidualBlock(7, 0.25, name="b").get_config())
    assert (block.filters, block.residual_scaling, block.name) == (7, 0.25, "b")


def test_parameters_of_the_studys_generator():
    config = preset("paper", "pretrain")
    generator = built(config.blocks, config.filters, config.scale)
    assert (config.blocks, config.filters, config.scale) == (32, 64, 4)
    square = 3 * 3 * 64 * 64 + 64
    expected = (3 * 3 * 3 * 64 + 64) + (2 * 32 + 1) * square + 2 * 4 * square + (3 * 3 * 64 * 3 + 3)
    assert generator.count_params() == expected
    assert describe(generator) == f"EDSR 32×64, ×4, {expected:,} weights"


def test_mixed_precision_gives_float32():
    assert_float32_in_mixed_precision(lambda: built(1, 8), LR)


def test_a_generator_trained_in_mixed_precision_is_loaded_in_float32(tmp_path, mixed_bfloat16):
    trained = randomised(built(1, 4))
    trained.save(tmp_path / "generator.keras")
    keras.mixed_precision.set_global_policy("float32")
    exact = built(1, 4)
    exact.set_weights(trained.get_weights())
    np.testing.assert_allclose(load_generator(tmp_path / "generator.keras")(LR), exact(LR), atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("blocks", [1, 2, 3])
@pytest.mark.parametrize("one_step", [False, True])
def test_receptive_radius_is_exact(blocks, scale, seed, one_step):
    generator = built(blocks, 4, scale, one_step=one_step)
    rng = np.random.default_rng(seed)
    # With positive weights and features, no ReLU blocks a path and no two paths cancel.
    generator.set_weights([rng.uniform(0.02, 0.1, weight.shape) for weight in generator.get_weights()])
    radius = generator.receptive_radius
    side = 2 * radius + 5
    centre = side // 2
    lr = np.full((1, side, side, 3), 200, np.float32)
    bright = lr.copy()
    bright[0, centre, centre] = 1e6
    changed = np.abs(np.asarray(generator(bright)) - np.asarray(generator(lr)))[0].max(axis=2)
    rows, columns = np.nonzero(changed > 1e-3)
    distances = np.maximum(np.abs(rows // scale - centre), np.abs(columns // scale - centre))
    assert distances.max() == radius
    for indices in (rows, columns):
        assert (indices.min() // scale, indices.max() // scale) == (centre - radius, centre + radius)


def test_with_residual_scaling_0_the_blocks_do_nothing():
    generator = randomised(built(2, 4, residual_scaling=0.0))
    sr = np.asarray(generator(LR))
    for block in generator.body:
        block.set_weights([RNG.normal(size=weight.shape) for weight in block.get_weights()])
    np.testing.assert_array_equal(generator(LR), sr)
