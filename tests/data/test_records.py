"""Reading scenes from TFRecords, in order and by index."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

import datasets
from sr_tf.data.records import RecordScenes
from sr_tf.errors import UserError


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return datasets.prepare("synthetic_smear", tfds_dir=tmp_path_factory.mktemp("tfds"), scenes=6, size=40)


def test_scenes_and_their_order_are_those_of_tfds(builder):
    for split in ("train", "validation", "test"):
        expected = list(tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)))
        scenes = RecordScenes(builder, split)
        assert len(scenes) == len(expected)
        for (name, hr), example in zip(scenes, expected, strict=True):
            assert name == example["name"].decode()
            np.testing.assert_array_equal(hr, example["image"])


def test_scenes_are_read_by_index(builder):
    scenes = RecordScenes(builder, "train")
    images = [hr for _, hr in scenes]
    for index in (3, 0, 2, 3):
        np.testing.assert_array_equal(scenes.read(index), images[index])


def test_an_unknown_split_is_reported(builder):
    with pytest.raises(UserError, match="has no split holdout, expected one of train, validation, test"):
        RecordScenes(builder, "holdout")


@pytest.mark.parametrize("damage", ["cut", "changed", "length"])
def test_a_damaged_file_is_named(builder, damage):
    path = RecordScenes(builder, "test")._paths[0]
    content = path.read_bytes()
    other = {
        "cut": content[:-20],
        "changed": content[:40] + bytes([content[40] ^ 1]) + content[41:],
        "length": b"\xff" * 8 + content[8:],
    }
    try:
        path.write_bytes(other[damage])
        with pytest.raises(UserError, match=rf"{path.name}: record 0 bytes from .* expected a file that TFDS wrote"):
            list(RecordScenes(builder, "test"))
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
def test_a_damaged_description_is_named(tmp_path, file):
    made = datasets.prepare("synthetic_smear", tfds_dir=tmp_path, scenes=3, size=40)
    for content in ("", "{", "[]", '{"splits": 3}', '{"pythonClassName": 3}'):
        (Path(made.data_dir) / file).write_text(content)
        with pytest.raises(UserError, match=r"expected files that TFDS wrote|has no split"):
            RecordScenes(datasets.prepare("synthetic_smear", tfds_dir=tmp_path, scenes=3, size=40), "other")


def test_a_file_that_was_truncated_later_is_named(builder):
    scenes = RecordScenes(builder, "test")
    list(scenes)
    path = scenes._paths[0]
    content = path.read_bytes()
    try:
        os.truncate(path, 40)
        with pytest.raises(UserError, match=rf"{path.name}: scene 0 cannot be read again"):
            scenes.read(0)
    finally:
        path.write_bytes(content)
