import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

import datasets
from datasets.chula_rbc12 import chula_rbc12_dataset_builder as chula
from sr_tf.data.duplicates import fingerprint, near_duplicates
from sr_tf.errors import UserError

DUMMY = Path(__file__).parent / "dummy_data"
REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "chula_rbc12"
SMALL = {"train": range(1, 4), "validation": range(4, 6), "test": range(6, 9)}


@pytest.fixture
def small(monkeypatch):
    """Sets the partition of the eight drawn dummy fields."""
    monkeypatch.setattr(chula, "PARTITION", SMALL)


def read(builder):
    return {split: list(tfds.as_numpy(builder.as_dataset(split=split))) for split in builder.info.splits}


def test_the_partition_is_the_published_one():
    partition = {split: (numbers.start, numbers.stop - 1) for split, numbers in chula.PARTITION.items()}
    assert partition == {"train": (1, 623), "validation": (624, 640), "test": (641, 680)}


def test_fields_are_in_order_in_the_split_of_their_number(small, tmp_path):
    examples = read(datasets.prepare("chula_rbc12", DUMMY, tmp_path))
    assert examples.keys() == SMALL.keys()
    for split, numbers in SMALL.items():
        assert [example["name"].decode() for example in examples[split]] == [str(number) for number in numbers]
        assert {example["group"].decode() for example in examples[split]} == {split}
        for example in examples[split]:
            (path,) = (DUMMY / "Dataset").glob(f"{example['name'].decode()}.*")
            difference = example["image"].astype(int) - cv2.imread(str(path))[..., ::-1]
            assert example["image"].shape == (24, 32, 3) and np.abs(difference).max() <= 2


def test_fields_are_found_in_split_folders_and_in_a_flat_folder(small, tmp_path):
    flat, parted = tmp_path / "flat", tmp_path / "parted"
    shutil.copytree(DUMMY / "Dataset", flat)
    for split, numbers in SMALL.items():
        (parted / split).mkdir(parents=True)
        for number in numbers:
            (path,) = flat.glob(f"{number}.*")
            shutil.copy(path, parted / split)
    (parted / "labels").mkdir()
    (flat / "readme.txt").touch()
    for layout in (flat, parted):
        assert sorted(chula.find_fields(layout)) == list(range(1, 9))


def test_a_prepared_data_set_is_used_again(small, tmp_path):
    source = shutil.copytree(DUMMY, tmp_path / "source")
    datasets.prepare("chula_rbc12", source, tmp_path / "tfds")
    shutil.rmtree(source)
    assert len(read(datasets.prepare("chula_rbc12", source, tmp_path / "tfds"))["train"]) == 3


def test_missing_fields_are_named(small, tmp_path):
    with pytest.raises(UserError, match="no such folder, expected the Chula"):
        chula.find_fields(tmp_path / "none")
    with pytest.raises(
        UserError, match=r"found 0 of the 8 fields, expected 1\.jpg to 8\.jpg .*missing: 1, 2, 3, 4, 5 …"
    ):
        chula.find_fields(tmp_path)
    source = shutil.copytree(DUMMY, tmp_path / "source")
    (source / "Dataset" / "7.jpg").unlink()
    with pytest.raises(UserError, match=r"found 7 of the 8 fields.*missing: 7$"):
        datasets.prepare("chula_rbc12", source, tmp_path / "tfds")


def test_a_field_that_exists_twice_is_refused(small, tmp_path):
    source = shutil.copytree(DUMMY, tmp_path / "source")
    (source / "test").mkdir()
    shutil.copy(source / "Dataset" / "1.jpg", source / "test")
    with pytest.raises(UserError, match=r"the same number as .*expected each number once"):
        chula.find_fields(source)


def test_images_outside_the_partition_are_skipped_with_a_warning(small, tmp_path, caplog):
    source = shutil.copytree(DUMMY, tmp_path / "source")
    shutil.copy(source / "Dataset" / "1.jpg", source / "Dataset" / "9.jpg")
    assert len(chula.find_fields(source)) == 8
    assert "9.jpg: not a field of the published partition" in caplog.text


def test_unknown_names_and_options_are_refused(tmp_path):
    with pytest.raises(UserError, match="'chula': unknown, expected one of chula_rbc12, scene_folder"):
        datasets.prepare("chula")
    with pytest.raises(UserError, match=r"chula_rbc12: unknown option .*'size'"):
        datasets.prepare("chula_rbc12", DUMMY, tmp_path, size=700)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the Chula RBC-12 fields")
def test_the_real_partition_is_complete_and_no_near_duplicate_crosses_it(tmp_path):
    builder = datasets.prepare("chula_rbc12", REAL, tmp_path)
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 623,
        "validation": 17,
        "test": 40,
    }
    splits, prints = [], []
    for split in builder.info.splits:
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            assert example["image"].shape == (480, 640, 3)
            splits.append(split)
            prints.append(fingerprint(example["image"]))
    assert all(splits[i] == splits[j] for i, j, _ in near_duplicates(prints))
