"""Targets, losses and fields: what the finder is trained with."""

import keras
import numpy as np
import pytest

from sr_tf.cells.fields import Field, completed, labelled_fields, read_labels
from sr_tf.cells.finder import TYPES, peaks
from sr_tf.cells.losses import centre_loss, type_loss
from sr_tf.cells.outlines import outline_centres
from sr_tf.cells.targets import UNKNOWN, targets
from sr_tf.data.smear import render_smear_cells
from sr_tf.errors import UserError
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import write_png
from sr_tf.models.cell_finder import CellFinder

WEIGHTS = np.arange(1, len(TYPES) + 1, dtype=np.float32)
CELLS = np.array([[18, 10, 3], [50, 42, UNKNOWN], [-5, 3, 1]], np.float32)


def test_targets_mark_each_cell_and_the_types_that_are_known():
    maps = targets(CELLS, 64, 80, WEIGHTS)
    assert (maps["centres"].shape, maps["types"].shape) == ((16, 20, 1), (16, 20, 2))
    assert np.argwhere(maps["centres"][..., 0] == 1).tolist() == [[2, 4], [10, 12]]
    assert maps["types"][2, 4].tolist() == [3, 4] and maps["types"][..., 1].sum() == 9 * 4


def test_the_cells_of_perfect_maps_are_found():
    maps = targets(CELLS, 64, 80, WEIGHTS)
    types = np.eye(len(TYPES), dtype=np.float32)[maps["types"][..., 0].astype(int)]
    found = peaks(maps["centres"][..., 0], types)
    assert found.places == pytest.approx(np.array([[18, 10], [50, 42]]), abs=0.01)
    assert found.types[0] == 3


def test_the_centre_loss_is_that_of_the_formula():
    wanted = np.array([1.0, 0.5, 0.0]).reshape(1, 1, 3, 1)
    chance = np.array([0.8, 0.3, 0.1])
    logits = np.log(chance / (1 - chance)).reshape(wanted.shape).astype(np.float32)
    expected = -(0.2**2 * np.log(0.8) + 0.5**4 * 0.3**2 * np.log(0.7) + 0.1**2 * np.log(0.9))
    assert float(centre_loss(wanted.astype(np.float32), logits)) == pytest.approx(expected, rel=1e-5)


def test_the_type_loss_is_a_weighted_mean_where_types_are_known():
    wanted = np.array([[2, 3.0], [0, 1.0], [1, 0.0]], np.float32).reshape(1, 1, 3, 2)
    logits = np.array([[0, 0, 1], [2, 0, 0], [9, 0, 0]], np.float32).reshape(1, 1, 3, 3)
    entropy = [np.log(np.exp(row).sum()) - row[kind] for row, kind in zip(logits[0, 0], (2, 0, 1), strict=True)]
    assert float(type_loss(wanted, logits)) == pytest.approx((3 * entropy[0] + entropy[1]) / 4, rel=1e-5)


@pytest.mark.slow
def test_the_network_keeps_its_form_and_learns(tmp_path):
    network = CellFinder(types=len(TYPES), filters=(8, 8, 8, 8))
    network.build((None, None, None, 3))
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3)).astype(np.float32)
    maps = {key: np.stack([value, value]) for key, value in targets(CELLS, 64, 80, WEIGHTS).items()}
    assert {key: tuple(value.shape) for key, value in network(image).items()} == {
        "centres": (2, 16, 20, 1), "types": (2, 16, 20, len(TYPES)),
    }  # fmt: skip
    network.compile(keras.optimizers.Adam(1e-2), loss={"centres": centre_loss, "types": type_loss}, jit_compile=False)
    losses = [float(network.train_on_batch(image, maps, return_dict=True)["loss"]) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    network.save(tmp_path / "finder.keras")
    again = keras.saving.load_model(tmp_path / "finder.keras", compile=False)
    assert again.get_config()["filters"] == network.filters
    np.testing.assert_allclose(again(image)["centres"], network(image)["centres"], rtol=1e-5)


def drawn(seed):
    """A drawn field with cells of the size of the training fields', and those that are wholly inside."""
    field, cells = render_smear_cells(seed, 640, 640)
    inside = ((cells[:, :2] > 20) & (cells[:, :2] < 620)).all(1)
    return reduce(field, 2, "antialiased"), cells[inside] / 2


def test_the_outlines_find_drawn_cells():
    shares = []
    for seed in range(4):
        field, cells = drawn(seed)
        found = outline_centres(field)
        near = np.hypot(*(cells[:, None, :2] - found[None, :, :2]).transpose(2, 0, 1)).min(1) < 10
        shares.append(near.mean())
    assert np.mean(shares) > 0.8
    assert len(outline_centres(np.full((60, 60, 3), 200, np.uint8))) == 0


def test_labels_are_completed_by_cells_without_a_label():
    field, cells = drawn(1)
    label = np.array([[*np.rint(cells[0, :2] + 4), 5]], int)
    whole = completed(Field("1", field, label))
    assert (whole[:, 2] != UNKNOWN).sum() == 1 and len(whole) > 5
    assert np.hypot(*(whole[whole[:, 2] == 5][0, :2] - cells[0, :2])) < 10


def test_label_files_are_checked(tmp_path):
    (tmp_path / "1.txt").write_text("10 20 3\n5 x 1\n", "utf-8")
    with pytest.raises(UserError, match=r"1\.txt: line 2 is '5 x 1', expected x y type"):
        read_labels(tmp_path / "1.txt")
    write_png(tmp_path / "1.png", np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(UserError, match="no image has labels"):
        labelled_fields(tmp_path, tmp_path / "elsewhere")
    (tmp_path / "1.txt").write_text("10 20 3\n", "utf-8")
    (only,) = labelled_fields(tmp_path, tmp_path)
    assert (only.name, only.labels.tolist()) == ("1", [[10, 20, 3]])
