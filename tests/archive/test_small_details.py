"""The gate on cells: what means over a tile hide, how it is stored, and that archives keep to it."""

import dataclasses

import numpy as np
import pytest
from forger import Forgery
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small_details import LOSSES

from sr_tf.archive import cells
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cells import LOCAL_ERROR, LOCAL_SSIM, STEPS
from sr_tf.archive.gate import QUALITIES, Gate, measured_names
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.map_picture import draw_map
from sr_tf.archive.measure import Measure
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.main import main
from sr_tf.errors import UserError

DIAGNOSTIC = QUALITIES["diagnostic"]
MEANS = dataclasses.replace(DIAGNOSTIC, min_local_ssim=None, max_local_error=None)
"""The gate without cells."""


@pytest.mark.parametrize("name", LOSSES)
def test_a_lost_detail_passes_by_means_and_fails_by_cells(name):
    loss = LOSSES[name]()
    measure = Measure(measured_names(DIAGNOSTIC))
    kept, lost = measure(loss.original, loss.kept), measure(loss.original, loss.lost)
    assert DIAGNOSTIC.passes(kept), "coding alone costs no detail"
    assert DIAGNOSTIC.margin(kept) > 0 and DIAGNOSTIC.distance(kept) > 1
    assert MEANS.passes(lost) and lost["psnr"].min() >= 38 and lost["ssim"].min() >= 0.95
    assert not DIAGNOSTIC.passes(lost) and not DIAGNOSTIC.passed_as_stored(lost).any()
    assert DIAGNOSTIC.margin(lost) < 0 and DIAGNOSTIC.distance(lost) < 0
    row, column = (place // 32 for place in loss.place)
    worst_row, worst_column = (place // 32 for place in reversed(cells.place_of_worst(LOCAL_ERROR, lost[LOCAL_ERROR])))
    assert abs(worst_row - row) <= 1 and abs(worst_column - column) <= 1


def test_gates_without_cells_judge_and_measure_as_before():
    assert not any(QUALITIES[name].judges_cells for name in ("visual", "lossless", "study"))
    loss = LOSSES["letter"]()
    scores = Measure()(loss.original, loss.lost)
    assert set(scores) == {"psnr", "ssim", "shift"}
    assert QUALITIES["visual"].passes(scores)
    with_cells = Measure(measured_names(DIAGNOSTIC))(loss.original, loss.lost)
    assert all(with_cells[name] == pytest.approx(scores[name], abs=1e-12) for name in scores)


def test_a_cell_fails_its_tile_only():
    shape = 17, 9  # cells of 3 × 2 tiles
    scores = {"psnr": np.full((3, 2), 40.0), "ssim": np.full((3, 2), 0.97), "shift": np.zeros((3, 2))}
    scores |= {LOCAL_SSIM: np.full(shape, 0.95), LOCAL_ERROR: np.full(shape, 3.0)}
    assert DIAGNOSTIC.passed(scores).all() and DIAGNOSTIC.passed_as_stored(scores).all()
    scores[LOCAL_SSIM][16, 8] = 0.79
    scores[LOCAL_ERROR][7, 7] = 20.1
    expected = [[False, True], [True, True], [True, False]]
    assert DIAGNOSTIC.passed(scores).tolist() == DIAGNOSTIC.passed_as_stored(scores).tolist() == expected


@given(st.floats(-1, 1), st.floats(0, 255))
def test_stored_cells_are_bounds_of_what_was_measured(ssim, error):
    measured = {LOCAL_SSIM: np.array([[ssim]]), LOCAL_ERROR: np.array([[error]])}
    stored = cells.unpack(cells.pack(measured))
    assert stored[LOCAL_SSIM] <= ssim + 1.01e-6 and stored[LOCAL_ERROR] >= error - 1.01e-6
    assert all(np.array_equal(cells.rounded(name, measured[name]), stored[name]) for name in STEPS)
    again = cells.unpack(cells.pack(stored))
    assert all(np.array_equal(stored[name], again[name]) for name in STEPS), "a bound stands for itself"


@given(st.floats(0, 0.9999), st.floats(1, 255), st.floats(0, 0.3), st.floats(0, 50))
def test_cells_that_passed_pass_as_they_are_stored(least, largest, more, less):
    gate = Gate("custom", 30, 0.9, min_local_ssim=least, max_local_error=largest)
    scores = {"psnr": np.full((1, 1), 40.0), "ssim": np.full((1, 1), 0.97), "shift": np.zeros((1, 1))}
    scores |= {LOCAL_SSIM: np.array([[min(least + more, 1)]]), LOCAL_ERROR: np.array([[max(largest - less, 0)]])}
    assert gate.passes(scores)
    assert gate.passed_as_stored({**scores, **cells.unpack(cells.pack(scores))}).all()
    assert not gate.passed_as_stored({**scores, LOCAL_SSIM: np.array([[np.nan]])}).any()


def test_unknown_numbers_are_refused():
    for number in (16 * len(STEPS[LOCAL_SSIM]), len(STEPS[LOCAL_ERROR])):
        with pytest.raises(ValueError, match="stands for no score"):
            cells.unpack(np.array([[number]], np.uint8))


@pytest.fixture(scope="module")
def details(tmp_path_factory):
    """A slide of 3 tiles and a bit, each with a small detail, and its archive at diagnostic; no network."""
    folder = tmp_path_factory.mktemp("details")
    pixels = np.concatenate([draw().original for draw in LOSSES.values()], axis=1)
    pixels = np.pad(pixels, ((0, 70), (0, 9), (0, 0)), mode="reflect")
    Image.fromarray(pixels).save(folder / "details.png")
    write_archive(folder / "details.png", folder / "a.sr.zip", Options(DIAGNOSTIC, ()))
    return folder / "details.png", pixels, folder / "a.sr.zip"


def test_an_archive_keeps_the_scores_of_its_cells(details):
    _, pixels, path = details
    with ArchivedSlide(path) as archive:
        grid, scores = archive.header.grid, archive.scores()
        assert archive.header.gate == DIAGNOSTIC and "cells.npy" in archive.header.members
        assert scores[LOCAL_SSIM].shape == scores[LOCAL_ERROR].shape == grid.cell_shape == (11, 25)
        restored = archive.read(0, 0, grid.width, grid.height)
        expected = Measure(measured_names(DIAGNOSTIC))(pixels, restored)
        stored = cells.unpack(cells.pack(expected))
        for name in STEPS:
            np.testing.assert_array_equal(scores[name], stored[name])
        bits = 8 * archive.member_size("cells.npy") / scores[LOCAL_SSIM].size
    assert DIAGNOSTIC.passes(expected)
    assert bits < 6, "of which the head of the NPY file takes about three"


def test_verify_and_info_say_what_cells_have(details, capsys):
    slide, _, path = details
    assert main(["verify", str(path), "--against", str(slide)]) == 0
    assert "local_ssim 0." in capsys.readouterr().out
    assert main(["info", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "every detail cell of 32×32 pixels local SSIM ≥ 0.8, local error ≤ 20 of 255" in printed
    assert (
        "local_error worst detail cell at most " in printed and "local_ssim  worst detail cell at least 0." in printed
    )


def test_verify_finds_recorded_cells_that_are_too_good(details, tmp_path, capsys):
    slide, _, path = details
    forgery = Forgery(path)
    packed = forgery.array("cells.npy")
    forgery.set_array("cells.npy", np.full_like(packed, 16 * (len(STEPS[LOCAL_SSIM]) - 1)))
    forged = forgery.save(tmp_path / "forged.sr.zip")
    assert check_integrity(forged) == []
    with ArchiveFile(path) as archive:
        assert archive.scores()[LOCAL_ERROR].max() >= STEPS[LOCAL_ERROR][2], "two steps are more than rounding"
    assert main(["verify", str(forged), "--against", str(slide)]) == 2
    assert "has local_error" in capsys.readouterr().err


def test_cells_that_are_wrong_are_found_without_the_original(details, tmp_path):
    path = details[2]

    def changed(change) -> list[str]:
        forgery = Forgery(path)
        change(forgery)
        return check_integrity(forgery.save(tmp_path / "forged.sr.zip"))

    def set_cell(value: int):
        def change(forgery: Forgery) -> None:
            packed = forgery.array("cells.npy")
            packed[3, 4] = value
            forgery.set_array("cells.npy", packed)

        return change

    assert changed(lambda forgery: None) == []
    assert "do not pass its gate" in changed(set_cell(16 * 4 + 1))[0]
    assert "stands for no score" in changed(set_cell(255))[0]
    assert "shape" in changed(lambda forgery: forgery.set_array("cells.npy", forgery.array("cells.npy")[1:]))[0]
    with pytest.raises(UserError, match=r"cells\.npy"):
        changed(lambda forgery: forgery.members.pop("cells.npy"))

    def without_gate(forgery: Forgery) -> None:
        del forgery.header["gate"]["min_local_ssim"], forgery.header["gate"]["max_local_error"]
        del forgery.members["cells.npy"]

    assert changed(without_gate) == [], "as earlier programs wrote it"


def test_the_map_marks_the_worst_cells(details):
    with ArchiveFile(details[2]) as archive:
        places = cells.worst_places(archive.scores(), 5)
        assert draw_map(archive).startswith(b"\x89PNG")
        errors = [error for *_, error in places]
        assert errors == sorted(errors, reverse=True) and errors[0] == archive.scores()[LOCAL_ERROR].max()
        assert all(x % 32 == y % 32 == 0 for x, y, *_ in places)


def test_a_gate_of_cells_by_numbers(details, tmp_path, capsys):
    slide, target = details[0], tmp_path / "custom.sr.zip"
    limits = ["--min-local-ssim", "0.7", "--max-local-error", "24", "--models", ""]
    assert main(["archive", str(slide), str(target), "--effort", "1", *limits]) == 0
    assert "every detail cell of 32×32 pixels local SSIM ≥ 0.7, local error ≤ 24 of 255" in capsys.readouterr().out
    with ArchiveFile(target) as archive:
        scores = archive.scores()
        assert scores[LOCAL_SSIM].min() >= 0.7 and scores[LOCAL_ERROR].max() <= 24
    for wrong in (["--min-local-ssim", "1"], ["--max-local-error", "0.5"], ["--max-local-error", "nan"]):
        assert main(["archive", str(slide), str(tmp_path / "x.sr.zip"), *wrong]) == 2
        assert f"{wrong[0]}=" in capsys.readouterr().err
    for quality in ("lossless", "study"):
        assert main(["archive", str(slide), str(tmp_path / "x.sr.zip"), "--quality", quality, *limits[:2]]) == 2
        assert "--min-local-ssim" in capsys.readouterr().err
