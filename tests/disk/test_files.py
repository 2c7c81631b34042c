import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sr_tf.disk.files import input_file, make_folder, replace_atomically, write_atomically
from sr_tf.errors import UserError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("earlier")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.one_of(st.binary(), st.text()))
def test_content_is_written_unchanged(tmp_path, content):
    path = tmp_path / "file.txt"
    write_atomically(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode("utf-8"))
    assert names(tmp_path) == ["file.txt"]


def test_folders_are_created(tmp_path):
    write_atomically(str(tmp_path / "a" / "b" / "c.json"), "{}")
    assert (tmp_path / "a" / "b" / "c.json").read_text() == "{}"
    assert make_folder(str(tmp_path / "d" / "e")) == tmp_path / "d" / "e"
    assert make_folder(tmp_path / "d" / "e").is_dir()


def test_the_writer_sees_a_temporary_file_beside_the_target_with_its_suffix(a_file):
    target = a_file.with_suffix(".keras")

    def write(temporary):
        assert temporary.parent == target.parent
        assert temporary.suffix == ".keras"
        assert temporary != target
        assert not target.exists()
        temporary.write_text("whole")

    replace_atomically(target, write)
    assert target.read_text() == "whole"
    assert names(target.parent) == ["file", "file.keras"]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, MemoryError])
def test_a_writer_that_fails_changes_nothing(a_file, raised):
    def write(temporary):
        temporary.write_text("half")
        raise raised

    with pytest.raises(raised):
        replace_atomically(a_file, write)
    assert a_file.read_text() == "earlier"
    assert names(a_file.parent) == ["file"]


def test_temporary_files_of_killed_writers_do_not_accumulate(tmp_path):
    target = tmp_path / "slide.sr.zip"
    program = f"""if True:
        import os, signal
        from sr_tf.disk.files import replace_atomically
        def write_and_die(temporary):
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        replace_atomically({str(target)!r}, write_and_die, alone=True)"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1, "the temporary file of the killed process"
    assert not target.exists()
    replace_atomically(target, lambda temporary: temporary.write_text("whole"), alone=True)
    assert target.read_text() == "whole"
    assert names(tmp_path) == ["slide.sr.zip"]


def test_a_full_disk_is_a_user_error(a_file):
    def write(temporary):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=f"{a_file}: cannot be written .No space left on device"):
        replace_atomically(a_file, write)
    assert a_file.read_text() == "earlier"
    assert names(a_file.parent) == ["file"]


def test_a_file_in_place_of_the_folder(a_file):
    with pytest.raises(UserError, match=f"{a_file}: is a file, expected a folder"):
        write_atomically(a_file / "new", "x")
    with pytest.raises(UserError, match=f"{a_file / 'deeper'}: cannot create this folder"):
        write_atomically(a_file / "deeper" / "new", "x")
    assert a_file.read_text() == "earlier"


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match=f"{tmp_path / 'taken'}: cannot be written"):
        write_atomically(tmp_path / "taken", "x")
    assert names(tmp_path) == ["taken"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, where no file can be created")
def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(UserError, match=r"/proc/nothing: cannot create this folder"):
        make_folder("/proc/nothing")
    with pytest.raises(UserError, match=r"/proc/self: "):
        write_atomically("/proc/self/new", "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write to read-only folders")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="not writable"):
        write_atomically(tmp_path / "new", "x")
    tmp_path.chmod(0o755)


def test_input_files_that_cannot_be_read(a_file):
    def read(path):
        with input_file(path, "expected a slide"):
            return path.read_text()

    assert read(a_file) == "earlier"
    for path, found in (
        (a_file.parent, "is a folder, expected a slide"),
        (a_file.parent / "none", "no such file, expected a slide"),
        (a_file / "below", r"cannot be read \(Not a directory\)"),
    ):
        with pytest.raises(UserError, match=f"^{path}: {found}$"):
            read(path)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "new", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == mode
