import itertools
import os
import shutil

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

import datasets
from datasets.scene_folder.scene_folder_dataset_builder import Config, group_images
from sr_tf.data.scenes import split_groups
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError


@pytest.fixture
def source(tmp_path):
    """Six smears of two 300×400 fields each."""
    for index in range(12):
        path = tmp_path / "source" / f"smear{index // 2}" / f"{index % 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), render_smear(index, 300, 400))
    return tmp_path / "source"


def prepare(source, **options):
    options = {"size": 300, "least": 96, **options}
    return datasets.prepare("scene_folder", source, source.parent / "tfds", **options)


def scenes(builder):
    return {
        scene["name"].decode(): (split, scene["group"].decode(), scene["image"])
        for split in builder.info.splits
        for scene in tfds.as_numpy(builder.as_dataset(split=split))
    }


def test_scenes_are_cut_from_every_image_and_a_smear_is_in_one_split(source):
    found = scenes(prepare(source, size=256))
    assert len(found) == 24 and {split for split, *_ in found.values()} == {"train", "validation", "test"}
    assert len({(split, group) for split, group, _ in found.values()}) == 6
    for index in range(12):
        name = f"smear{index // 2}/{index % 2}.png"
        halves = [found[f"{name}_r0c{column}"][2] for column in (0, 1)]
        np.testing.assert_array_equal(np.hstack(halves)[..., ::-1], cv2.imread(str(source / name)))


def test_a_planted_duplicate_keeps_two_smears_together(source, caplog):
    wide = render_smear(100, 400, 520)
    cv2.imwrite(str(source / "smear0" / "1.png"), wide[:300, :400])
    cv2.imwrite(str(source / "smear5" / "1.png"), wide[40:340, 80:480])
    sizes = {f"smear{index}": 2 for index in range(6)}
    splits = (split_groups(sizes, seed) for seed in itertools.count())
    seed = next(seed for seed, split in enumerate(splits) if split["smear0"] != split["smear5"])
    parted = scenes(prepare(source, seed=seed, guard=False))
    assert parted["smear0/1.png"][0] != parted["smear5/1.png"][0]
    assert "near-duplicates" not in caplog.text
    together = scenes(prepare(source, seed=seed))
    members = [found[:2] for name, found in together.items() if name.startswith(("smear0", "smear5"))]
    assert len(members) == 4 and len(set(members)) == 1
    assert "near-duplicates: smear0/1.png and smear5/1.png" in caplog.text


def spoil(source):
    """Adds images that cannot be used and images that can."""
    field = render_smear(200, 300, 400)
    whole = cv2.imencode(".jpg", field)[1].tobytes()
    (source / "smear1" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    cv2.imwrite(str(source / "smear1" / "deep.png"), field.astype(np.uint16) * 257)
    cv2.imwrite(str(source / "smear1" / "tiny.png"), field[:95])
    cv2.imwrite(str(source / "smear1" / "clear.png"), np.dstack([field, np.full((300, 400), 90, np.uint8)]))
    cv2.imwrite(str(source / "smear2" / "grey.png"), field[..., 1])
    cv2.imwrite(str(source / "smear2" / "opaque.png"), np.dstack([field, np.full((300, 400), 255, np.uint8)]))


def test_unusable_images_are_skipped_named_and_counted(source, caplog):
    spoil(source)
    found = scenes(prepare(source))
    assert len(found) == 14 and {"smear2/grey.png", "smear2/opaque.png"} < found.keys()
    for name, reason in (
        ("truncated.jpg", ""),
        ("deep.png", "16-bit"),
        ("clear.png", "transparent"),
        ("tiny.png", "400×95"),
    ):
        assert any(name in line and reason in line for line in caplog.messages)
    assert "skipped 3 of 18 images" in caplog.text


@pytest.mark.parametrize("name", ["truncated.jpg", "deep.png", "tiny.png", "clear.png"])
def test_strict_stops_at_an_unusable_image(source, name):
    spoil(source)
    for other in {"truncated.jpg", "deep.png", "tiny.png", "clear.png"} - {name}:
        (source / "smear1" / other).unlink()
    with pytest.raises(UserError, match=f"{name}.*expected|{name}: cannot be read"):
        prepare(source, strict=True)


def test_folders_without_enough_images_are_refused(source, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no images found"):
        prepare(tmp_path / "empty")
    with pytest.raises(UserError, match="no such folder"):
        prepare(tmp_path / "none")
    with pytest.raises(UserError, match="no source given"):
        datasets.prepare("scene_folder", tfds_dir=tmp_path)
    for smear in range(2, 6):
        shutil.rmtree(source / f"smear{smear}")
    with pytest.raises(UserError, match="source: found 2 independent groups of images, expected at least 3"):
        prepare(source)


def test_images_in_a_single_folder_are_groups_of_their_own():
    assert group_images(["a.png", "b.png"], "folder") == ["a.png", "b.png"]
    assert group_images(["x/a.png", "x/b.png"], "folder") == ["x/a.png", "x/b.png"]
    assert group_images(["x/a.png", "x/b.png", "y/c.png", "d.png"], "folder") == ["x", "x", "y", ""]


def test_a_regular_expression_names_the_smear():
    assert group_images(["p1_a.png", "deep/p1_b.png", "p2.png"], r"(p\d+)") == ["p1", "p1", "p2"]
    for wrong, message in (("(p", "not a regular"), ("p", "has no group"), (r"p(\d+)_", r"does not match 'p2\.png'")):
        with pytest.raises(UserError, match=message):
            group_images(["p1_a.png", "p2.png"], wrong)


def test_the_name_changes_only_with_settings_and_files(source):
    def name(**options):
        return Config(source=str(source), **options).name

    first = name()
    assert first == name() == Config(source=str(source / ".." / "source")).name
    others = [name(size=350), name(seed=1), name(group_by="(.)"), name(guard=False), name(strict=True), name(least=50)]
    image = source / "smear0" / "0.png"
    os.utime(image, (1, 1))
    others.append(name())
    image.rename(source / "smear0" / "9.png")
    others.append(name())
    assert len({first, *others}) == 9


def test_a_changed_folder_is_prepared_again(source):
    assert len(scenes(prepare(source))) == 12
    (source / "smear3" / "1.png").unlink()
    assert len(scenes(prepare(source))) == 11
