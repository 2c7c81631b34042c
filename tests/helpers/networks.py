"""Checks that the tests of several networks share."""

import keras
import numpy as np


def assert_close(found, expected, tolerance=1e-5):
    """Allows errors up to a tolerance relative to the largest expected value."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance * np.abs(expected).max())


def assert_saved_and_loaded(network, inputs, folder):
    """A `.keras` file keeps the class, the configuration and the outputs."""
    path = folder / "network.keras"
    network.save(path)
    loaded = keras.saving.load_model(path)
    assert type(loaded) is type(network)
    np.testing.assert_array_equal(loaded(inputs), network(inputs))
    assert loaded.get_config() == network.get_config()


def assert_built_by_its_first_call(network, unbuilt, inputs):
    """The first call creates the same weights as `build` does."""
    unbuilt(inputs)
    assert [weight.shape for weight in unbuilt.weights] == [weight.shape for weight in network.weights]
    unbuilt.set_weights(network.get_weights())
    np.testing.assert_array_equal(unbuilt(inputs), network(inputs))


def assert_float32_in_mixed_precision(make, inputs):
    """Under the policy mixed_bfloat16, a network that `make` builds returns finite float32."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        outputs = make()(inputs)
    finally:
        keras.mixed_precision.set_global_policy(before)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert np.isfinite(np.asarray(outputs)).all()
