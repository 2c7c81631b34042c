"""`sr-tf archive --cells`: no red cell is lost, added or changed in type, and how archives say so."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from forger import Forgery

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cell_comparison import CellComparison, is_flat
from sr_tf.archive.cells_again import compare_cells_again, with_cells_again
from sr_tf.archive.choices import chosen_gate
from sr_tf.archive.gate import QUALITIES, Gate
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.kinds import EXACT
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.cells.agreement import match
from sr_tf.cells.finder import Cells
from sr_tf.cells.shipped import finder_sha256, shipped_finder
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear, render_smear_cells
from sr_tf.errors import UserError
from sr_tf.fleet.record import words, words_of
from sr_tf.images.degradation import reduce
from sr_tf.images.reading import read_rgb, write_png
from sr_tf.validation.results import Validation
from sr_tf.validation.validate import validate

LOW = Gate("custom", 26, 0.5)
"""A gate at which many cells are lost."""
HEIGHT, WIDTH = 128, 560  # 1 × 2 blocks, cells of the size that the finder expects


def options(agree: str | None) -> Options:
    return Options(replace(LOW, red_cells=agree), (), effort=1)


@pytest.fixture(scope="module")
def smear(tmp_path_factory):
    """The file of a drawn smear."""
    path = tmp_path_factory.mktemp("smear") / "smear.png"
    field, _ = render_smear_cells(7, 2 * HEIGHT, 2 * WIDTH)
    write_png(path, reduce(field, 2, "antialiased"))
    return path


@pytest.fixture(scope="module")
def archives(smear):
    """Its archives: without the gate on cells, with `count`, with `types`."""
    found = {agree: smear.with_name(f"{agree}.sr.zip") for agree in (None, "count", "types")}
    for agree, path in found.items():
        write_archive(smear, path, options(agree))
    return found


def differing(found: Validation) -> tuple[int, int]:
    """How many cells are in one of both only, and how many have another type, as `sr-tf validate` finds it."""
    tally = found.methods[0].tally
    types = tally.type_agreement()
    return tally.lost + tally.gained, types.pairs - types.same


def beside_original(archive, slide) -> tuple[int, int]:
    """The same, found in the whole slide at once and counted here."""
    pixels = read_rgb(slide)
    with ArchivedSlide(archive) as opened:
        own, other = (shipped_finder().find(image) for image in (pixels, opened.read(0, 0, WIDTH, HEIGHT)))
    pairs = match(own.places, other.places, 12)
    changed = own.types[pairs[:, 0]] != other.types[pairs[:, 1]]
    return len(own) + len(other) - 2 * len(pairs), int(changed.sum())


@pytest.mark.slow
def test_cells_that_differ_without_the_gate_agree_with_it(smear, archives):
    plain, of_count, of_types = (beside_original(path, smear) for path in archives.values())
    assert plain[0] > 5 and plain[1] > 3
    assert of_count[0] == 0 < of_count[1]
    assert of_types == (0, 0)
    sizes = [path.stat().st_size for path in archives.values()]
    assert sizes == sorted(sizes)
    assert all(check_integrity(path) == [] for path in archives.values())


@pytest.mark.long
def test_validate_finds_the_same_and_says_what_it_is_worth(smear, archives):
    found = {agree: validate(path, smear) for agree, path in archives.items()}
    lost_or_gained, changed = differing(found[None])
    assert lost_or_gained > 5 and changed > 3
    of_count, of_types = differing(found["count"]), differing(found["types"])
    assert of_count[0] == 0 < of_count[1]
    assert of_types == (0, 0)
    said = ["no evidence of its own" in one.protocol and one.gated for one in found.values()]
    assert said == [False, True, True]


@pytest.mark.slow
def test_archives_name_the_finder_and_say_what_it_found(smear, archives, capsys):
    with ArchiveFile(archives[None]) as archive:
        assert archive.header.red_cells is None and archive.header.gate == LOW
        assert "red_cells" not in archive.header.to_json()
    for agree in ("count", "types"):
        with ArchiveFile(archives[agree]) as archive:
            header = archive.header
            assert header.gate == replace(LOW, red_cells=agree)
            assert words_of(header)["same red cells"] == words(options(agree))["same red cells"] == agree
            assert (archive.scores()["psnr"] >= LOW.min_psnr).all()
        content, raised = json.loads(header.to_json()), header.red_cells.raised
        assert 1 <= raised <= 2
        assert content["red_cells"] == {
            "agree": agree, "finder_sha256": finder_sha256(), "found": header.red_cells.found, "raised": raised,
        }  # fmt: skip
        assert "red_cells" not in content["gate"]
        assert main(["info", str(archives[agree])]) == 0
        printed = capsys.readouterr().out
        assert "; the same red cells found, none lost" in printed
        assert f"finds the same {header.red_cells.found:,} in original and archive" in printed
        assert f"stored larger for this: {raised} block" in printed
    assert header.red_cells.found > 20


@pytest.mark.slow
def test_verify_compares_the_cells_again(smear, archives, tmp_path, capsys):
    assert main(["verify", str(archives["types"]), "--against", str(smear)]) == 0
    assert "0 differ in the archive" in capsys.readouterr().out
    assert compare_cells_again(archives[None], smear) is None
    assert with_cells_again([], archives[None], smear) == ([], None)
    assert with_cells_again(["tile 0,0"], archives["types"], smear) == (["tile 0,0"], None)  # not compared
    with ArchiveFile(archives["types"]) as archive:
        stated = json.loads(archive.header.to_json())["red_cells"]

    def forged(**changes):
        forgery = Forgery(archives[None])
        forgery.header["red_cells"] = {**stated, **changes}
        return forgery.save(tmp_path / "forged.sr.zip")

    lying = forged()
    assert check_integrity(lying) == []
    assert main(["verify", str(lying), "--against", str(smear)]) == 2
    assert "red cells that differ from the original's" in capsys.readouterr().err
    for found in (0, 4_000_000_000):
        boasting = forged(found=found)
        (*_, first) = compare_cells_again(boasting, smear).findings[::-1]
        assert first.endswith(f"states {found:,} red cells, expected {stated['found']:,} as in the original")
    again = compare_cells_again(forged(finder_sha256="0" * 64), smear)
    assert again.findings == [] and "not compared" in again.report
    for wrong in ({"agree": "size"}, {"found": -1}, {"finder_sha256": "a"}):
        with pytest.raises(UserError, match=f"`red_cells.{next(iter(wrong))}` is "):
            ArchiveFile(forged(**wrong))
    forgery = Forgery(archives["types"])
    forgery.header["gate"]["min_psnr"] = None
    with pytest.raises(UserError, match="`red_cells` is stated, expected none with a lossless gate"):
        ArchiveFile(forgery.save(tmp_path / "lossless.sr.zip"))


@pytest.mark.slow
def test_an_interrupted_call_is_continued_by_the_same_call_only(smear, tmp_path, monkeypatch):
    target, calls = tmp_path / "types.sr.zip", []

    def stopping(pixels):
        calls.append(None)
        if len(calls) == 4:
            raise UserError("stopped")
        return shipped_finder().find(pixels)

    with monkeypatch.context() as patched:
        patched.setattr(
            "sr_tf.archive.write.shipped_comparison", lambda agree, _: CellComparison(agree, stopping, finder_sha256())
        )
        with pytest.raises(UserError, match="stopped"):
            write_archive(smear, target, options("types"))
    for agree, expected in ((None, "none"), ("count", "count")):
        with pytest.raises(UserError, match=rf"another call .*red cells types, expected {expected}"):
            write_archive(smear, target, options(agree))
    assert write_archive(smear, target, options("types")).red_cells.raised > 0
    assert compare_cells_again(target, smear).findings == []


def comparison_of(find):
    """What makes `write_archive` use a finder of the test: the finder is what `CellComparison` is given."""
    return lambda agree, slide: CellComparison(agree, find, "0" * 64)


@pytest.mark.parametrize("seen", ["all", "neighbour"])
def test_blocks_are_raised_to_exact_pixels_and_then_their_neighbours(seen, tmp_path, monkeypatch):
    """A cell in the first block has another type as long as a pixel differs, anywhere or in the second block only."""
    slide, target = tmp_path / "slide.png", tmp_path / "slide.sr.zip"
    pixels = render_smear(3, 64, 560)
    write_png(slide, pixels)
    part = slice(512 if seen == "neighbour" else 0, None)

    def find(found):
        changed = not np.array_equal(found[:, part], pixels[:, part])
        return Cells(np.float32([(500, 30)]), np.array([int(changed)]), np.float32([1]))

    monkeypatch.setattr("sr_tf.archive.write.shipped_comparison", comparison_of(find))
    gate = Gate("custom", 45, 0.9, red_cells="types")
    header = write_archive(slide, target, Options(gate, (), effort=1))
    assert (header.red_cells.found, header.red_cells.raised) == (1, 2)
    with ArchivedSlide(target) as archive:
        assert {archive.kind(*place) for place in archive.header.grid.blocks()} == {EXACT}
        np.testing.assert_array_equal(archive.read(0, 0, 560, 64), pixels)


def test_a_cell_belongs_to_one_block_and_other_blocks_stay(tmp_path, monkeypatch):
    slide, plain, gated = (tmp_path / name for name in ("slide.png", "plain.sr.zip", "gated.sr.zip"))
    pixels = render_smear(3, 64, 1100)
    write_png(slide, pixels)
    write_archive(slide, plain, options(None))
    with ArchivedSlide(plain) as before:
        without = before.read(0, 0, 1100, 64)

    def error(found):
        return np.abs(found[:, 600:700].astype(int) - pixels[:, 600:700]).mean()

    def find(found):
        """A cell that is lost in the middle block unless its part is nearly right; the second window has none."""
        if found.shape[1] < 1000:
            return Cells(np.zeros((0, 2), np.float32), np.zeros(0, int), np.zeros(0, np.float32))
        kept = error(found) < 0.8 * error(without)
        places = [(100, 30), (650, 30)] if kept else [(100, 30)]
        return Cells(np.float32(places), np.zeros(len(places), int), np.ones(len(places), np.float32))

    monkeypatch.setattr("sr_tf.archive.write.shipped_comparison", comparison_of(find))
    header = write_archive(slide, gated, options("count"))
    assert (header.red_cells.found, header.red_cells.raised) == (2, 1)
    with ArchivedSlide(plain) as before, ArchivedSlide(gated) as after:
        assert len(find(before.read(0, 0, 1100, 64))) == 1 and len(find(after.read(0, 0, 1100, 64))) == 2
        kinds = [(before.kind(0, column), after.kind(0, column)) for column in range(3)]
        levels = [
            np.array_equal(before.read(*part), after.read(*part)) for part in ((0, 0, 490, 64), (1048, 0, 52, 64))
        ]
    assert kinds[0][0] is kinds[0][1] and EXACT not in kinds[1]
    assert levels == [True, True]


def test_flat_windows_are_not_searched_but_others_are():
    asked = []

    def find(pixels):
        asked.append(pixels)
        return Cells(np.float32([(9, 9)]), np.zeros(1, int), np.ones(1, np.float32))

    from sr_tf.archive.finder_windows import Window

    comparison = CellComparison("count", find, "0" * 64)
    window = Window((0, 0, 256, 128), (0, 0, 256, 128))
    glass = np.clip(np.random.default_rng(0).normal(220, 4, (128, 256, 3)), 0, 255).astype(np.uint8)
    assert is_flat(glass) and len(comparison.cells(window, glass)) == 0 and not asked
    appeared = glass.copy()
    appeared[40:76, 40:76] -= 25  # a pale cell that restoring invented
    other = comparison.cells(window, appeared)
    assert len(asked) == 1
    assert list(comparison.differing(window, comparison.cells(window, glass), other)) == [((0, 0), 1)]
    assert list(comparison.differing(window, other, other)) == []


@pytest.mark.slow
def test_the_finder_finds_nothing_where_it_is_not_asked():
    random = np.random.default_rng(1)
    for light, grain in ((235, 1), (200, 2), (160, 3)):
        slope = np.linspace(0, 2, 640)[None, :, None]
        glass = np.clip(random.normal(light, grain, (640, 640, 3)) + slope, 0, 255).astype(np.uint8)
        assert is_flat(glass)
        assert len(shipped_finder().find(glass)) == 0


@pytest.mark.parametrize(
    ("quality", "cells", "said"),
    [
        ("lossless", "types", "--quality=lossless keeps every pixel; expected no --cells with it"),
        ("study", "count", "--quality=study has no thresholds; expected no --cells with it"),
        ("visual", "size", "--cells=size: expected one of types, count"),
    ],
)
def test_gates_that_cannot_be_are_refused(quality, cells, said):
    with pytest.raises(UserError, match=said):
        chosen_gate(quality, cells=cells)


def test_the_quality_keeps_its_name():
    gate = chosen_gate("diagnostic", cells="types")
    assert gate == replace(QUALITIES["diagnostic"], red_cells="types")
    assert gate.describe().endswith("; the same red cells found, none lost, added or of another type")
    assert chosen_gate("visual", min_psnr=36, cells="count").name == "custom"


def test_a_slide_whose_cells_are_too_small_is_refused_in_one_line(tmp_path, capsys):
    slide, target = tmp_path / "tissue.tif", tmp_path / "tissue.sr.zip"
    tifffile.imwrite(
        slide, render_smear(3, 128, 128), tile=(128, 128), photometric="rgb", metadata=None,
        resolution=(20_000, 20_000), resolutionunit="CENTIMETER",
    )  # fmt: skip
    assert main(["archive", str(slide), str(target), "--cells", "--models", ""]) == 2
    error = capsys.readouterr().err
    assert f"{slide}: states 0.5 µm per pixel, expected at most 0.21 to find red cells" in error
    assert error.count("\n") == 1 and list(tmp_path.iterdir()) == [slide]
