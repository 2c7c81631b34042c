import cv2
import numpy as np
import pytest

from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.generators.load import load_generator, load_reducer
from sr_tf.generators.reduction import reduce_for
from sr_tf.images.codecs import coded_variants
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import write_png
from sr_tf.training_jax import pack as program
from sr_tf.training_jax.packed import PackedScenes, Patches


@pytest.fixture(scope="module")
def scenes():
    """Three scenes, one of sides that are no multiple of 4, each with two LRs."""
    images = [render_smear(1, 64, 80), render_smear(2, 67, 73), render_smear(3, 96, 64)]
    return program.pack(images, 4, "antialiased", (90, 60))


def test_packed_scenes_come_back_as_they_were(scenes, tmp_path):
    scenes.save(tmp_path / "scenes.npz")
    back = PackedScenes.load(tmp_path / "scenes.npz")
    assert (back.scale, back.degradation, back.qualities) == (4, "antialiased", "90,60")
    assert [len(images) for images in back.lr] == [2, 2, 2]
    pairs = [(scenes.hr, back.hr), *zip(scenes.lr, back.lr, strict=True)]
    for mine, theirs in pairs:
        assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_patches_of_lr_and_hr_lie_on_one_another():
    uncoded = program.pack([render_smear(1, 64, 80), render_smear(2, 67, 73)], 4, "antialiased")
    patches = Patches(uncoded, batch_size=8, crop_size=9, seed=1)
    seen = set()
    for step in range(8):
        lr, hr = patches.batch(step)
        assert (lr.shape, hr.shape) == ((8, 9, 9, 3), (8, 36, 36, 3))
        for small, large in zip(lr, hr, strict=True):
            # Turned patches are reduced to turned patches, but for how halves are rounded.
            assert np.abs(reduce(large, 4, "antialiased").astype(int) - small).max() <= 1
            seen.add(small.tobytes())
    assert len(seen) > 55


def test_all_eight_turns_and_all_variants_come_up(scenes):
    marked = np.zeros((32, 32, 3), np.uint8)
    marked[:4, :8] = 255
    one = PackedScenes([marked], [[marked[::4, ::4], marked[::4, ::4] // 2]], 4, "study", "")
    lr, _ = Patches(one, batch_size=128, crop_size=8, seed=0).batch(0)
    assert len({image.tobytes() for image in lr}) == 16


def test_a_batch_is_a_function_of_seed_and_step(scenes):
    def batch(seed, step):
        return Patches(scenes, batch_size=4, crop_size=12, seed=seed).batch(step)[1].tobytes()

    one = Patches(scenes, batch_size=4, crop_size=12, seed=5)
    assert [one.batch(step)[1].tobytes() for step in range(3)] == [batch(5, step) for step in range(3)]
    assert len({batch(5, 0), batch(5, 1), batch(6, 0)}) == 3


def test_several_batches_are_those_of_their_steps(scenes):
    patches = Patches(scenes, batch_size=4, crop_size=12, seed=5)
    for together, kind in zip(patches.batches(2, 3), (0, 1), strict=True):
        np.testing.assert_array_equal(together, np.stack([patches.batch(step)[kind] for step in (2, 3, 4)]))


def test_each_pass_takes_every_scene_once():
    flat = [np.full((16, 16, 3), value, np.uint8) for value in range(7)]
    packed = PackedScenes(flat, [[image[::4, ::4]] for image in flat], 4, "study", "")
    patches = Patches(packed, batch_size=7, crop_size=4, seed=0)
    orders = [tuple(patches.batch(step)[0][:, 0, 0, 0]) for step in range(4)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len(set(orders)) > 1


def test_the_program_packs_a_folder(tmp_path, capsys):
    write_png(tmp_path / "hr" / "a.png", render_smear(1, 64, 48))
    write_png(tmp_path / "hr" / "b.png", render_smear(2, 50, 61))
    assert program.main([str(tmp_path / "hr"), str(tmp_path / "out.npz"), "--scale", "2"]) == 0
    assert "out.npz: 2 scenes" in capsys.readouterr().out
    packed = PackedScenes.load(tmp_path / "out.npz")
    assert (packed.scale, packed.degradation, packed.qualities) == (2, "study", "")
    for hr, (lr,) in zip(packed.hr, packed.lr, strict=True):
        np.testing.assert_array_equal(lr, reduce(hr, 2))
    assert packed.hr[1].shape == (50, 61, 3)
    expected = cv2.resize(render_smear(1, 64, 48), (24, 32), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(packed.lr[0][0], expected)


def test_scenes_are_reduced_as_a_generators_images_are(tmp_path, capsys):
    hr = render_smear(1, 66, 61)
    write_png(tmp_path / "hr" / "a.png", hr)
    out = tmp_path / "out.npz"
    assert program.main([str(tmp_path / "hr"), str(out), "--reducer", "archive4", "--lr_qualities", "60,90"]) == 0
    lr = reduce_for(load_generator("archive4"), load_reducer("archive4"), hr)
    for found, expected in zip(PackedScenes.load(out).lr[0], coded_variants(lr, (60, 90)), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert program.main([str(tmp_path / "hr"), str(out), "--reducer", "archive4", "--scale", "2"]) == 2
    assert "--reducer=archive4: a generator ×4, expected ×2" in capsys.readouterr().err


def test_bad_input_is_told_in_a_line(scenes, tmp_path, capsys):
    with pytest.raises(UserError, match=r"crop_size=17: expected at most 16"):
        Patches(scenes, batch_size=1, crop_size=17, seed=0)
    (tmp_path / "text.npz").write_text("no arrays")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    for name in ("text.npz", "other.npz", "missing.npz"):
        with pytest.raises(UserError, match=rf"{name}: expected a file of python -m sr_tf.training_jax.pack"):
            PackedScenes.load(tmp_path / name)
    write_png(tmp_path / "hr" / "a.png", render_smear(1, 64, 48))
    assert program.main([str(tmp_path / "hr"), str(tmp_path / "out")]) == 2
    assert "ends in .npz" in capsys.readouterr().err
    assert program.main([str(tmp_path / "hr"), str(tmp_path / "out.npz"), "--lr_qualities", "best"]) == 2
    assert "lr_qualities=best" in capsys.readouterr().err
