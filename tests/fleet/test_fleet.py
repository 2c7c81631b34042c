"""Fleets from end to end: archives, tables, exit codes, what is skipped and what is refused."""

import fcntl
import json
import os
import shutil

import pytest
from fleets import FLEET, draw, fleet, table

from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.reader import ArchiveFile
from sr_tf.cli.main import main
from sr_tf.disk.hashing import sha256_of_file

pytestmark = pytest.mark.slow


def states(folder):
    """(inode, time) of each archive."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.sr.zip")}


@pytest.fixture
def made(archived, tmp_path):
    """A copy of the slides without the damaged one, and of their archives."""
    shutil.copytree(archived[0], tmp_path / "slides")
    (tmp_path / "slides" / "damaged.svs").unlink()
    return tmp_path / "slides", tmp_path / "slides" / "out"


def test_every_slide_but_the_damaged_one_is_archived(archived):
    slides, out, done = archived
    assert done.returncode == 2
    failures = done.stderr.splitlines()
    assert len(failures) == 2
    assert failures[0].startswith(f"{slides / 'damaged.svs'}: ")
    assert failures[1].startswith(f"sr-tf: error: {out}: 1 of 7 slides failed")
    written = list(out.rglob("*.sr.zip"))
    assert len(written) == 6
    for path in written:
        assert check_integrity(path) == []
    with ArchiveFile(out / "one.sr.zip") as archive:
        assert archive.header.source["sha256"] == sha256_of_file(slides / "one.png")
    assert not list(out.rglob(".*.journal"))


def test_the_archive_is_that_of_the_archive_command(archived, tmp_path):
    slides, out, _ = archived
    assert main(["archive", str(slides / "one.png"), str(tmp_path / "one.sr.zip"), "--models", ""]) == 0
    assert (tmp_path / "one.sr.zip").read_bytes() == (out / "one.sr.zip").read_bytes()


def test_the_csv_file_has_a_row_for_each_slide(archived):
    slides, out, _ = archived
    rows = table(out)
    assert len(rows) == 7
    one = rows["one.sr.zip"]
    assert (one["state"], one["pixels"], one["megapixels"], one["quality"]) == ("done", "120000", "0.120", "visual")
    assert int(one["source bytes"]) == (slides / "one.png").stat().st_size
    assert int(one["archive bytes"]) == (out / "one.sr.zip").stat().st_size
    assert float(one["ratio"]) == pytest.approx(int(one["source bytes"]) / int(one["archive bytes"]), abs=0.01)
    assert float(one["worst tile PSNR (dB)"]) >= 34
    assert float(one["worst tile SSIM"]) >= 0.9
    assert float(one["seconds"]) > 0
    assert rows["damaged.sr.zip"]["state"] == "failed"
    assert str(slides / "damaged.svs") in rows["damaged.sr.zip"]["reason"]
    assert "sub/ü\\n5.sr.zip" in rows


def test_the_page_stands_alone_and_names_are_escaped(archived):
    page = (archived[1] / "fleet.html").read_text("utf-8")
    assert "sub/a &amp; &lt;b&gt; &#x27;c&#x27;.sr.zip" in page
    assert "<b> 'c'" not in page
    assert "Research use only" in page
    assert "<dt>slides archived</dt><dd>6</dd>" in page
    assert "<dt>failed</dt><dd>1</dd>" in page
    assert "saved a year" in page
    assert not any(word in page for word in ("<script", "src=", "http:", "https:", "url("))


def test_the_same_call_does_nothing_again(made):
    slides, out = made
    before = states(out)
    for _ in range(2):
        done = fleet(slides, "--out", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert "complete before  6" in done.stdout
        assert states(out) == before
    assert float(table(out)["one.sr.zip"]["seconds"]) > 0


def test_without_its_state_it_looks_at_the_archives(made):
    slides, out = made
    before = states(out)
    (out / "fleet.json").unlink()
    assert fleet(slides, "--out", out).returncode == 0
    assert states(out) == before
    assert len(json.loads((out / "fleet.json").read_text())["slides"]) == 6


def test_a_new_slide_is_added(made):
    slides, out = made
    before = states(out)
    draw(slides / "seven.png", 7)
    assert fleet(slides, "--out", out).returncode == 0
    after = states(out)
    assert before.items() < after.items()
    assert set(after) - set(before) == {out / "seven.sr.zip"}


@pytest.mark.parametrize("forgotten", [False, True])
def test_other_options_are_a_conflict(made, forgotten):
    slides, out = made
    before = states(out)
    if forgotten:
        (out / "fleet.json").unlink()
    done = fleet(slides, "--out", out, "--min-psnr", "35")
    assert done.returncode == 2
    assert done.stderr.count("exists and was made with another option (quality visual, expected custom)") == 6
    assert states(out) == before
    # What the state says of the archives is kept.
    assert fleet(slides, "--out", out).returncode == 0


def test_options_that_no_archive_records_are_a_conflict_too(made):
    slides, out = made
    done = fleet(slides / "one.png", "--out", out, "--refine")
    assert done.returncode == 2
    assert "another option (refinement off, expected on)" in done.stderr


def test_another_slide_of_the_same_name_is_a_conflict(made):
    slides, out = made
    before = states(out)
    draw(slides / "one.png", 8)
    done = fleet(slides, "--out", out)
    assert done.returncode == 2
    assert f"{out / 'one.sr.zip'}: exists and is of another slide than {slides / 'one.png'}" in done.stderr
    assert states(out) == before
    assert table(out)["one.sr.zip"]["state"] == "failed"


def test_a_damaged_archive_is_a_conflict(made):
    slides, out = made
    content = bytearray((out / "two.sr.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (out / "two.sr.zip").write_bytes(content)
    done = fleet(slides, "--out", out)
    assert done.returncode == 2
    assert str(out / "two.sr.zip") in done.stderr
    assert (out / "two.sr.zip").read_bytes() == content


def test_a_file_that_is_no_archive_is_not_replaced(drawn, tmp_path):
    (tmp_path / "one.sr.zip").write_text("mine")
    done = fleet(drawn / "one.png", "--out", tmp_path)
    assert done.returncode == 2
    assert "is not a ZIP file" in done.stderr
    assert (tmp_path / "one.sr.zip").read_text() == "mine"


def test_deidentified_archives_are_skipped_by_what_the_state_knows(drawn, tmp_path):
    source = shutil.copy(drawn / "one.png", tmp_path / "one.png")
    call = [source, "--out", tmp_path / "out", "--deidentify"]
    assert fleet(*call).returncode == 0
    before = states(tmp_path / "out")
    os.utime(source)
    assert fleet(*call).returncode == 0
    assert states(tmp_path / "out") == before
    (tmp_path / "out" / "fleet.json").unlink()
    done = fleet(*call)
    assert done.returncode == 2
    assert "does not record its slide" in done.stderr


def test_one_fleet_at_a_time(made):
    slides, out = made
    with (out / ".fleet.lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = fleet(slides, "--out", out)
    assert done.returncode == 2
    assert "is being written by another process" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["EMPTY"], "no slides found"),
        (["EMPTY/absent.svs"], "no such file or folder"),
        (["SLIDES/one.png", "EMPTY/../again"], "is also that of"),
        (["SLIDES", "--models", "nobody"], "nobody"),
        (["SLIDES", "--out", "SLIDES/one.png"], "is a file"),
    ],
)
def test_errors_before_any_work(drawn, tmp_path, capsys, arguments, expected):
    (tmp_path / "empty").mkdir()
    draw(tmp_path / "again" / "one.png", 9)
    places = [part.replace("SLIDES", str(drawn)).replace("EMPTY", str(tmp_path / "empty")) for part in arguments]
    assert main(["fleet", "--out", str(tmp_path / "out"), *places]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
    assert not list(tmp_path.rglob("*.sr.zip"))


def test_a_state_of_another_kind_is_an_error(drawn, tmp_path):
    (tmp_path / "fleet.json").write_text('{"slides": 1}')
    done = fleet(drawn, "--out", tmp_path)
    assert done.returncode == 2
    assert "fleet.json: expected the state of `sr-tf fleet`" in done.stderr


def test_the_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as exit_:
        main([*FLEET[3:4], "--help"])
    assert exit_.value.code == 0
    assert "example: sr-tf fleet slides/" in " ".join(capsys.readouterr().out.split())
