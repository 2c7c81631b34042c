"""Journals of other calls, slides of several files, and slides that change while they are archived."""

import contextlib
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from slides_of_several_files import pattern, write_dicom, write_instance, write_restarting_jpeg, write_vms

from sr_tf.archive.build import Builder
from sr_tf.cli.main import main
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.slides.source_files import Identity
from sr_tf.viewer.source import open_source

PIXELS = pattern(128, 320)


class StoppedError(Exception):
    """Ends a call in the middle."""


@pytest.fixture
def slide(tmp_path):
    """A slide of one file without compression, so that other pixels have the same number of bytes."""
    return write(tmp_path / "slide.tif", PIXELS)


def write(path: Path, pixels: np.ndarray) -> Path:
    tifffile.imwrite(path, pixels, tile=(128, 128), photometric="rgb", metadata=None)
    return path


def archive(slide: Path, target: Path, *flags: str) -> int:
    return main(["archive", str(slide), str(target), "--models", "", *flags])


def stop(slide: Path, target: Path, *flags: str) -> Path:
    """Interrupts a call after it has chosen all blocks; returns its journal."""

    def stopped(*_):
        raise StoppedError

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(StoppedError):
        patch.setattr(Builder, "confirm", stopped)
        archive(slide, target, *flags)
        pytest.fail("was not stopped")
    journal = target.with_name(f".{target.name}.journal")
    assert journal.stat().st_size > 2000
    return journal


def error(capsys) -> str:
    """The one line on stderr after progress bars."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sr-tf: error: ")]
    assert len(lines) == 1
    return lines[0].removeprefix("sr-tf: error: ")


def source_of(path: Path) -> dict:
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("archive.json"))["source"]


# Journals.


def test_a_journal_of_another_quality_stops_the_call_and_is_kept(slide, tmp_path, capsys):
    target = tmp_path / "a.zip"
    assert archive(slide, tmp_path / "whole.zip", "--quality", "diagnostic") == 0
    journal = stop(slide, target, "--quality", "diagnostic")
    content = journal.read_bytes()
    for flags, found in (
        ((), "quality diagnostic, expected visual; lowest PSNR 38.0, expected 34.0; lowest SSIM 0.95, expected 0.9"),
        (("--quality", "diagnostic", "--min-psnr", "38.01"), "quality diagnostic, expected custom; lowest PSNR 38.0, "),
        (("--quality", "diagnostic", "--refine"), "refinement off, expected on"),
    ):
        capsys.readouterr()
        assert archive(slide, target, *flags, "--overwrite") == 2
        message = error(capsys)
        assert message.startswith(f"{journal}: holds the unfinished work of another call ({found}")
        assert message.endswith("; repeat that call to go on, or delete this file to start anew")
        assert journal.read_bytes() == content
        assert not target.exists()
    assert archive(slide, target, "--quality", "diagnostic") == 0
    assert target.read_bytes() == (tmp_path / "whole.zip").read_bytes()
    assert not journal.exists()


def test_a_journal_of_another_slide_version_or_generator_stops_the_call(slide, tmp_path, capsys, monkeypatch):
    target, other = tmp_path / "a.zip", write(tmp_path / "other.tif", PIXELS[::-1])
    journal = stop(slide, target)
    assert archive(other, target) == 2
    assert f"{journal}: holds the unfinished work of another call (slide's SHA-256 " in error(capsys)
    with monkeypatch.context() as patch:
        patch.setattr("sr_tf.__version__", "9.0")
        assert archive(slide, target) == 2
        assert "another call (sr_tf " in (found := error(capsys)) and ", expected 9.0); repeat" in found
    with monkeypatch.context() as patch:
        patch.setattr("sr_tf.archive.write.imagecodecs.version", lambda kind=str: kind({"libavif": "0.1"}))
        assert archive(slide, target) == 2
        assert "library " in error(capsys)
    assert main(["archive", str(slide), str(target), "--models", "archive4"]) == 2
    assert "(generator ×4 name none, expected archive4; " in error(capsys)
    journal.write_bytes(b"SRTFSPL1" + bytes(500))
    assert archive(slide, target) == 2
    assert f"{journal}: holds the unfinished work of another version of sr_tf; repeat that call" in error(capsys)
    journal.unlink()
    assert archive(slide, target) == 0


@pytest.mark.parametrize("name", [".a.zip.journal", ".a.tif.partial"])
def test_a_foreign_file_with_the_name_of_a_journal_is_not_touched(name, slide, tmp_path, capsys):
    assert archive(slide, tmp_path / "done.zip") == 0
    foreign = tmp_path / name
    foreign.write_text("my notes\n" * 1000)
    if name.endswith("journal"):
        assert archive(slide, tmp_path / "a.zip") == 2
    else:
        assert main(["restore", str(tmp_path / "done.zip"), str(tmp_path / "a.tif")]) == 2
    assert error(capsys).startswith(
        f"{foreign}: is not a file that sr-tf wrote, so it is not touched; expected no file"
    )
    assert foreign.read_text() == "my notes\n" * 1000
    assert not (tmp_path / "a.zip").exists() and not (tmp_path / "a.tif").exists()


def test_tiles_of_another_restoration_stop_the_call_and_are_kept(slide, tmp_path, capsys, monkeypatch):
    target, partial = tmp_path / "a.tif", tmp_path / ".a.tif.partial"
    assert archive(slide, tmp_path / "a.zip") == 0
    assert archive(slide, tmp_path / "b.zip", "--quality", "lossless") == 0
    restore = ["restore", str(tmp_path / "a.zip"), str(target)]
    with monkeypatch.context() as patch:
        patch.setattr("sr_tf.slides.pyramid._write_file", lambda *_: (_ for _ in ()).throw(StoppedError))
        with pytest.raises(StoppedError):
            main(restore)
    content = partial.read_bytes()
    capsys.readouterr()
    assert main([*restore, "--jpeg-quality", "80"]) == 2
    assert f"{partial}: holds the unfinished work of another call (coding zstd, expected JPEG 80); " in error(capsys)
    assert main(["restore", str(tmp_path / "b.zip"), str(target)]) == 2
    assert f"{partial}: holds the unfinished work of another call (archive " in error(capsys)
    assert partial.read_bytes() == content
    assert main(restore) == 0
    assert main(["restore", str(tmp_path / "a.zip"), str(tmp_path / "whole.tif")]) == 0
    assert target.read_bytes() == (tmp_path / "whole.tif").read_bytes()


# Slides that change.


def grown(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def other_pixels(path: Path) -> None:
    write(path, 255 - PIXELS)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("quality", ["visual", "lossless"])
@pytest.mark.parametrize("stage", ["choose", "confirm"])
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (grown, "it has {more:,} bytes, before {size:,}"),
        (other_pixels, "its SHA-256 is "),
        (cut, "it has 5,000 bytes, before {size:,}"),
        (Path.unlink, "it is no longer there"),
    ],
)
def test_a_slide_that_changes_meanwhile_gives_no_archive(
    change, found, stage, quality, slide, tmp_path, capsys, monkeypatch
):
    whole = getattr(Builder, stage)
    size = slide.stat().st_size
    found = found.format(size=size, more=size + 4)

    def first_changes(*args):
        change(slide)
        return whole(*args)

    monkeypatch.setattr(Builder, stage, first_changes)
    before = set(tmp_path.iterdir())
    assert archive(slide, tmp_path / "a.zip", "--quality", quality) == 2
    message = error(capsys)
    assert message.startswith(f"{slide}: changed while it was read: {found}")
    assert message.endswith("; expected a slide that nothing writes to")
    # Its blocks may be of both states, so the journal is no work to be kept.
    assert set(tmp_path.iterdir()) | {slide} == before | {slide}


def test_a_slide_that_changes_while_the_archive_is_written_gives_no_archive(slide, tmp_path, capsys, monkeypatch):
    from sr_tf.archive import write as module

    assemble = module.assemble_archive
    monkeypatch.setattr(module, "assemble_archive", lambda *args: (assemble(*args), other_pixels(slide)))
    assert archive(slide, tmp_path / "a.zip") == 2
    assert f"{slide}: changed while it was read: its SHA-256 is " in error(capsys)
    assert list(tmp_path.iterdir()) == [slide]


def test_a_slide_that_is_touched_is_archived(slide, tmp_path, monkeypatch):
    assert archive(slide, tmp_path / "a.zip") == 0
    confirm = Builder.confirm
    monkeypatch.setattr(Builder, "confirm", lambda *args: (slide.touch(), confirm(*args)))
    assert archive(slide, tmp_path / "b.zip") == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


# Slides of several files.


def test_all_files_of_a_slide_are_counted_hashed_and_compared(tmp_path, capsys):
    paths, target = write_vms(tmp_path, PIXELS), tmp_path / "a.zip"
    assert archive(paths[0], target) == 0
    size = sum(path.stat().st_size for path in paths)
    assert f"the source's files have {size:,} bytes" in capsys.readouterr().out
    source = source_of(target)
    assert (source["bytes"], source["files"], source["name"]) == (size, 4, "slide.vms")
    assert not any(path.name in str(source) for path in paths[1:])
    assert main(["verify", str(target), "--against", str(paths[0])]) == 0
    with open_source(target, paths[0], None, (), "tensorflow") as shown:
        assert shown.same_original is True
        version = shown.version
    write_restarting_jpeg(paths[3], np.where(PIXELS > 100, PIXELS, 0))
    assert main(["verify", str(target), "--against", str(paths[0])]) == 2
    message = error(capsys)
    assert message.startswith(f"{paths[0]}: is not the slide of {target}: it has ")
    assert message.endswith(f"bytes, expected {size:,}")
    with open_source(target, paths[0], None, (), "tensorflow") as shown:
        assert shown.same_original is False
        assert shown.version != version


def test_the_journal_of_a_dicom_slide_is_not_used_for_other_pixels(tmp_path, capsys):
    large = pattern(256, 640)
    paths, target = write_dicom(tmp_path, large), tmp_path / "a.zip"
    journal = stop(paths[1], target)  # of which the first file has level 0
    pixels = paths[0].read_bytes()
    series = source_series(paths[0])
    write_instance(paths[0], 255 - large, series)
    capsys.readouterr()
    assert archive(paths[1], target) == 2
    assert f"{journal}: holds the unfinished work of another call (slide's SHA-256 " in error(capsys)
    paths[0].write_bytes(pixels)
    assert archive(paths[1], target) == 0
    assert archive(paths[1], tmp_path / "whole.zip") == 0
    assert target.read_bytes() == (tmp_path / "whole.zip").read_bytes()
    assert main(["verify", str(target), "--against", str(paths[0])]) == 0


def source_series(path: Path) -> str:
    import pydicom

    return pydicom.dcmread(path).SeriesInstanceUID


def test_a_file_of_a_slide_that_changes_meanwhile_gives_no_archive(tmp_path, capsys, monkeypatch):
    paths, confirm = write_vms(tmp_path, PIXELS), Builder.confirm
    before = set(tmp_path.iterdir())
    monkeypatch.setattr(Builder, "confirm", lambda *args: (grown(paths[3]), confirm(*args)))
    assert archive(paths[0], tmp_path / "a.zip") == 2
    assert error(capsys).startswith(f"{paths[3]}: changed while it was read: it has ")
    assert set(tmp_path.iterdir()) == before


def test_an_archive_that_records_only_the_named_file_is_compared_by_this_file_and_its_pixels(
    tmp_path, capsys, monkeypatch
):
    paths, target = write_vms(tmp_path, PIXELS), tmp_path / "a.zip"
    # As sr_tf 0.2.0 recorded it.
    recorded = {"bytes": paths[0].stat().st_size, "sha256": sha256_of_file(paths[0])}
    with monkeypatch.context() as patch:
        patch.setattr(Identity, "record", recorded)
        assert archive(paths[0], target) == 0
    assert "files" not in source_of(target)
    assert main(["verify", str(target), "--against", str(paths[0])]) == 0
    with open_source(target, paths[0], None, (), "tensorflow") as shown:
        assert shown.same_original is None
    write_restarting_jpeg(paths[3], 255 - PIXELS)
    assert main(["verify", str(target), "--against", str(paths[0])]) == 2
    assert "findings" in error(capsys)


def test_the_archive_of_a_slide_of_one_file_records_its_hash_and_size_alone(slide, tmp_path):
    assert archive(slide, tmp_path / "a.zip") == 0
    source = source_of(tmp_path / "a.zip")
    assert "tiles" in source.pop("second_reader")
    assert source == {
        "name": "slide.tif",
        "bytes": slide.stat().st_size,
        "sha256": sha256_of_file(slide),
    }
    shutil.copy(slide, tmp_path / "copy of it.tif")
    assert main(["verify", str(tmp_path / "a.zip"), "--against", str(tmp_path / "copy of it.tif")]) == 0
