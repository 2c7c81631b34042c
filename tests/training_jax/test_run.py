"""`python -m sr_tf.training_jax.train`, where nothing but JAX, Keras and NumPy can be imported."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.training_jax.pack import pack

pytest.importorskip("jax")

ROOT = Path(__file__).parents[2]
BARE = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in (
            "tensorflow", "tensorflow_datasets", "cv2", "PIL", "imagecodecs", "openslide", "tifffile", "tqdm"
        ):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
runpy.run_module("sr_tf.training_jax.train", run_name="__main__")
"""
SMALL = {
    "preset": "smoke", "blocks": 1, "filters": 8, "discriminator_filters": 4, "crop_size": 12, "batch_size": 2,
    "steps": 7, "validate_every": 3, "log_every": 1, "validation_scenes": 2, "keep_best": 2, "warmup_steps": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Files of scenes to learn from and to choose by; the latter of sides that are no multiple of 4."""
    folder = tmp_path_factory.mktemp("packed")
    pack([render_smear(seed, 64, 96) for seed in range(3)], 4, "study").save(folder / "train.npz")
    pack([render_smear(seed, 62, 75) for seed in range(7, 10)], 4, "study").save(folder / "validation.npz")
    return folder / "train.npz", folder / "validation.npz"


@pytest.fixture(scope="module")
def start(packed):
    """Starts the program with the given flags."""

    def start(flags):
        command = [sys.executable, "-c", BARE, *map(str, packed), *(f"--{k}={v}" for k, v in flags.items())]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def finished(process):
    printed, messages = process.communicate()
    assert process.returncode == 0, messages
    return printed, messages


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """The folder of a run of phase 1 that was never interrupted."""
    folder = tmp_path_factory.mktemp("run") / "pretrain"
    finished(start({**SMALL, "run_dir": folder}))
    return folder


def newest(run_dir):
    names = [path.name for path in sorted((run_dir / "checkpoints").iterdir())]
    assert names == ["step-00000006.npz", "step-00000007.npz"]
    with np.load(run_dir / "checkpoints" / names[-1]) as arrays:
        return dict(arrays)


@pytest.mark.long
def test_a_killed_run_ends_as_if_it_had_never_been_killed(whole, start, tmp_path):
    flags = {**SMALL, "run_dir": tmp_path / "killed"}
    process = start(flags)
    assert any(line.startswith("step 5/7") for line in process.stderr)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, messages = finished(start(flags))
    assert "from step 3 to 7" in messages
    expected, found = newest(whole), newest(tmp_path / "killed")
    assert found.keys() == expected.keys()
    assert int(found["step/0000"]) == 7
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.long
def test_several_steps_a_call_end_in_the_same_weights(whole, packed, tmp_path):
    """Four, where something is told at each third and validated at each third: calls of 3, 1, 2 and 1 steps."""
    code = (
        "import os, sys; os.environ['KERAS_BACKEND'] = 'jax'\n"
        "import dataclasses, pathlib; from sr_tf.config import load_config\n"
        "from sr_tf.training_jax.packed import PackedScenes; from sr_tf.training_jax.run import train\n"
        "config = dataclasses.replace(load_config(pathlib.Path(sys.argv[1])), run_dir=sys.argv[2], log_every=3)\n"
        "train(config, *map(PackedScenes.load, sys.argv[3:]), at_once=4)\n"
    )
    arguments = [whole / "config.json", tmp_path / "run", *packed]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    _, messages = finished(
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )
    assert [line.split()[1] for line in messages.splitlines() if " loss " in line] == ["3/7", "6/7", "7/7"]
    expected, found = newest(whole), newest(tmp_path / "run")
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.long
def test_what_it_keeps_is_a_run_that_tensorflow_reads(whole, packed):
    from sr_tf.generators.load import load_generator
    from sr_tf.images.pixels import to_uint8
    from sr_tf.metrics.psnr import psnr
    from sr_tf.training_jax.packed import PackedScenes

    kept = json.loads((whole / "best" / "scores.json").read_text())
    assert len(kept) == 2
    validation = PackedScenes.load(packed[1])
    scores = []
    for place in (0, 2):
        hr, lr = validation.hr[place], validation.lr[place][0]
        sr = to_uint8(load_generator(whole)(lr[None].astype(np.float32)))[:, :62, :75]
        scores.append(float(psnr(hr[None], sr)[0]))
    assert kept[0]["psnr"] == pytest.approx(np.mean(scores), abs=1e-3)


@pytest.mark.long
def test_the_gan_phase_goes_on_from_the_first(whole, start, tmp_path, efficientnet):
    flags = {
        **SMALL, "phase": "gan", "steps": 6, "pretrained": whole, "run_dir": tmp_path / "gan",
        "content": "efficientnet_lite2", "content_weights": efficientnet, "content_layers": "stem,block0",
        "structure_weight": 1.0, "colour_weight": 1.0,
    }  # fmt: skip
    _, messages = finished(start(flags))
    for name in ("content", "adversarial", "structure", "colour", "discriminator_loss"):
        assert f" {name} " in messages
    assert "pixel_mse" not in messages
    kept = json.loads((tmp_path / "gan" / "best" / "scores.json").read_text())
    assert [entry["step"] for entry in sorted(kept, key=lambda entry: entry["step"])] == [3, 6]
    assert kept[0]["content"] <= kept[1]["content"]


@pytest.fixture
def efficientnet():
    from sr_tf.assets.store import locate

    try:
        return locate("efficientnet_lite2")
    except UserError as error:
        pytest.skip(str(error))


@pytest.mark.long
def test_other_settings_are_refused_in_a_line(whole, start):
    process = start({**SMALL, "run_dir": whole, "batch_size": 3})
    _, messages = process.communicate()
    assert process.returncode == 2
    assert "started with other settings (batch_size 2 there, 3 asked for)" in messages
    assert "Traceback" not in messages
