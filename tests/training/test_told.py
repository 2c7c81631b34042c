"""Training of networks that are told the codec's quality: filters (scale 1) and generators."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sr_tf.cli.main import main
from sr_tf.config import TrainConfig, preset
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import CodedLRs, SceneStore
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.filtering import filtered
from sr_tf.generators.load import load_generator, load_network
from sr_tf.generators.upscale import upscale
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import crop_to, reduce
from sr_tf.images.pixels import with_quality
from sr_tf.images.reading import write_png
from sr_tf.models.edsr import EDSR, describe
from sr_tf.training.parts import build_parts

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
    sampler = Sampler(
        SceneStore(DrawnScenes(), 1, CodedLRs(np.asarray, (5, 30), told=True), 32, cache_bytes), 16, 32, seed=0
    )
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


def test_a_generator_is_told_the_quality_and_starts_from_one_that_was_not(tmp_path):
    plain = EDSR(1, 8, 2, one_step=True)
    plain.build((None, None, None, 3))
    plain.save(tmp_path / "plain.keras")
    config = TrainConfig(
        blocks=1, filters=8, scale=2, one_step=True, lr_qualities=QUALITIES, quality_input=True,
        pretrained=str(tmp_path / "plain.keras"),
    )  # fmt: skip
    told = build_parts(config).objective.networks["generator"]
    lr = render_smear(0, 16, 20)
    same = [told(np.float32(with_quality(lr, quality)[None])) for quality in (5, 30)]
    np.testing.assert_array_equal(*same)
    np.testing.assert_allclose(same[0], plain(np.float32(lr[None])), atol=1e-3)
    assert "told the quality" in describe(told)
    told.save(tmp_path / "told.keras")
    with pytest.raises(UserError, match=r"told.keras: is for coded LRs and has to be told their quality, expected"):
        load_generator(tmp_path / "told.keras")
    loaded = load_network(tmp_path / "told.keras")
    np.testing.assert_array_equal(loaded(np.float32(with_quality(lr, 9)[None])), same[0])


@pytest.mark.parametrize("wrong", [{"lr_qualities": ""}, {"learn_reduction": True}])
def test_a_told_generator_needs_qualities(wrong):
    with pytest.raises(UserError, match=r"--quality_input --lr_qualities=.*: expected at least one quality"):
        TrainConfig(**{"quality_input": True, "lr_qualities": QUALITIES, **wrong})


@pytest.mark.long
@pytest.mark.parametrize(("backend", "scale"), [("tensorflow", 1), ("tensorflow", 2), ("jax", 1), ("jax", 2)])
def test_a_short_run_restores_what_the_codec_removed(backend, scale, packed, tmp_path):
    pytest.importorskip(backend)
    run = tmp_path / "run"
    flags = [
        "--preset=smoke", "--dataset=packed", f"--data_dir={packed / str(scale)}", "--crop_size=32", "--batch_size=8",
        "--blocks=2", "--filters=16", f"--steps={150 * scale}", "--validate_every=50", "--learning_rate=3e-3",
        f"--run_dir={run}",
        *([] if scale == 1 else ["--quality_input", "--one_step"]),
    ]  # fmt: skip
    command = [sys.executable, "train.py", *flags]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("filter 2×16" if scale == 1 else "EDSR 2×16, ×2 in one step, told the quality") in done.stderr
    assert ("(decoded psnr" if scale == 1 else "(bicubic psnr") in done.stderr
    network, codec = load_network(run), CODECS["avif-fast"]
    hr = render_smear(20, 128, 131)
    lr = hr if scale == 1 else reduce(hr, 2)
    for quality in (5, 30):
        decoded = codec.decode(codec.encode(lr, quality))
        if scale == 1:
            assert psnr_of(hr, filtered(network, decoded, quality)) > psnr_of(hr, decoded) + 0.03
        else:  # too few steps to be ahead of interpolation, but enough to restore an image
            found = crop_to(upscale(network, with_quality(decoded, quality)), hr.shape[:2])
            assert psnr_of(hr, found) > 27


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A folder of packed scenes with odd sides."""
    folder = tmp_path_factory.mktemp("packed")
    for split, seeds in (("train", range(6)), ("validation", range(6, 8))):
        for seed in seeds:
            write_png(folder / split / f"{seed}.png", render_smear(seed, 128, 131))
        for scale in ("1", "2"):
            (folder / scale).mkdir(exist_ok=True)
            output = str(folder / scale / f"{split}.npz")
            assert main(["pack", str(folder / split), output, "--scale", scale, f"--lr-qualities={QUALITIES}"]) == 0
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
