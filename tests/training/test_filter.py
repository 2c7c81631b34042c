"""Training at scale 1: a filter that restores images which AVIF stored at full size."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sr_tf.cli.main import main
from sr_tf.config import TrainConfig, preset
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import SceneStore, coded_at_full_size
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.filtering import filtered
from sr_tf.generators.load import load_network
from sr_tf.images.codecs import CODECS
from sr_tf.images.reading import write_png

ROOT = Path(__file__).parents[2]
QUALITIES = "5,30"


class DrawnScenes:
    def __len__(self):
        return 2

    def __iter__(self):
        return ((str(seed), self.read(seed)) for seed in range(2))

    def read(self, index):
        return render_smear(index, 128, 128)


@pytest.mark.parametrize("cache_bytes", [1e9, 0], ids=["in memory", "read again"])
def test_patches_are_decoded_images_with_their_quality(cache_bytes):
    sampler = Sampler(SceneStore(DrawnScenes(), 1, coded_at_full_size((5, 30)), 32, cache_bytes), 16, 32, seed=0)
    told, hr = sampler.batch(0)
    assert told.shape == (16, *sampler.shapes[0]) == (16, 32, 32, 4)
    assert hr.shape == (16, *sampler.shapes[1]) == (16, 32, 32, 3)
    qualities = told[..., 3]
    assert (qualities == qualities[:, :1, :1]).all() and set(qualities[:, 0, 0]) == {5.0, 30.0}
    errors = np.square(told[..., :3] - hr).mean(axis=(1, 2, 3))
    assert errors[qualities[:, 0, 0] == 5].mean() > errors[qualities[:, 0, 0] == 30].mean() > 0


@pytest.mark.parametrize(
    "wrong",
    [{"lr_qualities": ""}, {"phase": "gan"}, {"crop_size": 31}, {"one_step": True}, {"learn_reduction": True}],
)
def test_settings_that_no_filter_has(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=rf"--{name}=.*: --scale=1 trains a filter, expected"):
        TrainConfig(**{"scale": 1, "lr_qualities": QUALITIES, "crop_size": 32, **wrong})


def test_a_gan_is_no_filter():
    with pytest.raises(UserError, match="--phase=gan"):
        preset("small", "gan", scale=1, lr_qualities=QUALITIES)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_short_run_restores_what_the_codec_removed(backend, packed, tmp_path):
    pytest.importorskip(backend)
    run = tmp_path / "run"
    flags = [
        "--preset=smoke", "--dataset=packed", f"--data_dir={packed}", "--crop_size=32", "--batch_size=8", "--blocks=2",
        "--filters=16", "--steps=120", "--validate_every=60", "--learning_rate=3e-3", f"--run_dir={run}",
    ]  # fmt: skip
    command = [sys.executable, "train.py", *flags]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "filter 2×16" in done.stderr and "(decoded psnr" in done.stderr
    network, codec = load_network(run), CODECS["avif-fast"]
    hr = render_smear(20, 128, 131)
    for quality in (5, 30):
        decoded = codec.decode(codec.encode(hr, quality))
        assert psnr_of(hr, filtered(network, decoded, quality)) > psnr_of(hr, decoded) + 0.03


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder of packed scenes with odd sides."""
    folder = tmp_path_factory.mktemp("packed")
    for split, seeds in (("train", range(6)), ("validation", range(6, 8))):
        for seed in seeds:
            write_png(folder / split / f"{seed}.png", render_smear(seed, 128, 131))
        arguments = [str(folder / split), str(folder / f"{split}.npz"), "--scale=1", f"--lr-qualities={QUALITIES}"]
        assert main(["pack", *arguments]) == 0
    return folder


@pytest.mark.parametrize("wrong", [[], ["--lr-qualities=5", "--reducer=archive4"]])
def test_packing_for_a_filter_needs_qualities_and_no_reducer(wrong, tmp_path, capsys):
    assert main(["pack", str(tmp_path), str(tmp_path / "a.npz"), "--scale=1", *wrong]) == 2
    assert (
        "--scale=1: packs coded images for a filter, expected --lr-qualities and no --reducer"
        in capsys.readouterr().err
    )


def psnr_of(hr, sr):
    return 10 * np.log10(255**2 / np.square(hr.astype(float) - sr).mean())
