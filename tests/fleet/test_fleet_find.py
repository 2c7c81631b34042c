"""Which files are slides, and what their archives are called."""

import sys
from pathlib import Path

import pytest
from fleets import draw
from slides_of_several_files import pattern, write_dicom, write_vms

from sr_tf.cli.main import main
from sr_tf.errors import UserError
from sr_tf.fleet.find import find_jobs


def names(*inputs, out=Path("/nowhere")):
    return [job.name for job in find_jobs(inputs, out)]


def test_folders_are_searched_and_files_are_taken(drawn, tmp_path):
    alone = draw(tmp_path / "more" / "seven.png", 7)
    found = find_jobs([drawn, alone], tmp_path / "out")
    assert {job.name for job in found} == {
        "one.sr.zip", "two.sr.zip", "=3.sr.zip", "sub/a & <b> 'c'.sr.zip", "sub/ü\n5.sr.zip", "sub/deeper/six.sr.zip",
        "seven.sr.zip",
    }  # fmt: skip
    assert all(job.target == (tmp_path / "out" / job.name).resolve() and job.source.is_absolute() for job in found)


def test_a_slide_that_is_given_twice_counts_once(drawn):
    assert names(drawn, drawn / "one.png", drawn / "sub") == names(drawn)


def test_two_slides_of_the_same_name_are_an_error(tmp_path):
    first, second = draw(tmp_path / "a" / "x.png", 1), draw(tmp_path / "b" / "x.bmp.png", 2)
    second = second.rename(tmp_path / "b" / "x.tif")
    with pytest.raises(UserError) as error:
        names(tmp_path / "a", tmp_path / "b")
    assert str(first) in str(error.value)
    assert str(second) in str(error.value)


def test_hidden_files_and_the_folder_of_archives_are_not_searched(tmp_path):
    draw(tmp_path / "x.png", 1)
    draw(tmp_path / ".hidden.png", 1)
    draw(tmp_path / ".trash" / "y.png", 1)
    draw(tmp_path / "out" / "preview.png", 1)
    assert names(tmp_path, out=tmp_path / "out") == ["x.sr.zip"]


def test_the_files_of_one_slide_are_one_slide(tmp_path):
    (tmp_path / "vms").mkdir()
    (tmp_path / "dicom").mkdir()
    write_vms(tmp_path / "vms", pattern(256, 256))
    files = write_dicom(tmp_path / "dicom", pattern(256, 256))
    assert len(files) > 1
    found = names(tmp_path)
    assert found == [f"dicom/{min(path.stem for path in files)}.sr.zip", "vms/slide.sr.zip"]


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_inputs_without_slides_are_an_error(tmp_path, what):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no slide")
    expected = {"missing": "no such file or folder", "empty": "no slides found"}[what]
    with pytest.raises(UserError, match=expected):
        names(tmp_path / what)


def test_without_ray_the_error_names_the_extra(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["fleet", str(drawn), "--out", str(tmp_path / "out"), "--models", "", "--ray"]) == 2
    assert "the extra `ray` is not installed" in capsys.readouterr().err
