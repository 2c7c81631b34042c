"""Compares training steps on JAX and on TensorFlow; each backend runs in its own process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")
pytestmark = pytest.mark.long

HERE = Path(__file__).parent


def three_steps(*arguments):
    """Starts three_steps.py; returns a function that waits for its end."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, HERE / "three_steps.py", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish():
        _, messages = process.communicate()
        assert process.returncode == 0, messages

    return finish


@pytest.fixture(scope="module", params=["pretrain", "reduction", "gan"])
def results(request, tmp_path_factory):
    """The arrays after three steps from the same start, and the saved generator's file, by backend."""
    folder = tmp_path_factory.mktemp(request.param)
    three_steps("tensorflow", "first", folder / "start.keras", "-", "-")()
    files = {backend: (folder / f"{backend}.npz", folder / f"{backend}.keras") for backend in ("tensorflow", "jax")}
    running = [three_steps(backend, request.param, folder / "start.keras", *files[backend]) for backend in files]
    for finish in running:
        finish()
    return {backend: (dict(np.load(out)), kept) for backend, (out, kept) in files.items()}


def test_three_steps_give_the_same_weights(results):
    (expected, _), (found, _) = results["tensorflow"], results["jax"]
    assert found.keys() == expected.keys()
    owners = ("generator", "averaged_generator", "discriminator", "reducer", "averaged_reducer")
    weights = [name for name in expected if name.split("/")[0] in owners]
    assert len(weights) > 10
    for name in weights:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)
    # The average differs from the weights, so both were updated.
    assert np.abs(found["generator/000"] - found["averaged_generator/000"]).max() > 1e-4


def test_the_losses_are_the_same(results):
    (expected, _), (found, _) = results["tensorflow"], results["jax"]
    losses = [name for name in expected if name.startswith("loss/")]
    assert losses
    for name in losses:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, err_msg=name)


def test_backends_read_the_same_files(results):
    """TensorFlow reads the file that JAX wrote; JAX started from a file that TensorFlow wrote."""
    from three_steps import batches

    from sr_tf.generators.load import load_generator

    lr = next(batches())[0]
    for backend, (arrays, kept) in results.items():
        np.testing.assert_allclose(load_generator(kept)(lr), arrays["sr/own"], atol=1e-3, err_msg=backend)
