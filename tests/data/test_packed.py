"""Packed scenes: writing, reading, and errors for other files."""

import tracemalloc

import numpy as np
import pytest

from sr_tf.data.packed import PackedLRs, PackedScenes, open_packed, packed_settings, write_packed
from sr_tf.data.sampler import Sampler
from sr_tf.data.scene_store import CodedLRs, SceneStore
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import reduce


def antialiased(hr):
    return reduce(hr, 4, "antialiased")


@pytest.fixture(scope="module")
def images():
    """Three scenes; the sides of one are no multiples of 4."""
    return [render_smear(1, 64, 80), render_smear(2, 67, 73), render_smear(3, 96, 64)]


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    """Packed training scenes with two compressed LRs each, and a validation scene with one uncompressed LR."""
    folder = tmp_path_factory.mktemp("packed")
    assert write_packed(folder / "train.npz", images, 4, "antialiased", CodedLRs(antialiased, (90, 60)), "90,60") == 3
    assert write_packed(folder / "validation.npz", images[:1], 4, "antialiased", CodedLRs(antialiased)) == 1
    return folder


def test_packed_scenes_are_read_unchanged(images, folder):
    scenes = open_packed(folder)["train"]
    assert (scenes.scale, scenes.degradation, scenes.qualities, scenes.variants) == (4, "antialiased", "90,60", 2)
    assert len(scenes) == 3
    for index, ((name, hr), image) in enumerate(zip(scenes, images, strict=True)):
        assert name == f"train.npz {index}"
        np.testing.assert_array_equal(hr, image)
        np.testing.assert_array_equal(scenes.read(index), image)
        for variant, lr in enumerate(coded_variants(antialiased(image), (90, 60))):
            np.testing.assert_array_equal(scenes.lr(index, variant, hr), lr)


def test_training_uses_the_stored_lrs_in_memory_and_on_disk(images, folder):
    """LRs are not computed again, because the training machine may have no codec."""
    scenes = open_packed(folder)["train"]
    stores = [SceneStore(scenes, 4, PackedLRs(scenes), 12, cache) for cache in (1e9, 0)]
    computed = SceneStore(ListScenes(images), 4, CodedLRs(antialiased, (90, 60)), 12, 1e9)
    for step in range(4):
        expected = Sampler(computed, 4, 12, seed=5).batch(step)
        for store in stores:
            for found, wanted in zip(Sampler(store, 4, 12, seed=5).batch(step), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)


class ListScenes:
    def __init__(self, images):
        self._images = images

    def __len__(self):
        return len(self._images)

    def __iter__(self):
        return ((str(i), image) for i, image in enumerate(self._images))

    def read(self, index):
        return self._images[index]


def test_the_settings_come_from_the_scenes_and_others_are_refused(folder):
    assert packed_settings({"data_dir": str(folder)}) == {
        "scale": 4, "degradation": "antialiased", "lr_qualities": "90,60"
    }  # fmt: skip
    assert packed_settings({"data_dir": str(folder), "scale": 4})["scale"] == 4
    with pytest.raises(UserError, match=r"--scale=2: the scenes of .*train\.npz have 4, expected the same"):
        packed_settings({"data_dir": str(folder), "scale": 2})


def test_bad_input_is_reported(folder, tmp_path):
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npz").write_bytes((tmp_path / "array.npy").read_bytes())
    for name in ("text.npz", "empty.npz", "other.npz", "array.npz", "missing.npz"):
        with pytest.raises(UserError, match=rf"{name}: .*expected a file that `sr-tf pack` wrote"):
            PackedScenes(tmp_path / name)
    with pytest.raises(UserError, match=r"--dataset=packed: expected --data_dir"):
        open_packed("")
    with pytest.raises(UserError, match=r"train\.npz: no such file, expected a file that"):
        open_packed(tmp_path)
    write_packed(tmp_path / "train.npz", [render_smear(1, 64, 48)], 2, "study", CodedLRs(lambda hr: reduce(hr, 2)))
    (tmp_path / "validation.npz").write_bytes((folder / "validation.npz").read_bytes())
    with pytest.raises(UserError, match=r"validation\.npz: reduced ×4, expected ×2 as in .*train\.npz"):
        open_packed(tmp_path)


def test_a_damaged_scene_is_named_when_it_is_read(folder, tmp_path):
    content = bytearray((folder / "train.npz").read_bytes())
    place = content.find(open_packed(folder)["train"].read(1).tobytes()[:64])
    content[place + 10] ^= 1
    (tmp_path / "train.npz").write_bytes(content)
    scenes = PackedScenes(tmp_path / "train.npz")
    assert scenes.read(0).shape == (64, 80, 3)
    with pytest.raises(UserError, match=r"train\.npz: cannot be read \(.*expected a file that `sr-tf pack` wrote"):
        scenes.read(1)


HR, LR = np.zeros((20, 24, 3), np.uint8), np.zeros((5, 6, 3), np.uint8)
ONE_SCENE = {"hr/000000": HR, "lr/000000/0": LR, "scale": 4, "degradation": "study", "qualities": ""}


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0}, {"scale": 3}, {"scale": 4.0}, {"scale": [4, 4]}, {"scale": "4"}, {"degradation": "other"},
        {"degradation": 3}, {"qualities": "a"}, {"qualities": "101"}, {"qualities": "90,60"}, {"qualities": "9" * 2000},
        {"lr/000000/0": None}, {"lr/000000/1": LR}, {"hr/000002": HR}, {"hr/0": HR}, {"more": HR}, {"scale": None},
    ],
)  # fmt: skip
def test_what_is_no_packed_scenes_is_refused_when_it_is_opened(tmp_path, change):
    arrays = {name: value for name, value in {**ONE_SCENE, **change}.items() if value is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=r"a\.npz: .*expected a file that `sr-tf pack` wrote"):
        PackedScenes(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"hr/000000": np.zeros(5, np.uint8)}, {"hr/000000": HR.astype(np.float32)}, {"hr/000000": HR[:0]},
        {"hr/000000": HR[..., 0]}, {"lr/000000/0": LR[1:]}, {"lr/000000/0": LR.astype(np.int64)},
        {"lr/000000/0": np.array(["a"])},
    ],
)  # fmt: skip
def test_arrays_that_are_no_scenes_are_refused_when_they_are_read(tmp_path, change):
    np.savez(tmp_path / "a.npz", **{**ONE_SCENE, **change})
    scenes = PackedScenes(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"a\.npz: .*expected a file that `sr-tf pack` wrote"):
        SceneStore(scenes, 4, PackedLRs(scenes), 4, 1e9)


def test_scenes_beyond_the_limit_are_not_held_in_memory(tmp_path):
    """Only one scene at a time is in memory when none may be kept."""
    scenes = [np.full((600, 600, 3), value, np.uint8) for value in range(2)] * 20
    tracemalloc.start()
    store = SceneStore(ListScenes(scenes), 4, CodedLRs(antialiased), 12, cache_bytes=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert store.cached == 0 and peak < 3_000_000


def test_a_failed_packing_leaves_no_file(tmp_path):
    def images():
        yield render_smear(1, 64, 48)
        raise UserError("bad.png: is damaged")

    with pytest.raises(UserError, match="bad"):
        write_packed(tmp_path / "train.npz", images(), 4, "study", CodedLRs(lambda hr: reduce(hr, 4)))
    assert list(tmp_path.iterdir()) == []
