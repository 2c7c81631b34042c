"""`python train.py` with KERAS_BACKEND=jax and packed scenes, without TensorFlow and codecs."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sr_tf.data.packed import PackedScenes, write_packed
from sr_tf.data.scene_store import CodedLRs
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.degradation import reduce

pytest.importorskip("jax")

ROOT = Path(__file__).parents[2]
JAX = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
BARE = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in (
            "tensorflow", "tensorflow_datasets", "imagecodecs", "openslide", "tifffile"
        ):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv[0] = "train.py"
runpy.run_path("train.py", run_name="__main__")
"""
SMALL = {
    "preset": "smoke", "blocks": 1, "filters": 8, "discriminator_filters": 4, "crop_size": 12, "batch_size": 2,
    "steps": 7, "validate_every": 3, "log_every": 1, "validation_scenes": 2, "keep_best": 2, "warmup_steps": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder of packed scenes; the sides of the validation scenes are no multiples of 4."""
    folder = tmp_path_factory.mktemp("packed")
    lrs = CodedLRs(lambda hr: reduce(hr, 4))
    write_packed(folder / "train.npz", [render_smear(seed, 64, 96) for seed in range(3)], 4, "study", lrs)
    write_packed(folder / "validation.npz", [render_smear(seed, 62, 75) for seed in range(7, 10)], 4, "study", lrs)
    return folder


@pytest.fixture(scope="module")
def start(packed):
    """A function that starts `train.py` with the given flags."""

    def start(flags):
        flags = {"dataset": "packed", "data_dir": packed, **flags}
        command = [sys.executable, "-c", BARE, *(f"--{k}={v}" for k, v in flags.items())]
        return subprocess.Popen(command, cwd=ROOT, env=JAX, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

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
def test_a_killed_run_continues_to_the_same_result(whole, start, tmp_path):
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
def test_several_steps_per_call_give_the_same_weights(whole, packed, tmp_path):
    """With `at_once=4`, and logs and validation every 3 steps, the calls have 3, 1, 2 and 1 steps."""
    code = (
        "import dataclasses, functools, pathlib, sys; import train as program\n"
        "from sr_tf.config import load_config; from sr_tf.training.run import train\n"
        "config = dataclasses.replace(load_config(pathlib.Path(sys.argv[1])), run_dir=sys.argv[2], log_every=3)\n"
        "train(config, functools.partial(program._scenes, config), at_once=4)\n"
    )
    command = [sys.executable, "-c", code, str(whole / "config.json"), str(tmp_path / "run")]
    _, messages = finished(
        subprocess.Popen(command, cwd=ROOT, env=JAX, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )
    assert [line.split()[1] for line in messages.splitlines() if " loss " in line] == ["3/7", "6/7", "7/7"]
    expected, found = newest(whole), newest(tmp_path / "run")
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.long
def test_tensorflow_reads_the_run(whole, packed):
    from sr_tf.generators.load import load_generator
    from sr_tf.generators.upscale import upscale
    from sr_tf.metrics.psnr import psnr

    kept = json.loads((whole / "best" / "scores.json").read_text())
    assert len(kept) == 2
    validation = PackedScenes(packed / "validation.npz")
    scores = []
    for place in (0, 2):
        hr = validation.read(place)
        lr = validation.lr(place, 0, hr)
        sr = upscale(load_generator(whole), lr)[None, :62, :75]
        scores.append(float(psnr(hr[None], sr)[0]))
    assert kept[0]["psnr"] == pytest.approx(np.mean(scores), abs=1e-3)


@pytest.mark.long
def test_the_gan_phase_starts_from_the_pretrained_generator(whole, start, tmp_path, efficientnet):
    flags = {
        **SMALL, "phase": "gan", "steps": 6, "pretrained": whole, "run_dir": tmp_path / "gan",
        "content": "efficientnet_lite2", "content_weights": efficientnet, "content_layers": "stem,block0",
        "content_form": "mse", "select_by": "content",
        "structure_weight": 1.0, "colour_weight": 1.0, "pixel_weight": 0.0,
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
def test_a_reducer_is_trained_and_kept(packed, tmp_path):
    """Trains with codecs, unlike the other tests; a second run keeps the first run's reducer unchanged."""
    flags = {**SMALL, "dataset": "packed", "data_dir": packed, "steps": 2, "validate_every": 2, "crop_size": 8}

    def run(**more):
        command = [sys.executable, "train.py", *(f"--{k}={v}" for k, v in {**flags, **more}.items())]
        return subprocess.Popen(command, cwd=ROOT, env=JAX, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    write = {"lr_qualities": "40,80", "one_step": True}
    process = run(run_dir=tmp_path / "refused", learn_reduction=True, **write)
    assert "have '', expected the same" in process.communicate()[1]
    folder = tmp_path / "coded"
    folder.mkdir()
    lrs = CodedLRs(lambda hr: reduce(hr, 4, "antialiased"), (40, 80))
    for name in ("train", "validation"):
        write_packed(folder / f"{name}.npz", [render_smear(3, 64, 64)], 4, "antialiased", lrs, "40,80")
    flags["data_dir"] = folder
    _, messages = finished(run(run_dir=tmp_path / "learnt", learn_reduction=True, one_step=True))
    assert " bits_per_lr_pixel " in messages
    finished(run(run_dir=tmp_path / "next", pretrained=tmp_path / "learnt", one_step=True))
    from sr_tf.generators.load import load_reducer

    learnt, kept = (load_reducer(tmp_path / name).get_weights() for name in ("learnt", "next"))
    assert any(np.any(weight) for weight in learnt)
    for one, other in zip(learnt, kept, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.long
def test_other_settings_are_refused(whole, start):
    process = start({**SMALL, "run_dir": whole, "batch_size": 3})
    _, messages = process.communicate()
    assert process.returncode == 2
    assert "started with other settings (batch_size was 2, now 3)" in messages
    assert "Traceback" not in messages


@pytest.mark.long
def test_xla_is_refused_on_jax(start, tmp_path):
    process = start({**SMALL, "run_dir": tmp_path / "xla", "xla": True})
    _, messages = process.communicate()
    assert process.returncode == 2
    assert "--xla: JAX compiles every step anyway" in messages
