from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.data.draws import permutation, uniform
from sr_tf.data.pipeline import training_batches
from sr_tf.data.sampler import Sampler, cut, oriented
from sr_tf.data.scene_store import CodedLRs, SceneStore
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import reduce

CROP = 8
MANY = 1e9
SIZES = [(64, 48), (33, 90), (51, 47), (32, 32), (45, 71)]


def _antialiased(scale):
    return partial(reduce, scale=scale, degradation="antialiased")


class ListScenes:
    """Scenes from a list; records the indices that are read again."""

    def __init__(self, images):
        self.images, self.read_again = list(images), []

    def __len__(self):
        return len(self.images)

    def __iter__(self):
        return ((f"scene {i}", image) for i, image in enumerate(self.images))

    def read(self, index):
        self.read_again.append(index)
        return self.images[index]


def store_of(images, scale=4, cache_bytes=MANY, crop_size=CROP, reduction=None, qualities=()):
    lrs = CodedLRs(reduction or partial(reduce, scale=scale), qualities)
    return SceneStore(ListScenes(images), scale, lrs, crop_size, cache_bytes)


def batches_of(store, start=0, stop=12, seed=0, batch_size=4, crop_size=CROP):
    return list(training_batches(Sampler(store, batch_size, crop_size, seed), start, stop).as_numpy_iterator())


def patches_of(*arguments, **options):
    return [pair for batch in batches_of(*arguments, **options) for pair in zip(*batch, strict=True)]


def assert_same(one, other):
    assert len(one) == len(other)
    for batch, expected in zip(one, other, strict=True):
        for images, expected_images in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(images, expected_images)


def mapped(scene, height, width):
    """Builds a scene whose pixels contain their position: [scene, row, column]."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.full_like(rows, scene), rows, columns], axis=-1).astype(np.uint8)


def whereabouts(patch):
    """Returns (scene, top, left, orientation) of an HR patch from a `mapped` scene."""
    patch = patch.astype(int)
    assert (patch[..., 0] == patch[0, 0, 0]).all()
    steps = (patch[1, 0] - patch[0, 0])[1:], (patch[0, 1] - patch[0, 0])[1:]
    return patch[0, 0, 0], patch[..., 1].min(), patch[..., 2].min(), tuple(np.concatenate(steps))


@pytest.fixture(scope="module")
def scenes():
    return [render_smear(seed, *size) for seed, size in enumerate(SIZES)]


@pytest.fixture(scope="module")
def store(scenes):
    return store_of(scenes)


@pytest.fixture(scope="module")
def mapped_store():
    return store_of([mapped(scene, *size) for scene, size in enumerate(SIZES)])


def test_a_stored_pair_is_the_scene_and_its_reduction(scenes, store):
    assert len(store) == len(scenes)
    for index, scene in enumerate(scenes):
        lr, hr = store.pair(index)
        np.testing.assert_array_equal(lr, reduce(scene, 4))
        np.testing.assert_array_equal(hr[: scene.shape[0], : scene.shape[1]], scene)
        assert hr.shape == (4 * lr.shape[0], 4 * lr.shape[1], 3)


@pytest.mark.parametrize("seed", [0, 7])
def test_lr_patches_lie_exactly_on_hr_patches(store, seed):
    # The study's ×4 kernel uses only the 4×4 pixels under an LR pixel, so a patch can be reduced on its own.
    patches = patches_of(store, stop=20, seed=seed)
    assert len(patches) == 80
    for lr, hr in patches:
        assert lr.dtype == hr.dtype == np.float32
        assert (lr.shape, hr.shape) == ((CROP, CROP, 3), (4 * CROP, 4 * CROP, 3))
        np.testing.assert_array_equal(reduce(hr.astype(np.uint8), 4), lr)


def test_batches_have_static_shapes(store):
    batches = training_batches(Sampler(store, 3, 5, seed=0), 0, 2)
    assert [spec.shape.as_list() for spec in batches.element_spec] == [[3, 5, 5, 3], [3, 20, 20, 3]]


@pytest.mark.parametrize("scale", [2, 8])
def test_patches_are_aligned_at_every_scale(scenes, scale):
    store = store_of(scenes, scale, crop_size=4, reduction=_antialiased(scale))
    for lr, hr in patches_of(store, stop=10, crop_size=4):
        np.testing.assert_array_equal(reduce(hr.astype(np.uint8), scale, "antialiased"), lr)


def test_each_pass_takes_every_scene_once(mapped_store):
    taken = [whereabouts(hr)[0] for _, hr in patches_of(mapped_store, stop=50, batch_size=3)]
    passes = [tuple(taken[i : i + 5]) for i in range(0, 150, 5)]
    assert {tuple(sorted(order)) for order in passes} == {(0, 1, 2, 3, 4)}
    assert len(set(passes)) > 15, "each pass has its own order"


def test_a_batch_depends_only_on_its_step(store):
    whole = batches_of(store, stop=12)
    assert len(whole) == 12
    for start, stop in ((1, 12), (5, 6), (11, 12)):
        assert_same(batches_of(store, start=start, stop=stop), whole[start:stop])
    assert batches_of(store, start=12, stop=12) == []


def test_scenes_in_memory_and_scenes_read_again_give_the_same_batches(scenes, store):
    some = store_of(scenes, cache_bytes=_bytes(scenes[:2]))
    none = store_of(scenes, cache_bytes=0)
    assert (store.cached, some.cached, none.cached) == (5, 2, 0)
    for other in (some, none):
        assert_same(batches_of(other), batches_of(store))


def test_memory_holds_scenes_up_to_its_limit_and_the_others_are_read_again(scenes):
    assert store_of(scenes, cache_bytes=_bytes(scenes)).cached == 5
    store = store_of(scenes, cache_bytes=_bytes(scenes) - 1)
    assert store.cached == 4
    batches_of(store, stop=10)
    assert set(store._scenes.read_again) == {4}


def _bytes(scenes):
    """The bytes of HR scenes, padded to multiples of 4, with one LR each."""
    return sum(3 * (16 + 1) * int(np.prod(reduce(scene, 4).shape[:2])) for scene in scenes)


def test_batches_cut_by_threads_equal_those_of_the_pipeline(store):
    sampler = Sampler(store, 4, CROP, seed=0)
    with ThreadPoolExecutor(3) as pool:
        lr, hr = sampler.batches(2, 3, pool.map)
    assert_same(list(zip(lr, hr, strict=True)), batches_of(store, start=2, stop=5))


def test_seeds_differ_in_order_place_and_orientation(mapped_store):
    one, other = ([whereabouts(hr) for _, hr in patches_of(mapped_store, stop=10, seed=seed)] for seed in (0, 1))
    assert one == [whereabouts(hr) for _, hr in patches_of(mapped_store, stop=10, seed=0)]
    for part in range(4):
        assert [place[part] for place in one] != [place[part] for place in other]


def test_places_cover_the_whole_scene_and_all_orientations_occur():
    height, width = 10, 12
    store = store_of([mapped(0, 4 * height, 4 * width)])
    places = [whereabouts(hr) for _, hr in patches_of(store, stop=100, batch_size=8)]
    seen = {(top, left) for _, top, left, _ in places}
    assert seen == {(4 * top, 4 * left) for top in range(height - CROP + 1) for left in range(width - CROP + 1)}
    orientations = [orientation for *_, orientation in places]
    counts = [orientations.count(orientation) for orientation in set(orientations)]
    assert len(counts) == 8
    assert min(counts) > 60, "800 patches, 100 of each expected"


@pytest.mark.parametrize(("size", "lr"), [((64, 31), "31×64"), ((20, 64), "64×20"), ((1, 1), "1×1")])
def test_a_scene_smaller_than_a_patch_is_named(size, lr):
    images = [np.zeros((40, 40, 3), np.uint8), np.zeros((*size, 3), np.uint8)]
    with pytest.raises(UserError, match=rf"scene 1: {lr} pixels.*at least 36×36.*crop_size=9"):
        store_of(images, crop_size=9)


def test_a_scene_as_large_as_a_patch_is_enough():
    store = store_of([mapped(0, 32, 32)])
    assert {whereabouts(hr)[:3] for _, hr in patches_of(store)} == {(0, 0, 0)}


def test_no_scenes_are_an_error():
    with pytest.raises(UserError, match="no scenes"):
        store_of([])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(-(2**63), 2**63 - 1), numbers=st.lists(st.integers(0, 2**62), min_size=1, max_size=5))
def test_draws_are_those_of_tensorflow(seed, numbers):
    expected = [tf.random.stateless_uniform([4], tf.constant([seed, number], tf.int64)) for number in numbers]
    np.testing.assert_array_equal(uniform(seed, np.array(numbers)), expected)


@pytest.mark.parametrize("scenes", [2, 3, 17, 188, 9000, 70_000])
@pytest.mark.parametrize(("seed", "turn"), [(0, 0), (7, 5), (-5, 2**33 + 3)])
def test_orders_are_those_of_tensorflow(scenes, seed, turn):
    places = tf.range(scenes, dtype=tf.int64)
    expected = tf.random.experimental.index_shuffle(places, tf.constant([seed, turn], tf.int64), places[-1])
    np.testing.assert_array_equal(permutation(seed, turn, scenes), expected)


@settings(max_examples=15, deadline=None)
@given(scenes=st.integers(1, 400), seed=st.integers(-(2**31), 2**31), turn=st.integers(0, 2**40))
def test_an_order_takes_every_scene_once(scenes, seed, turn):
    assert sorted(permutation(seed, turn, scenes)) == list(range(scenes))


def test_every_order_of_three_scenes_occurs():
    assert len({tuple(permutation(0, turn, 3)) for turn in range(100)}) == 6


@pytest.mark.parametrize("side", [CROP, CROP + 1, CROP + 249])
def test_the_last_place_is_reached_and_never_passed(side):
    largest = np.nextafter(np.float32(1), np.float32(0))
    sampler = Sampler(store_of([mapped(0, 4 * side, 4 * CROP)]), 1, CROP, seed=0)
    for draw, place in ((largest, side - CROP), (np.float32(0), 0)):
        sampler._draws = lambda block, draw=draw: np.full((1024, 4), [draw, draw, 0, 0], np.float32)
        _, hr = sampler.patch(0)
        assert hr[0, 0, 1] == (4 * place) % 256


@pytest.mark.parametrize("place", [(0, 0), (2, 6), (4, 1)])
def test_the_same_part_of_both_is_cut(place):
    lr, hr = mapped(0, 9, 11), cv2.resize(mapped(0, 9, 11), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    small, large = cut(lr, *place, 5, 1), cut(hr, *place, 5, 4)
    np.testing.assert_array_equal(small, lr[place[0] : place[0] + 5, place[1] : place[1] + 5])
    np.testing.assert_array_equal(large, small.repeat(4, axis=0).repeat(4, axis=1))


def test_there_are_eight_flips_and_rotations():
    patch = mapped(0, 5, 5)
    found = [oriented(patch, turn) for turn in range(8)]
    expected = [np.rot90(image, turns) for image in (patch, patch[:, ::-1]) for turns in range(4)]
    np.testing.assert_array_equal(found, expected)
    assert len({image.tobytes() for image in found}) == 8
    np.testing.assert_array_equal(found[0], patch)
    for image, turn in zip(found, range(8), strict=True):
        mirrored = tf.reverse(patch, [1]) if turn >= 4 else patch
        np.testing.assert_array_equal(image, tf.image.rot90(mirrored, turn % 4))


def test_each_batch_is_split_among_replicas(store, two_cpus):
    strategy = tf.distribute.MirroredStrategy(two_cpus)
    batches = training_batches(Sampler(store, 4, CROP, seed=0), 3, 6)
    together = [
        tuple(np.concatenate(strategy.experimental_local_results(part)) for part in pair)
        for pair in strategy.experimental_distribute_dataset(batches)
    ]
    assert_same(together, batches_of(store, start=3, stop=6))


@pytest.mark.parametrize("cache_bytes", [MANY, 0])
def test_patches_are_cut_from_every_coded_lr_of_a_scene(cache_bytes):
    scene = render_smear(3, 64, 64)
    store = store_of([scene], crop_size=16, reduction=_antialiased(4), qualities=(10, 60, 95), cache_bytes=cache_bytes)
    assert store.variants == 3
    expected = {image.tobytes() for image in coded_variants(reduce(scene, 4, "antialiased"), (10, 60, 95))}
    found = {store.pair(0, variant)[0].tobytes() for variant in range(3)}
    assert found == expected
    assert len(expected) == 3
    batches = batches_of(store, stop=6, crop_size=16)
    whole = {np.float32(oriented(image, turn)).tobytes() for image in map(_pixels, expected) for turn in range(8)}
    seen = {lr.tobytes() for batch in batches for lr in batch[0]}
    assert seen <= whole
    assert len({_undirected(lr) for batch in batches for lr in batch[0]}) == 3


def _pixels(content):
    return np.frombuffer(content, np.uint8).reshape(16, 16, 3)


def _undirected(lr):
    return min(np.uint8(oriented(lr, turn)).tobytes() for turn in range(8))


def test_coded_lrs_are_closer_to_the_lr_at_higher_quality():
    lr = reduce(render_smear(3, 128, 128), 4, "antialiased")
    errors = [np.square(image.astype(float) - lr).mean() for image in coded_variants(lr, (5, 50, 95))]
    assert errors == sorted(errors, reverse=True)
    assert coded_variants(lr, ())[0] is lr
