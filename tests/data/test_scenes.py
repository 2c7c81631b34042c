from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_tf.data.scenes import SPLITS, STUDY_RATIO, cut_scenes, middle, split_groups
from sr_tf.errors import UserError

GROUPS = st.dictionaries(st.text(max_size=8), st.integers(1, 500), min_size=3, max_size=30)


def shapes(height, width, size=700):
    return [scene.shape[:2] for _, scene in cut_scenes(np.zeros((height, width, 3), np.uint8), size)]


def test_images_of_the_studys_size_are_not_cut():
    for height, width in ((700, 700), (702, 699), (700, 696), (480, 640), (1049, 1049)):
        assert shapes(height, width) == [(height, width)]


def test_larger_images_are_cut_into_a_grid():
    assert shapes(1400, 2100) == [(700, 700)] * 6
    assert shapes(960, 1280) == [(960, 640)] * 2
    assert shapes(1050, 700) == [(525, 700)] * 2
    suffixes = [suffix for suffix, _ in cut_scenes(np.zeros((1400, 2100, 3), np.uint8))]
    assert suffixes == ["_r0c0", "_r0c1", "_r0c2", "_r1c0", "_r1c1", "_r1c2"]
    assert [suffix for suffix, _ in cut_scenes(np.zeros((10, 10, 3), np.uint8))] == [""]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_every_pixel_is_in_exactly_one_scene(height, width, size):
    pixels = np.arange(height * width).reshape(height, width, 1)
    scenes = cut_scenes(pixels, size)
    np.testing.assert_array_equal(np.sort(np.concatenate([scene.ravel() for _, scene in scenes])), pixels.ravel())
    assert len({suffix for suffix, _ in scenes}) == len(scenes)
    for axis, length in enumerate((height, width)):
        sides = {scene.shape[axis] for _, scene in scenes}
        assert max(sides) - min(sides) <= 1
        assert max(sides) <= max(1.5 * size, 1)
        assert sides == {length} or min(sides) >= np.floor(0.75 * size)


@given(GROUPS, st.integers())
def test_every_group_is_in_one_split_and_no_split_is_empty(sizes, seed):
    splits = split_groups(sizes, seed)
    assert splits.keys() == sizes.keys()
    assert set(splits.values()) == set(SPLITS)


@given(GROUPS, st.integers(), st.randoms())
def test_the_split_depends_only_on_groups_and_seed(sizes, seed, random):
    shuffled = list(sizes.items())
    random.shuffle(shuffled)
    assert split_groups(sizes, seed) == split_groups(dict(shuffled), seed)


@given(st.integers(0, 50), st.integers(40, 80))
def test_counts_come_close_to_the_ratio(seed, groups):
    sizes = {f"smear{index}": 20 + (7 * index) % 23 for index in range(groups)}
    total = sum(sizes.values())
    splits = split_groups(sizes, seed)
    for split, part in zip(SPLITS, STUDY_RATIO, strict=True):
        count = sum(size for group, size in sizes.items() if splits[group] == split)
        assert abs(count / total - part / sum(STUDY_RATIO)) < 0.03


def test_single_scenes_give_the_studys_split_exactly():
    splits = split_groups({index: 1 for index in range(1162)})
    assert [list(splits.values()).count(split) for split in SPLITS] == [900, 100, 162]


def test_seeds_give_different_splits():
    sizes = {f"smear{index}": 5 + index for index in range(12)}
    assert len({tuple(split_groups(sizes, seed).items()) for seed in range(8)}) > 4


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_groups_are_refused_with_advice(count):
    with pytest.raises(UserError, match=f"found {count} independent groups.*at least 3.*add images"):
        split_groups({str(index): 9 for index in range(count)})


def test_the_middle_of_an_image():
    image = np.arange(5 * 8).reshape(5, 8, 1)
    np.testing.assert_array_equal(middle(Path("a.png"), image, 2), image[1:3, 3:5])
    assert middle(Path("a.png"), image, 5).shape == (5, 5, 1)
    for side in (6, 0, -1):
        with pytest.raises(UserError, match=r"a\.png: 8×5 pixels, expected"):
            middle(Path("a.png"), image, side)
