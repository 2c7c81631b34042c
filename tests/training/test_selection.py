import json
import math

import numpy as np
import pytest

from sr_tf.errors import UserError
from sr_tf.generators.load import load_generator
from sr_tf.generators.runs import kept_generators
from sr_tf.models.edsr import EDSR
from sr_tf.training.selection import BestGenerators

LR = np.random.default_rng(0).uniform(0, 255, (1, 5, 6, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def generator():
    model = EDSR(1, 2, 2)
    model.build((None, None, None, 3))
    return model


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "best"


def steps(folder):
    """Checks the files of a folder, and returns the steps of the kept generators, best first."""
    kept = kept_generators(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*(entry["file"] for entry in kept), "scores.json"])
    return [entry["step"] for entry in kept]


def offer_all(best, generator, scores, criterion="psnr"):
    return [best.offer(generator, 100 * (i + 1), {criterion: score}) for i, score in enumerate(scores)]


def test_nothing_is_kept_before_the_first_offer(folder):
    BestGenerators(folder, 3, "psnr", True)
    assert kept_generators(folder) == []
    assert not folder.exists()


def test_the_best_three_are_kept_and_the_files_of_others_deleted(generator, folder):
    best = BestGenerators(folder, 3, "psnr", True)
    assert offer_all(best, generator, [30.0, 28.0, 31.0, 29.0, 27.0, 33.0]) == [True, False, True, False, False, True]
    assert steps(folder) == [600, 300, 100]
    assert [entry["psnr"] for entry in kept_generators(folder)] == [33, 31, 30]


def test_lower_may_be_better(generator, folder):
    best = BestGenerators(folder, 2, "content", False)
    assert offer_all(best, generator, [0.5, 0.7, 0.2, 0.6], "content") == [True, False, True, False]
    assert steps(folder) == [300, 100]


def test_only_the_criterion_decides_and_all_scores_are_saved(generator, folder):
    best = BestGenerators(folder, 1, "content", False)
    best.offer(generator, 10, {"psnr": 30.0, "content": 0.2, "i-HR": -1.5})
    assert not best.offer(generator, 20, {"psnr": 40.0, "content": 0.3})
    assert kept_generators(folder) == [
        {"file": "step-00000010.keras", "step": 10, "psnr": 30.0, "content": 0.2, "i-HR": -1.5}
    ]


@pytest.mark.parametrize("again", [100, 200, 300, 400, 500])
def test_the_same_offer_again_changes_nothing(generator, folder, again):
    # A run killed between a validation and its checkpoint repeats the validation.
    scores = [30.0, 28.0, 31.0, 28.0, 28.5]
    best = BestGenerators(folder, 3, "psnr", True)
    offer_all(best, generator, scores)
    listed = (folder / "scores.json").read_bytes()
    is_best = BestGenerators(folder, 3, "psnr", True).offer(generator, again, {"psnr": scores[again // 100 - 1]})
    assert is_best == (again == 300)
    assert (folder / "scores.json").read_bytes() == listed
    assert steps(folder) == [300, 100, 500]


def test_equal_scores_keep_their_places_when_offered_again(generator, folder):
    best = BestGenerators(folder, 3, "psnr", True)
    offer_all(best, generator, [30.0, 30.0])
    before = steps(folder)
    best.offer(generator, 100, {"psnr": 30.0})
    assert steps(folder) == before


def test_selection_continues_after_a_restart(generator, folder):
    offer_all(BestGenerators(folder, 2, "psnr", True), generator, [30.0, 31.0])
    assert BestGenerators(folder, 2, "psnr", True).offer(generator, 900, {"psnr": 32.0})
    assert steps(folder) == [900, 200]


def test_files_contain_the_generator_as_it_was_offered(folder):
    model = EDSR(1, 2, 2)
    model.build((None, None, None, 3))
    best = BestGenerators(folder, 3, "psnr", True)
    expected = {}
    for step, score in ((1, 30.0), (2, 29.0)):
        model.set_weights([np.full(weight.shape, 0.1 * step) for weight in model.get_weights()])
        expected[step] = np.asarray(model(LR))
        best.offer(model, step, {"psnr": score})
    for entry in kept_generators(folder):
        np.testing.assert_array_equal(load_generator(folder / entry["file"])(LR), expected[entry["step"]])
    # A run folder stands for its best generator.
    np.testing.assert_array_equal(load_generator(folder.parent)(LR), expected[1])


def test_a_damaged_list_is_named(folder):
    folder.mkdir()
    (folder / "scores.json").write_text("[{")
    with pytest.raises(UserError, match=r"scores\.json: expected the JSON list"):
        kept_generators(folder)


def test_a_list_of_another_kind_of_run_is_named(generator, folder):
    BestGenerators(folder, 3, "psnr", True).offer(generator, 5, {"psnr": 30.25})
    with pytest.raises(UserError, match=r"scores\.json: an entry without content, expected it in each"):
        BestGenerators(folder, 3, "content", False).offer(generator, 6, {"content": 0.1})


def test_equal_images_leave_a_list_that_can_be_read(generator, folder):
    best = BestGenerators(folder, 3, "psnr", True)
    best.offer(generator, 5, {"psnr": math.inf})
    assert not best.offer(generator, 6, {"psnr": 60.0})
    assert [entry["step"] for entry in kept_generators(folder)] == [5, 6]


def test_the_list_is_plain_json(generator, folder):
    BestGenerators(folder, 3, "psnr", True).offer(generator, 5, {"psnr": 30.25})
    assert json.loads((folder / "scores.json").read_text("utf-8")) == kept_generators(folder)
