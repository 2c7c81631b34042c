"""The steps on JAX against those on TensorFlow, each backend in a process of its own."""

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
    """Starts it; call the result to wait for its end."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, HERE / "three_steps.py", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish():
        _, messages = process.communicate()
        assert process.returncode == 0, messages

    return finish


@pytest.fixture(scope="module", params=["pretrain", "reduction", "gan"])
def results(request, tmp_path_factory):
    """By backend: what three steps from the same start gave, and the kept generator's file."""
    folder = tmp_path_factory.mktemp(request.param)
    three_steps("tensorflow", "first", folder / "start.keras", "-", "-")()
    files = {backend: (folder / f"{backend}.npz", folder / f"{backend}.keras") for backend in ("tensorflow", "jax")}
    running = [three_steps(backend, request.param, folder / "start.keras", *files[backend]) for backend in files]
    for finish in running:
        finish()
    return {backend: (dict(np.load(out)), kept) for backend, (out, kept) in files.items()}


def test_three_steps_move_the_weights_alike(results):
    (expected, _), (found, _) = results["tensorflow"], results["jax"]
    assert found.keys() == expected.keys()
    owners = ("generator", "averaged_generator", "discriminator", "reducer", "averaged_reducer")
    weights = [name for name in expected if name.split("/")[0] in owners]
    assert len(weights) > 10
    for name in weights:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)
    # An average is another thing than the weights; that they all moved is told by the first of each.
    assert np.abs(found["generator/000"] - found["averaged_generator/000"]).max() > 1e-4


def test_the_losses_are_the_same(results):
    (expected, _), (found, _) = results["tensorflow"], results["jax"]
    losses = [name for name in expected if name.startswith("loss/")]
    assert losses
    for name in losses:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, err_msg=name)


def test_weights_move_between_backends(results):
    """Both started from TensorFlow's file; here TensorFlow reads JAX's."""
    from three_steps import batches

    from sr_tf.generators.load import load_generator

    lr = next(batches())[0]
    for backend, (arrays, kept) in results.items():
        np.testing.assert_allclose(load_generator(kept)(lr), arrays["sr/own"], atol=1e-3, err_msg=backend)
