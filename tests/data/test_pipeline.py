from functools import partial

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_tf.data.pipeline import crop_pair, orient, scene_index, training_batches
from sr_tf.data.scene_store import build_store
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import reduce

CROP = 8
MANY = 1e9
SIZES = [(64, 48), (33, 90), (51, 47), (32, 32), (45, 71)]


def _antialiased(scale):
    return partial(reduce, scale=scale, degradation="antialiased")


def store_of(images, scale=4, cache_bytes=MANY, crop_size=CROP):
    named = ((f"scene {i}", image) for i, image in enumerate(images))
    return build_store(named, scale, partial(reduce, scale=scale), crop_size, cache_bytes)


def batches_of(store, start=0, stop=12, seed=0, batch_size=4, crop_size=CROP):
    options = {"batch_size": batch_size, "crop_size": crop_size, "seed": seed}
    return list(training_batches(store, **options, start=start, stop=stop).as_numpy_iterator())


def patches_of(*arguments, **options):
    return [pair for batch in batches_of(*arguments, **options) for pair in zip(*batch, strict=True)]


def assert_same(one, other):
    assert len(one) == len(other)
    for batch, expected in zip(one, other, strict=True):
        for images, expected_images in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(images, expected_images)


def mapped(scene, height, width):
    """A scene whose pixels say where they are: [scene, row, column]."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.full_like(rows, scene), rows, columns], axis=-1).astype(np.uint8)


def whereabouts(patch):
    """(scene, top, left, orientation) of an HR patch cut from a `mapped` scene."""
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
        lr, hr = (image.numpy() for image in store.pair(tf.constant(index)))
        np.testing.assert_array_equal(lr, reduce(scene, 4))
        np.testing.assert_array_equal(hr[: scene.shape[0], : scene.shape[1]], scene)
        assert hr.shape == (4 * lr.shape[0], 4 * lr.shape[1], 3)


def test_black_scenes_are_stored_whole():
    # A string of zero bytes is what a store of strings could take for an end.
    store = store_of([np.zeros((40, 40, 3), np.uint8)])
    lr, hr = store.pair(tf.constant(0))
    assert (lr.shape, hr.shape) == ((10, 10, 3), (40, 40, 3))
    assert not hr.numpy().any()


@pytest.mark.parametrize("seed", [0, 7])
def test_lr_patches_lie_exactly_on_hr_patches(store, seed):
    # The study's ×4 kernel sees only the 4×4 pixels under an LR pixel: a patch can be reduced by itself.
    patches = patches_of(store, stop=20, seed=seed)
    assert len(patches) == 80
    for lr, hr in patches:
        assert lr.dtype == hr.dtype == np.float32
        assert (lr.shape, hr.shape) == ((CROP, CROP, 3), (4 * CROP, 4 * CROP, 3))
        np.testing.assert_array_equal(reduce(hr.astype(np.uint8), 4), lr)


def test_the_shapes_of_batches_are_known_beforehand(store):
    batches = training_batches(store, batch_size=3, crop_size=5, seed=0, start=0, stop=2)
    assert [spec.shape.as_list() for spec in batches.element_spec] == [[3, 5, 5, 3], [3, 20, 20, 3]]


@pytest.mark.parametrize("scale", [2, 8])
def test_patches_are_aligned_at_every_scale(scenes, scale):
    store = build_store(
        ((str(i), scene) for i, scene in enumerate(scenes)),
        scale,
        partial(reduce, scale=scale, degradation="antialiased"),
        4,
        MANY,
    )
    for lr, hr in patches_of(store, stop=10, crop_size=4):
        np.testing.assert_array_equal(reduce(hr.astype(np.uint8), scale, "antialiased"), lr)


def test_each_pass_takes_every_scene_once(mapped_store):
    taken = [whereabouts(hr)[0] for _, hr in patches_of(mapped_store, stop=50, batch_size=3)]
    passes = [tuple(taken[i : i + 5]) for i in range(0, 150, 5)]
    assert {tuple(sorted(order)) for order in passes} == {(0, 1, 2, 3, 4)}
    assert len(set(passes)) > 15, "each pass has an order of its own"


def test_a_batch_is_a_function_of_its_step_alone(store):
    whole = batches_of(store, stop=12)
    assert len(whole) == 12
    for start, stop in ((1, 12), (5, 6), (11, 12)):
        assert_same(batches_of(store, start=start, stop=stop), whole[start:stop])
    assert batches_of(store, start=12, stop=12) == []


def test_stores_decoded_and_coded_give_the_same_batches(scenes, store):
    coded = store_of(scenes, cache_bytes=0)
    assert (store.decoded, coded.decoded) == (True, False)
    assert_same(batches_of(coded), batches_of(store))


def test_a_store_stays_decoded_up_to_its_limit(scenes):
    padded = sum(3 * 16 * np.prod(reduce(scene, 4).shape[:2]) for scene in scenes)
    assert store_of(scenes, cache_bytes=padded).decoded
    assert not store_of(scenes, cache_bytes=padded - 1).decoded


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


@settings(max_examples=15, deadline=None)
@given(scenes=st.integers(1, 40), seed=st.integers(-(2**31), 2**31), number=st.integers(0, 2**40))
def test_scene_index_is_a_permutation_of_each_pass(scenes, seed, number):
    first = number - number % scenes
    order = [int(scene_index(tf.constant(first + i, tf.int64), scenes, seed)) for i in range(scenes)]
    assert sorted(order) == list(range(scenes))


@pytest.mark.parametrize("scenes", [1, 2, 3, 7])
def test_scene_index_mapped_equals_eager(scenes):
    numbers = tf.data.Dataset.range(40)
    lazily = list(numbers.map(lambda number: scene_index(number, scenes, 3)).as_numpy_iterator())
    assert lazily == [int(scene_index(number, scenes, 3)) for number in numbers]


def test_every_order_of_three_scenes_occurs():
    numbers = tf.data.Dataset.range(300).map(lambda number: scene_index(number, 3, 0))
    order = list(numbers.as_numpy_iterator())
    assert len({tuple(order[i : i + 3]) for i in range(0, 300, 3)}) == 6


@settings(max_examples=50, deadline=None)
@given(places=st.integers(1, 250), draw=st.floats(0, 1, exclude_max=True, width=32))
def test_the_last_place_is_reached_and_never_passed(places, draw):
    lr, hr = mapped(0, places + 2, 3), np.zeros((2 * places + 4, 6, 3), np.uint8)
    rounding = 1e-6 * places  # of float32, in which 0.16 of 125 may come out on either side of 20
    small, _ = crop_pair(lr, hr, 3, 2, np.float32(draw), np.float32(0))
    assert int(max(0, draw * places - rounding)) <= int(small[0, 0, 1]) <= min(places - 1, draw * places + rounding)
    small, _ = crop_pair(lr, hr, 3, 2, np.nextafter(1, 0, dtype=np.float32), np.float32(0))
    assert int(small[0, 0, 1]) == places - 1


@pytest.mark.parametrize(("draws", "place"), [((0, 0), (0, 0)), ((0.5, 0.999), (2, 6)), ((0.999, 0.25), (4, 1))])
def test_crop_pair_cuts_the_same_part_of_both(draws, place):
    lr, hr = mapped(0, 9, 11), cv2.resize(mapped(0, 9, 11), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    small, large = (image.numpy() for image in crop_pair(lr, hr, 5, 4, *np.float32(draws)))
    np.testing.assert_array_equal(small, lr[place[0] : place[0] + 5, place[1] : place[1] + 5])
    np.testing.assert_array_equal(large, small.repeat(4, axis=0).repeat(4, axis=1))


def test_orient_gives_the_eight_flips_and_rotations_eagerly_and_mapped():
    patch = mapped(0, 5, 5)
    eager = [orient(tf.constant(patch), tf.constant(turn)).numpy() for turn in range(8)]
    turns = tf.data.Dataset.from_tensor_slices(tf.range(8)).map(lambda turn: orient(tf.constant(patch), turn))
    np.testing.assert_array_equal(list(turns.as_numpy_iterator()), eager)
    expected = {np.rot90(image, turns).tobytes() for image in (patch, patch[:, ::-1]) for turns in range(4)}
    assert {image.tobytes() for image in eager} == expected
    assert len(expected) == 8
    np.testing.assert_array_equal(eager[0], patch)


def test_replicas_share_each_batch_out(store, two_cpus):
    strategy = tf.distribute.MirroredStrategy(two_cpus)
    batches = training_batches(store, batch_size=4, crop_size=CROP, seed=0, start=3, stop=6)
    together = [
        tuple(np.concatenate(strategy.experimental_local_results(part)) for part in pair)
        for pair in strategy.experimental_distribute_dataset(batches)
    ]
    assert_same(together, batches_of(store, start=3, stop=6))


def test_patches_are_cut_from_every_coded_lr_of_a_scene():
    scene = render_smear(3, 64, 64)
    store = build_store(iter([("one", scene)]), 4, _antialiased(4), 16, MANY, qualities=(10, 60, 95))
    assert store.variants == 3
    expected = {image.tobytes() for image in coded_variants(reduce(scene, 4, "antialiased"), (10, 60, 95))}
    found = {lr.numpy().tobytes() for lr in (store.pair(tf.constant(0), variant)[0] for variant in range(3))}
    assert found == expected
    assert len(expected) == 3
    batches = batches_of(store, stop=6, crop_size=16)
    whole = {np.float32(orient(image, turn)).tobytes() for image in map(_pixels, expected) for turn in range(8)}
    seen = {lr.tobytes() for batch in batches for lr in batch[0]}
    assert seen <= whole
    assert len({_undirected(lr) for batch in batches for lr in batch[0]}) == 3


def _pixels(content):
    return np.frombuffer(content, np.uint8).reshape(16, 16, 3)


def _undirected(lr):
    return min(np.uint8(orient(lr, turn)).tobytes() for turn in range(8))


def test_coded_lrs_come_nearer_to_the_lr_with_quality():
    lr = reduce(render_smear(3, 128, 128), 4, "antialiased")
    errors = [np.square(image.astype(float) - lr).mean() for image in coded_variants(lr, (5, 50, 95))]
    assert errors == sorted(errors, reverse=True)
    assert coded_variants(lr, ())[0] is lr
