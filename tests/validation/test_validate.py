"""`sr-tf validate` from end to end on a drawn smear, and its errors."""

import json

import numpy as np
import pytest

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.cells.agreement import match
from sr_tf.cells.shipped import FOLDER, card, shipped_finder
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear_cells
from sr_tf.generators.load import read_weights
from sr_tf.generators.weights_hash import arrays_sha256
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import write_png
from sr_tf.validation import validate as module
from sr_tf.validation.validate import validate


def drawn(seed, side=640):
    """A drawn smear with cells of the size that the finder expects, and the cells wholly inside."""
    field, cells = render_smear_cells(seed, 2 * side, 2 * side)
    inside = ((cells[:, :2] > 30) & (cells[:, :2] < 2 * side - 30)).all(1)
    return reduce(field, 2, "antialiased"), cells[inside] / 2


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """(a drawn smear's file, its archive without generators)."""
    folder = tmp_path_factory.mktemp("cells")
    slide, archive = folder / "smear.png", folder / "smear.sr.zip"
    write_png(slide, drawn(7, 320)[0])
    write_archive(slide, archive, Options(gate=QUALITIES["visual"], models=()))
    return slide, archive


def test_the_shipped_weights_are_small_and_have_the_hash_of_their_name():
    (path,) = FOLDER.glob("*.npz")
    assert path.stat().st_size < 700_000
    assert path.stem == card()["weights_sha256"] == arrays_sha256(read_weights(path))


@pytest.mark.slow
def test_the_finder_finds_most_drawn_cells():
    recalls, precisions = [], []
    for seed in (101, 102, 103):  # not among those that it was trained on
        field, cells = drawn(seed, 320)
        found = shipped_finder().find(field)
        pairs = match(cells[:, :2], found.places, 12)
        inside = ((found.places > 15) & (found.places < 305)).all(1).sum()
        recalls.append(len(pairs) / len(cells))
        precisions.append(len(pairs) / inside)
    assert np.mean(recalls) > 0.85
    assert np.mean(precisions) > 0.8


@pytest.mark.slow
def test_the_command_writes_a_page_and_a_record(archived, tmp_path, capsys):
    slide, archive = archived
    page = tmp_path / "page.html"
    command = ["validate", str(archive), "--against", str(slide), "--out", str(page)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "restored" in said and "JPEG quality 90" in said and "Research use only" in said
    record = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert [one["name"] for one in record["methods"]] == [
        "restored", "JPEG quality 90", "AVIF at equal bytes", "bicubic ×4 at equal bytes",
    ]  # fmt: skip
    cells = record["methods"][0]["cells"]
    restored, *_, bicubic = (one["detail"] for one in record["methods"])
    assert restored["patches"] + restored["blank"] == bicubic["patches"] + bicubic["blank"] == 16
    assert cells["original"] > 5 and abs(cells["bias_percent"]) < 25
    text = page.read_text("utf-8")
    assert text.count("<figure>") == len(record["methods"][0]["differences"])
    assert main(command) == 2
    assert "exists, expected a new name, or --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.long
def test_a_lossless_archive_has_the_same_cells(archived, tmp_path):
    slide, _ = archived
    archive = tmp_path / "exact.sr.zip"
    write_archive(slide, archive, Options(gate=QUALITIES["lossless"], models=()))
    restored, *_ = validate(archive, slide).methods
    types, counts = restored.tally.type_agreement(), restored.tally.count_agreement()
    assert (types.same, counts.bias, restored.differences) == (types.pairs, 0, [])


@pytest.mark.slow
def test_floors_on_some_windows_stand_beside_the_archive_on_the_same(archived, monkeypatch):
    slide, archive = archived
    monkeypatch.setattr(module, "spread", lambda count, most: [0])
    monkeypatch.setattr(module, "windows", _halves)
    restored, same, *others = validate(archive, slide).methods
    assert same.name == "restored, windows of the floors" and others
    assert restored.windows == 2 and {one.windows for one in (same, *others)} == {1}


def _halves(grid):
    from sr_tf.archive.finder_windows import Window

    half = grid.width // 2
    for left, wide in ((0, half), (half, grid.width - half)):
        yield Window((left, 0, wide, grid.height), (left, 0, wide, grid.height))


def test_another_slide_is_one_line_and_exit_code_2(archived, tmp_path, capsys):
    _, archive = archived
    other = tmp_path / "other.png"
    write_png(other, drawn(8, 320)[0])
    assert main(["validate", str(archive), "--against", str(other), "--out", str(tmp_path / "page.html")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"{other}: is not the slide of {archive}" in error
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_a_slide_without_cells_is_refused(tmp_path, capsys):
    slide, archive = tmp_path / "empty.png", tmp_path / "empty.sr.zip"
    write_png(slide, np.full((64, 64, 3), 220, np.uint8))
    write_archive(slide, archive, Options(gate=QUALITIES["visual"], models=()))
    assert main(["validate", str(archive), "--against", str(slide)]) == 2
    assert f"{slide}: no red cell was found, expected a blood smear" in capsys.readouterr().err


def test_no_file_of_another_kind_is_replaced(archived, tmp_path, capsys):
    slide, archive = archived
    page = tmp_path / "page.html"
    for path, text in ((page, "<!doctype html>\n<p>a page of mine"), (page.with_suffix(".json"), "{}")):
        path.write_text(text, "utf-8")
        assert main(["validate", str(archive), "--against", str(slide), "--out", str(page), "--overwrite"]) == 2
        assert f"{path}: exists and is not a" in capsys.readouterr().err
        path.unlink()
    assert main(["validate", str(archive), "--against", str(slide), "--out", str(archive), "--overwrite"]) == 2
    assert "is the archive itself" in capsys.readouterr().err
