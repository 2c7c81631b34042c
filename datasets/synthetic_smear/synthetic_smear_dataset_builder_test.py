import pytest
import tensorflow_datasets as tfds
from hypothesis import given
from hypothesis import strategies as st

from datasets.synthetic_smear.synthetic_smear_dataset_builder import Builder, Config, split_counts
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    builder = Builder(data_dir=tmp_path_factory.mktemp("tfds"), config="tiny")
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def examples(tiny):
    return {split: list(tfds.as_numpy(tiny.as_dataset(split=split))) for split in tiny.info.splits}


def test_splits_have_the_studys_proportions(tiny, examples):
    expected = {"train": 9, "validation": 1, "test": 2}
    assert {split: info.num_examples for split, info in tiny.info.splits.items()} == expected
    assert {split: len(scenes) for split, scenes in examples.items()} == expected
    assert split_counts(116) == {"train": 90, "validation": 10, "test": 16}
    assert split_counts(11620) == {"train": 9000, "validation": 1000, "test": 1620}


def test_scenes_are_in_order_with_the_drawn_pixels(examples):
    scenes = [scene for split in ("train", "validation", "test") for scene in examples[split]]
    for index, scene in enumerate(scenes):
        seed = 1_000_000 + index
        assert scene["name"].decode() == f"smear-{seed}"
        assert scene["image"].shape == (160, 160, 3)
        assert (scene["image"] == render_smear(seed, 160, 160)).all()


def test_no_scene_and_no_group_is_in_two_splits(examples):
    scenes = [scene for scenes in examples.values() for scene in scenes]
    assert len({scene["name"] for scene in scenes}) == 12
    assert len({scene["image"].tobytes() for scene in scenes}) == 12
    assert all(scene["group"] == scene["name"] for scene in scenes)


def test_another_configuration_is_prepared_separately(tmp_path, tiny):
    builder = Builder(data_dir=tmp_path, config=Config(scenes=3, size=33, seed=5))
    builder.download_and_prepare()
    assert builder.info.full_name != tiny.info.full_name
    (scene,) = tfds.as_numpy(builder.as_dataset(split="test"))
    assert (scene["image"] == render_smear(7, 33, 33)).all()


def test_configurations_of_different_scenes_have_different_names():
    configurations = [Config(), Config(scenes=50), Config(size=64), Config(seed=9)]
    assert len({config.name for config in configurations}) == 4


@given(st.integers(3, 100_000))
def test_every_scene_is_in_a_split_and_no_split_is_empty(scenes):
    counts = split_counts(scenes)
    assert sum(counts.values()) == scenes
    assert min(counts.values()) >= 1


@pytest.mark.parametrize("field, value", [("scenes", 2), ("size", 0), ("seed", -1)])
def test_impossible_configurations_are_refused(field, value):
    with pytest.raises(UserError, match=rf"{field} is {value}, expected at least"):
        Config(**{field: value})
