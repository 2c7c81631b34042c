import json

import keras
import numpy as np
import pytest

from sr_tf.errors import UserError
from sr_tf.generators.load import load_generator
from sr_tf.models.edsr import EDSR

LR = np.random.default_rng(0).uniform(0, 255, (1, 12, 12, 3)).astype(np.float32)


def run_folder(folder, generator, pretrained=""):
    """Writes a run folder with one kept generator."""
    (folder / "best").mkdir(parents=True)
    generator.save(folder / "best" / "step-00000001.keras")
    (folder / "best" / "scores.json").write_text('[{"file": "step-00000001.keras", "step": 1, "psnr": 30}]')
    phase = "gan" if pretrained else "pretrain"
    (folder / "config.json").write_text(json.dumps({"phase": phase, "pretrained": str(pretrained)}))
    return folder


def generator(seed, blocks=1):
    keras.utils.set_random_seed(seed)
    model = EDSR(blocks, 8)
    model.build((None, None, None, 3))
    return model


@pytest.fixture
def runs(tmp_path):
    start = run_folder(tmp_path / "start", generator(0))
    return start, run_folder(tmp_path / "tuned", generator(1), start)


def test_alpha_0_and_1_give_the_two_generators(runs):
    start, tuned = runs
    np.testing.assert_array_equal(load_generator(f"{tuned}@0")(LR), load_generator(start)(LR))
    np.testing.assert_array_equal(load_generator(f"{tuned}@1")(LR), load_generator(tuned)(LR))


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_every_weight_is_interpolated_linearly(runs, kind):
    _, tuned = runs
    where = tuned if kind == "folder" else tuned / "best" / "step-00000001.keras"
    mixed = load_generator(f"{where}@0.25").get_weights()
    for before, after, found in zip(*(load_generator(run).get_weights() for run in runs), mixed, strict=True):
        np.testing.assert_allclose(found, 0.75 * before + 0.25 * after, rtol=1e-6, atol=1e-7)


def test_an_existing_path_with_an_at_sign_is_not_split(tmp_path):
    folder = run_folder(tmp_path / "mine@0.5", generator(0))
    np.testing.assert_array_equal(load_generator(folder)(LR), generator(0)(LR))


def test_a_generator_that_was_not_fine_tuned_is_refused(runs):
    with pytest.raises(UserError, match="was not fine-tuned from another generator"):
        load_generator(f"{runs[0]}@0.5")
    with pytest.raises(UserError, match="small: was not fine-tuned"):
        load_generator("small@0.5")


def test_a_start_of_another_architecture_is_refused(tmp_path):
    start = run_folder(tmp_path / "start", generator(0, blocks=2))
    tuned = run_folder(tmp_path / "tuned", generator(1), start)
    with pytest.raises(UserError, match=r"its start .*'blocks': 2.*expected .*'blocks': 1"):
        load_generator(f"{tuned}@0.5")


def test_a_file_outside_a_run_folder_is_refused(tmp_path):
    (tmp_path / "deep").mkdir()
    generator(0).save(tmp_path / "deep" / "lone.keras")
    with pytest.raises(UserError, match=r"interpolation needs the run's .*config\.json"):
        load_generator(f"{tmp_path / 'deep' / 'lone.keras'}@0.5")
