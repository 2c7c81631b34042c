"""The `paper` preset uses VGG-19 where its file is, as its user was told, and a run keeps its network."""

import pytest

from sr_tf.assets.registry import find_asset
from sr_tf.config import preset
from sr_tf.training.study_content import prefer_vgg19


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path / "cache"))
    return preset("paper", "gan", run_dir=str(tmp_path / "run"))


@pytest.fixture
def with_vgg19(config, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / find_asset("vgg19_imagenet").file_name).touch()


def test_without_the_file_the_preset_stays(config):
    assert prefer_vgg19(config, ()) == config


def test_with_the_file_the_loss_compares_vgg19(config, with_vgg19):
    chosen = prefer_vgg19(config, ("steps", "batch_size"))
    assert (chosen.content, chosen.content_form) == ("vgg19", "unit")
    assert chosen.content_layers.count(",") == 4
    assert (chosen.steps, chosen.adversarial_weight) == (config.steps, config.adversarial_weight)


@pytest.mark.parametrize("name", ["content", "content_form", "content_weight", "content_layers", "content_weights"])
def test_what_the_user_names_stays(config, with_vgg19, name):
    assert prefer_vgg19(config, (name,)) == config


def test_pretraining_has_no_content_network(config, with_vgg19, tmp_path):
    pretrain = preset("paper", "pretrain")
    assert prefer_vgg19(pretrain, ()) == pretrain


def test_a_run_keeps_its_network_when_the_file_comes_or_goes(config, with_vgg19, tmp_path):
    (tmp_path / "run").mkdir()
    started = tmp_path / "run" / "config.json"
    config.save(started)
    assert prefer_vgg19(config, ()) == config
    prefer_vgg19(preset("paper", "gan", run_dir=str(tmp_path / "other")), ()).save(started)
    (tmp_path / "cache" / find_asset("vgg19_imagenet").file_name).unlink()
    assert prefer_vgg19(config, ()).content == "vgg19"
