"""The files of a slide, its identity, and changes while it is read."""

import hashlib
import os
import re
import time

import numpy as np
import pydicom
import pytest
from slides_of_several_files import (
    pattern,
    write_dicom,
    write_instance,
    write_mirax_names,
    write_restarting_jpeg,
    write_trestle,
    write_vms,
)

from sr_tf.errors import UserError
from sr_tf.slides.slide import open_slide
from sr_tf.slides.source_files import SourceFiles

PIXELS = pattern(256, 384)
WRITERS = {"vms": write_vms, "dicom": write_dicom, "trestle": write_trestle}
# Names in the identity; the named file has none, and the files of DICOM have none.
NAMES = {
    "vms": ["", "macro.jpg", "map.jpg", "pixels.jpg"],
    "dicom": ["", ""],
    "trestle": ["", ".Full"],
    "mirax": ["", "Data0000.dat", "Data0001.dat", "Index.dat", "Slidedat.ini"],
}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def single(path):
    path.write_bytes(b"content" * 1000)
    return path


def age(*paths):
    """Sets times back to what they are when a slide lies there for a while; the time of the change (ctime) stays."""
    for path in paths:
        os.utime(path, (time.time() - 3600,) * 2)


def written(kind, folder):
    return write_mirax_names(folder) if kind == "mirax" else WRITERS[kind](folder, PIXELS)


@pytest.mark.parametrize("name", ["a.png", "a.svs", "a.ndpi", "a.dcm", "a.vms", "a.mrxs"])
def test_a_slide_of_one_file_has_the_hash_and_size_of_this_file(name, tmp_path):
    path = single(tmp_path / name)
    (tmp_path / "b.svs").write_bytes(b"another slide")
    files = SourceFiles(path)
    assert files.paths == [path]
    assert files.identity.record == {"bytes": 7000, "sha256": sha256(path)}
    assert files.difference(files.identity.record) is None


@pytest.mark.parametrize("kind", NAMES)
def test_all_files_of_a_slide_are_in_its_identity_by_the_documented_rule(kind, tmp_path):
    paths = written(kind, tmp_path)
    (tmp_path / "notes.txt").write_text("pixels.jpg of another slide")
    files = SourceFiles(paths[0])
    assert files.paths == paths
    entries = sorted(
        f"{name}\0{path.stat().st_size}\0{sha256(path)}\n" for name, path in zip(NAMES[kind], paths, strict=True)
    )
    record = {
        "bytes": sum(path.stat().st_size for path in paths),
        "sha256": hashlib.sha256("".join(entries).encode()).hexdigest(),
        "files": len(paths),
    }
    assert files.identity.record == record
    assert files.difference(record) is None
    assert files.change() is None


@pytest.mark.parametrize("kind", WRITERS)
def test_openslide_reads_these_slides(kind, tmp_path):
    with open_slide(written(kind, tmp_path)[0]) as slide:
        read = slide.read(0, 0, 384, 256)
        assert np.abs(read.astype(int) - PIXELS).mean() < 3
        assert list(slide.associated()) == ([] if kind == "dicom" else ["macro"])


@pytest.mark.parametrize("kind", NAMES)
def test_a_byte_of_any_file_changes_the_identity(kind, tmp_path):
    paths = written(kind, tmp_path)
    first = SourceFiles(paths[0])
    seen, record = {first.identity.sha256}, first.identity.record
    for path in paths:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        changed = SourceFiles(paths[0])
        assert changed.difference(record).startswith("its SHA-256 is")
        assert changed.version != first.version
        seen.add(changed.identity.sha256)
    assert len(seen) == len(paths) + 1


def test_names_that_the_format_does_not_need_may_change(tmp_path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    vms, dicom = write_vms(tmp_path / "a", PIXELS), write_dicom(tmp_path / "b", PIXELS)
    mirax = write_mirax_names(tmp_path / "c")
    before = [SourceFiles(paths[0]).identity for paths in (vms, dicom, mirax)]
    assert SourceFiles(dicom[1]).identity == before[1], "any file of a DICOM slide may be named"
    renamed = [
        vms[0].rename(tmp_path / "a" / "other.vms"),
        dicom[0].rename(tmp_path / "b" / "zzz"),
        mirax[0].rename(tmp_path / "c" / "other.mrxs"),
    ]
    (tmp_path / "c" / "slide").rename(tmp_path / "c" / "other")
    assert [SourceFiles(path).identity for path in renamed] == before


def test_swapped_files_are_another_slide_where_their_names_count(tmp_path):
    paths = write_mirax_names(tmp_path)
    before = SourceFiles(paths[0]).identity
    first, second = paths[1].read_bytes(), paths[2].read_bytes()
    paths[1].write_bytes(second)
    paths[2].write_bytes(first)
    after = SourceFiles(paths[0]).identity
    assert (after.size, after.count) == (before.size, before.count)
    assert after.sha256 != before.sha256


def test_only_the_series_of_a_dicom_slide_belongs_to_it(tmp_path):
    paths = write_dicom(tmp_path, PIXELS)
    write_instance(tmp_path / "other.dcm", pattern(128, 128), "1.2.3")
    (tmp_path / "notes.txt").write_text("no DICOM file")
    (tmp_path / "folder.dcm").mkdir()
    os.mkfifo(tmp_path / "fifo")
    assert SourceFiles(paths[0]).paths == paths
    series = pydicom.dcmread(paths[0]).SeriesInstanceUID
    write_instance(tmp_path / "no-suffix", pattern(128, 128), series)
    assert SourceFiles(paths[0]).paths == [paths[0], paths[1], tmp_path / "no-suffix"]
    # Of what series this one is cannot be read.
    (tmp_path / "damaged.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 50)
    assert tmp_path / "damaged.dcm" in SourceFiles(paths[0]).paths


def test_names_in_a_text_file_that_are_no_files(tmp_path):
    paths = write_vms(tmp_path, PIXELS)
    with paths[0].open("a") as file:
        file.write(f"OptimisationFile=absent.opt\nA=.\nB=\nC={'x' * 5000}\nD=fifo\nE=/map.jpg\nF=slide.vms\n")
    os.mkfifo(tmp_path / "fifo")
    assert sorted(SourceFiles(paths[0]).paths) == sorted(paths)


def test_an_archive_of_an_earlier_version_recorded_the_named_file_only(tmp_path):
    paths = write_vms(tmp_path, PIXELS)
    recorded = {"bytes": paths[0].stat().st_size, "sha256": sha256(paths[0])}
    files = SourceFiles(paths[0])
    assert files.difference(recorded) is None
    assert files.is_partly_recorded(recorded)
    assert not files.is_partly_recorded(files.identity.record)
    paths[0].write_text(paths[0].read_text() + "\n")
    assert SourceFiles(paths[0]).difference(recorded).startswith("its SHA-256 is ")


def test_what_differs_from_a_record_is_said(tmp_path):
    paths = write_dicom(tmp_path, PIXELS)
    record = SourceFiles(paths[0]).identity.record
    write_instance(tmp_path / "3.dcm", PIXELS[::4, ::4][:64, :64], pydicom.dcmread(paths[0]).SeriesInstanceUID)
    assert SourceFiles(paths[0]).difference(record) == "it has 3 files, expected 2"
    paths[1].unlink()
    files = SourceFiles(paths[0])
    assert files.difference(record) == f"it has {files.identity.size:,} bytes, expected {record['bytes']:,}"
    (tmp_path / "3.dcm").unlink()
    assert SourceFiles(paths[0]).difference({**record, "files": 7}) == "it has 1 files, expected 7"


# Changes while a slide is read.


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """A slide of two files that nobody has written to for a while, and how often a file was hashed."""
    paths, hashed = write_dicom(tmp_path, PIXELS), []
    whole = "sr_tf.slides.source_files.sha256_of_file"
    monkeypatch.setattr(whole, lambda path: hashed.append(path.name) or sha256(path))
    monkeypatch.setattr("sr_tf.slides.source_files._SETTLED_NS", -(10**12))
    files = SourceFiles(paths[0])
    assert files.identity.count == 2
    hashed.clear()
    return files, paths, hashed


def rewrite(path, place, content):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def test_a_file_that_was_not_written_to_is_not_read_again(settled):
    files, _, hashed = settled
    assert files.change() is None
    assert hashed == []


def test_a_file_of_other_bytes_is_a_change_also_if_its_time_was_set_back(settled):
    files, paths, hashed = settled
    state = paths[1].stat()
    rewrite(paths[1], state.st_size - 5, b"other")
    os.utime(paths[1], ns=(state.st_atime_ns, state.st_mtime_ns))
    found = files.change()
    assert found.startswith(f"{paths[1]}: changed while it was read: its SHA-256 is {sha256(paths[1])[:12]}…, before ")
    assert found.endswith("; expected a slide that nothing writes to") and "\n" not in found
    assert hashed == ["2.dcm"]


@pytest.mark.parametrize("how", ["touched", "chmod", "copied over itself", "replaced by a copy"])
def test_equal_bytes_are_no_change(how, settled, tmp_path):
    files, paths, hashed = settled
    content = paths[1].read_bytes()
    if how == "touched":
        paths[1].touch()
    elif how == "chmod":
        paths[1].chmod(0o600)
    elif how == "copied over itself":
        paths[1].write_bytes(content)
    else:
        (tmp_path / "copy").write_bytes(content)
        (tmp_path / "copy").replace(paths[1])
    assert files.change() is None
    assert hashed == ["2.dcm"]


def test_another_size_and_files_that_come_and_go_are_changes(settled, tmp_path):
    files, paths, hashed = settled
    size = paths[1].stat().st_size
    content = paths[1].read_bytes()
    paths[1].write_bytes(content + b"\0")
    assert f"{paths[1]}: changed while it was read: it has {size + 1:,} bytes, before {size:,};" in files.change()
    paths[1].unlink()
    assert f"{paths[1]}: changed while it was read: it is no longer there;" in files.change()
    paths[1].write_bytes(content)
    assert files.change() is None
    (tmp_path / "3.dcm").write_bytes(content)
    assert f"{tmp_path / '3.dcm'}: changed while it was read: it is a new file of the slide;" in files.change()
    (tmp_path / "3.dcm").unlink()
    paths[0].unlink()
    assert f"{paths[0]}: changed while it was read: it is no longer there;" in files.change()
    assert set(hashed) == {"2.dcm"}, "that one was written again"


def test_a_file_written_just_before_is_hashed_again(tmp_path, monkeypatch):
    path = single(tmp_path / "a.png")
    age(path)  # the time of the last change is now all the same
    files, hashed = SourceFiles(path), []
    assert files.identity.size == 7000
    monkeypatch.setattr("sr_tf.slides.source_files.sha256_of_file", lambda path: hashed.append(path) or "0" * 64)
    assert "its SHA-256 is 000000000000…, before " in files.change()
    assert hashed == [path]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda path: write_restarting_jpeg(path, 255 - PIXELS), r"it has [\d,]+ bytes, before [\d,]+"),
        (lambda path: rewrite(path, 700, b"x"), "it has the same size, but was written to or replaced"),
        (lambda path: path.unlink(), "it is no longer there"),
    ],
)
def test_a_file_that_changes_before_it_is_hashed_is_refused(change, found, tmp_path, monkeypatch):
    paths = write_vms(tmp_path, PIXELS)
    files = SourceFiles(paths[0])
    time.sleep(0.02)  # a file system's times may be coarse
    last = files.paths[-1]

    def hash_and_change(path):
        found = sha256(path)
        if path == last:
            change(last)
        return found

    monkeypatch.setattr("sr_tf.slides.source_files.sha256_of_file", hash_and_change)
    with pytest.raises(UserError) as caught:
        _ = files.identity
    assert re.fullmatch(f"{last}: changed while it was read: {found}; expected a slide that .*", str(caught.value))


def test_an_absent_file_is_left_to_open_slide(tmp_path):
    files = SourceFiles(tmp_path / "absent.svs")
    assert files.paths == [tmp_path / "absent.svs"]
    with pytest.raises(UserError, match="cannot be read"):
        _ = files.identity
