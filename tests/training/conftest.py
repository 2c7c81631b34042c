"""Fixtures for tests of whole runs: a few synthetic scenes, and `train.py` as a separate process."""

import subprocess
import sys
from pathlib import Path

import pytest

from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

ROOT = Path(__file__).parents[2]
# Smaller fields contain so few cells that the search for near-duplicates finds false matches.
FIELD, SCENE = 256, 128


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """A folder with eight small fields, each of another smear; each is cut into four scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(8):
        write_png(folder / f"smear-{seed}" / "field.png", render_smear(seed, FIELD, FIELD))
    return folder


@pytest.fixture(scope="session")
def vgg19_weights(tmp_path_factory):
    """A file with random weights of VGG-19, as Keras saves them."""
    import keras

    path = tmp_path_factory.mktemp("vgg19") / "vgg19.weights.h5"
    keras.applications.VGG19(weights=None, include_top=False).save_weights(path)
    return path


@pytest.fixture(scope="session")
def small_run(scenes, vgg19_weights, tmp_path_factory):
    """Flags of a run of a few seconds: patches of 8×8 LR pixels, checkpoints after steps 5, 10 and 12."""
    return {
        "preset": "smoke",
        "dataset": "scene_folder",
        "data_dir": scenes,
        "tfds_dir": tmp_path_factory.mktemp("tfds"),
        "scene_size": SCENE,
        "crop_size": 8,
        "batch_size": 4,
        "warmup_steps": 2,
        "log_every": 1,
        "steps": 12,
        "validate_every": 5,
        "validation_scenes": 2,
        "content": "vgg19",
        "content_form": "mse",
        "content_weights": vgg19_weights,
        "select_by": "content",
    }


@pytest.fixture(scope="session")
def repository():
    """The folder that contains `train.py`."""
    return ROOT


@pytest.fixture(scope="session")
def start_training():
    """A function that starts `train.py` with the given flags; stderr is a text pipe."""

    def start(flags: dict) -> subprocess.Popen:
        command = [sys.executable, "train.py", *(f"--{name}={value}" for name, value in flags.items())]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@pytest.fixture(scope="session")
def pretrained(small_run, start_training, tmp_path_factory):
    """The folder of a finished, uninterrupted run of the pretrain phase."""
    folder = tmp_path_factory.mktemp("runs") / "pretrain"
    process = start_training({**small_run, "phase": "pretrain", "run_dir": folder})
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    return folder
