"""The quality `study`, which has no gate, through every command that gathers evidence."""

import json

import pytest

from sr_tf.assets.store import is_cached
from sr_tf.certificate.check import read_certificate
from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png
from sr_tf.reader_study.answers import COLUMNS


def run(capsys, *arguments):
    """What a command printed; it must succeed."""
    code = main([str(part) for part in arguments])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


@pytest.mark.long
@pytest.mark.skipif(
    not is_cached("lpips_imagenet"), reason="`sr-tf assets fetch lpips_imagenet` gets the published weights"
)
def test_a_drawn_smear_from_archive_to_reader_results(tmp_path, capsys):
    slide, archive, page = tmp_path / "smear.png", tmp_path / "smear.sr.zip", tmp_path / "certificate.html"
    write_png(slide, render_smear(5, 400, 640))
    assert "no threshold" in run(capsys, "archive", slide, archive, "--quality", "study")
    assert "lpips" in run(capsys, "verify", archive, "--against", slide)
    printed = run(capsys, "validate", archive, "--against", slide)
    assert "bicubic ×4 at equal bytes" in printed and "the red cells that differ" in printed
    counts = archive.with_name("smear.sr.zip.cells.json")
    said = run(capsys, "certificate", archive, "--against", slide, "--out", page, "--pdf", "--validation", counts)
    assert "There was no gate" in said
    certificate, *_ = read_certificate(page)
    scores = {one.name: one for one in certificate.scores}
    assert list(scores) == ["psnr", "ssim", "shift", "lpips", "local_ssim", "local_error"]
    assert certificate.archive.limits == {} and scores["lpips"].worst > 0 and scores["local_error"].worst >= 8
    assert {one.stored for one in certificate.shown} == {"4× reduced, JPEG XL lossless, generator"}
    assert certificate.cells.methods[0].same <= certificate.cells.methods[0].pairs
    assert "κ 0.423" in certificate.cells.finder_errors
    checking = ("certificate", archive, "--check", page, "--against", slide, "--validation", counts)
    assert "with the same results" in run(capsys, *checking)

    study = tmp_path / "study"
    run(capsys, "reader-kit", archive, "--against", slide, "--out", study, "--cases", 4, "--field", 128)
    sessions = json.loads((study / "key.json").read_text("utf-8"))["sessions"]
    answers = tmp_path / "answers.csv"
    rows = [
        f"{session},{number},{image},normal,4,4,2026-01-{5 + 14 * (session - 1):02},AB"
        for session, images in enumerate(sessions, 1)
        for number, image in enumerate(images, 1)
    ]
    answers.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", "utf-8")
    assert "4 of 4" in run(capsys, "reader-results", study, answers)
