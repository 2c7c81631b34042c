"""Outputs destroy nothing: the guard, and files that are opened through no link."""

import os
import socket
from pathlib import Path

import pytest

from sr_tf.disk.files import draft_of, replace_atomically, write_atomically
from sr_tf.disk.outputs import ANY, PACKED_SCENES, PNG, TIFF, check_outputs, journal_of, partial_of
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError

PNG_BYTES = b"\x89PNG\r\n\x1a\n and more"


def refusal(path, kind=PNG, inputs=None, overwrite=True):
    with pytest.raises(UserError) as error:
        check_outputs([path], kind, inputs or {}, overwrite)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_new_file_passes_and_an_existing_one_only_with_overwrite(tmp_path):
    path = tmp_path / "map.png"
    check_outputs([path, tmp_path / "new folder" / "map.png"], PNG, {"slide": tmp_path / "absent"}, overwrite=False)
    path.write_bytes(PNG_BYTES)
    assert refusal(path, overwrite=False) == f"{path}: exists, expected a new name, or --overwrite to replace it"
    check_outputs([path], PNG, {}, overwrite=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", PNG), (b"II*\0", PNG), (PNG_BYTES, TIFF), (b"PK\x03\x04 other", PACKED_SCENES), (b"text", TIFF)],
)
def test_a_file_of_another_kind_is_never_replaced(content, kind, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    for overwrite in (False, True):
        assert f"exists and is not {kind.name}" in refusal(path, kind, overwrite=overwrite)


def test_files_of_the_kind_are_recognised(tmp_path):
    path = tmp_path / "file"
    marked = b"PK\x03\x04" + bytes(9000) + b"hr/000000.npy" + bytes(4000)
    for content, kind in ((b"II*\0", TIFF), (b"MM\0+", TIFF), (marked, PACKED_SCENES), (b"", ANY), (b"x", ANY)):
        path.write_bytes(content)
        check_outputs([path], kind, {}, overwrite=True)


def test_an_input_is_never_replaced_by_any_of_its_names(tmp_path):
    slide = tmp_path / "slide.png"
    slide.write_bytes(PNG_BYTES)
    (tmp_path / "link.png").symlink_to(slide)
    os.link(slide, tmp_path / "hard.png")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("slide.png", "link.png", "hard.png", "folder/slide.png", "folder/folder/hard.png"):
        assert "is the slide itself and would replace it" in refusal(tmp_path / name, inputs={"slide": slide})
    assert "is the image itself" in refusal(slide, inputs={"image": [tmp_path / "other", tmp_path / "link.png"]})
    for hidden in (journal_of, partial_of, draft_of):
        target = tmp_path / "target.zip"
        os.link(slide, hidden(target))
        assert f"{hidden(target)}: is the slide itself" in refusal(target, inputs={"slide": slide})
        hidden(target).unlink()


def test_what_is_no_file_is_never_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name, found in (
            ("folder", "is a folder"), ("fifo", "device, pipe or socket"), ("socket", "device, pipe or socket"),
            ("link", "is a symbolic link"),
        ):  # fmt: skip
            assert found in refusal(tmp_path / name)
    assert "device, pipe or socket" in refusal(Path(os.devnull))


@pytest.mark.parametrize("alone", [False, True])
def test_a_pipe_is_not_replaced_even_without_the_guard(alone, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UserError, match="fifo: is a device, pipe or socket"):
        replace_atomically(tmp_path / "fifo", lambda draft: draft.write_bytes(b"x"), alone)
    assert (tmp_path / "fifo").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_draft_is_written_through_no_link(link, tmp_path):
    victim, target = tmp_path / "victim", tmp_path / "a.zip"
    victim.write_text("precious")
    link(victim, draft_of(target))
    replace_atomically(target, lambda draft: draft.write_text("whole"), alone=True)
    assert victim.read_text() == "precious"
    assert target.read_text() == "whole"
    assert not target.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "victim"]


@pytest.mark.parametrize(("link", "found"), [(os.symlink, "is a symbolic link"), (os.link, "has 2 names")])
def test_a_journal_is_opened_through_no_link(link, found, tmp_path):
    victim, path = tmp_path / "victim", tmp_path / ".a.zip.journal"
    victim.write_text("precious")
    link(victim, path)
    with pytest.raises(UserError, match=f"{path}: {found}"):
        Spool(path, {})
    assert victim.read_text() == "precious"


def test_the_folder_is_synced_after_the_renaming(tmp_path, monkeypatch):
    target, synced, fsync = tmp_path / "file", [], os.fsync

    def record(descriptor):
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), target.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    write_atomically(target, "whole")
    assert [exists for _, exists in synced] == [False, True]
    assert synced[1][0] == str(tmp_path)
