"""`sr-tf certificate`, and what `--check` finds."""

import json
import shutil

import msgspec
import pytest
from drawn_tissue import write_tissue

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.certificate.check import measured_findings, read_certificate
from sr_tf.certificate.page import to_html
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

METHOD = {
    "name": "restored", "bits_per_pixel": 0.1,
    "cells": {"original": 9, "stored": 8, "bias_percent": -11.1, "limits_of_agreement": [None, None],
              "only_in_original": 1, "only_in_stored": 0, "places": 1, "bias": -1.0},
    "types": {"kappa": 0.97, "kappa_interval": [0.9, 1.0], "pairs": 8, "same": 8},
}  # fmt: skip


@pytest.fixture
def results(archived, certified, tmp_path):
    """A record of `sr-tf validate` for the archive."""
    path = tmp_path / "cells.json"
    record = {
        "made_by": "sr-tf validate, sr_tf 0", "archive_sha256": certified[0].archive.sha256, "protocol": "how",
        "counted": "red cells", "types": ["normal cell"],
        "finder": {"weights_sha256": "ab" * 32, "in_words": "κ 0.42."}, "methods": [METHOD], "more": 1,
    }  # fmt: skip
    path.write_text(json.dumps(record), "utf-8")
    return path


def run(capsys, *arguments):
    """(exit code, stdout, stderr)."""
    code = main(["certificate", *map(str, arguments)])
    return code, *capsys.readouterr()


@pytest.mark.slow
def test_a_certificate_is_written_checked_and_measured_again(archived, results, tmp_path, capsys):
    slide, archive = archived
    page = tmp_path / "page.html"
    writing = (archive, "--against", slide, "--out", page, "--pdf", "--validation", results)
    code, said, _ = run(capsys, *writing)
    assert code == 0 and "Every tile passed the gate of the quality visual" in said and "Research use only" in said
    assert page.with_suffix(".pdf").read_bytes().startswith(b"%PDF-")
    code, said, _ = run(capsys, archive, "--check", page)
    assert code == 0 and "belongs to" in said and "counts of red cells were not checked" in said
    code, said, _ = run(capsys, archive, "--check", page, "--against", slide, "--validation", results)
    assert code == 0 and "measured again" in said and "not checked" not in said
    code, _, error = run(capsys, *writing)
    assert code == 2 and "exists, expected a new name, or --overwrite" in error

    results.write_text(results.read_text("utf-8").replace("0.97", "0.99"), "utf-8")
    code, _, error = run(capsys, archive, "--check", page, "--validation", results)
    assert code == 2 and "cells.methods[0].kappa is 0.97, expected 0.99" in error


@pytest.mark.long
def test_nuclei_are_counted_when_asked(tmp_path, capsys):
    slide, archive, page = tmp_path / "tissue.tif", tmp_path / "tissue.sr.zip", tmp_path / "page.html"
    write_tissue(slide)
    write_archive(slide, archive, Options(gate=QUALITIES["visual"], models=()))
    code, _, error = run(capsys, archive, "--against", slide, "--out", page, "--pdf", "--cells", "auto")
    assert code == 0, error
    certificate, *_ = read_certificate(page)
    cells = certificate.cells
    assert (cells.counted, cells.typed, cells.finder_sha256) == ("nuclei", False, None)
    assert cells.methods[0].original > 40 and abs(cells.methods[0].bias_percent) < 10
    assert certificate.archive.slide.mpp == pytest.approx((0.5, 0.5)) and " µm" in page.read_text("utf-8")
    assert "κ" not in page.read_text("utf-8")
    assert run(capsys, archive, "--check", page)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('<td>≥ 34</td>', '<td>≥ 40</td>', "makes of its record: it was changed"),
        ('"objective_power":null', '"objective_power":40.0', "objective_power is '40.0', expected 'None'"),
        ('{"name":"psnr","worst":3', '{"name":"psnr","worst":4', "worst psnr is 4"),
        ("data:image/png;base64,", "data:image/png;base64,AAAA", "a picture is missing or was changed"),
        ('"factor":', '"factor":1', "makes of its record: it was changed"),
        ('"made":"20', '"made":"x20', "its record cannot be shown"),
        ('"note":', '"note":1,"x":', "expected a page of `sr-tf certificate`"),
        ('id="record"', 'id="other"', "has no record of a certificate in it"),
        ('"made_by":"sr-tf certificate, sr_tf ', '"made_by":"sr-tf certificate, sr_tf 9', "only the version that made"),
    ],
)  # fmt: skip
def test_changes_of_a_page_are_found(archived, page, capsys, old, new, finding):
    text = page.read_text("utf-8")
    assert old in text
    page.write_text(text.replace(old, new, 1), "utf-8")
    code, _, error = run(capsys, archived[1], "--check", page)
    assert code == 2 and finding in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("forge", "finding"),
    [
        (lambda tile: {"scores": {**tile.scores, "psnr": 50.0}}, "shown[0].scores.psnr is 50"),
        (lambda tile: {"pictures": (tile.pictures[0],) * 2 + tile.pictures[2:]}, "the picture of the restored tile"),
        (lambda tile: {"pictures": tile.pictures[:2] + tile.pictures[:1]}, "the picture of the difference"),
    ],
    ids=["figure", "restored picture", "difference"],
)
def test_a_forged_page_is_found_by_measuring_again(archived, certified, page, capsys, forge, finding):
    certificate, pictures, _ = read_certificate(page)
    assert measured_findings(page, (certificate, pictures), certified) == []
    first, *others = certificate.shown
    shown = [msgspec.structs.replace(first, **forge(first)), *others]
    page.write_text(to_html(msgspec.structs.replace(certificate, shown=shown), pictures), "utf-8")
    assert run(capsys, archived[1], "--check", page)[0] == 0
    forged, pictures, _ = read_certificate(page)
    (found,) = measured_findings(page, (forged, pictures), certified)
    assert finding in found


def test_a_certificate_of_another_archive_or_slide_is_told(archived, page, tmp_path, capsys):
    _, archive = archived
    other, own = tmp_path / "other.png", tmp_path / "other.sr.zip"
    write_png(other, render_smear(6, 200, 540))
    write_archive(other, own, Options(gate=QUALITIES["visual"], models=()))
    code, _, error = run(capsys, own, "--check", page)
    assert code == 2 and "belongs to an archive of SHA-256" in error
    code, _, error = run(capsys, archive, "--against", other, "--out", tmp_path / "new.html")
    assert code == 2 and f"{other}: is not the slide of {archive}" in error
    assert not (tmp_path / "new.html").exists()


def test_a_damaged_archive_gets_none(archived, tmp_path, capsys):
    slide, archive = archived
    damaged, page = tmp_path / "damaged.sr.zip", tmp_path / "page.html"
    shutil.copy(archive, damaged)
    content = bytearray(damaged.read_bytes())
    content[content.index(b"README.txt") + 40] ^= 1
    damaged.write_bytes(content)
    code, _, error = run(capsys, damaged, "--against", slide, "--out", page)
    assert code == 2 and "so there is no certificate" in error and not page.exists()


def test_results_of_another_archive_and_wrong_arguments_are_one_line(archived, results, tmp_path, capsys):
    slide, archive = archived
    results.write_text(results.read_text("utf-8").replace('archive_sha256": "', 'archive_sha256": "00'), "utf-8")
    for arguments, expected in (
        (("--against", slide, "--validation", results), f"{results}: belongs to an archive of SHA-256 00"),
        (("--against", slide, "--validation", slide), f"{slide}: expected the JSON file of `sr-tf validate`"),
        ((), "--against: is missing"),
        (("--check", slide), "expected a page of `sr-tf certificate`"),
        (("--check", tmp_path / "none.html"), "none.html"),
        (("--check", slide, "--pdf"), "expected no --pdf with it"),
        (("--check", slide, "--cells", "red"), "expected no --cells with it"),
        (("--against", slide, "--out", slide, "--overwrite"), "is the slide itself"),
    ):
        code, _, error = run(capsys, archive, *arguments)
        assert code == 2 and error.count("\n") == 1 and expected in error, error


@pytest.mark.slow
def test_a_certificate_of_diagnostic_states_the_worst_cells(archived, tmp_path, capsys):
    slide, archive = archived[0], tmp_path / "diagnostic.sr.zip"
    write_archive(slide, archive, Options(gate=QUALITIES["diagnostic"], models=()))
    page = tmp_path / "page.html"
    assert run(capsys, archive, "--against", slide, "--out", page)[0] == 0
    text = page.read_text("utf-8")
    assert "SSIM of the worst detail cell" in text and "error of the worst detail cell" in text and "≤ 20" in text
    assert run(capsys, archive, "--check", page, "--against", slide)[0] == 0
    worst = next(one for one in read_certificate(page)[0].scores if one.name == "local_error").worst
    page.write_text(text.replace(f'"local_error","worst":{worst}', '"local_error","worst":8.0'), "utf-8")
    code, _, error = run(capsys, archive, "--check", page)
    assert code != 0 and error
