"""Files that a spool neither continues nor empties, and systems without file locks."""

import subprocess
import sys

import pytest
from spools import A, B, contents, filled, refused

from sr_tf.disk.spool import Spool


def test_other_settings_are_refused_with_what_differs_and_lose_nothing(tmp_path):
    path = filled(tmp_path / "spool", {(1,): b"x" * 1000})
    assert refused(path, B) == (
        "holds the unfinished work of another call (quality visual, expected diagnostic); "
        "repeat that call to go on, or delete this file to start anew"
    )
    with Spool(path, A) as spool:
        assert contents(spool) == {(1,): b"x" * 1000}
    path.unlink()
    with Spool(path, B) as spool:
        assert len(spool) == 0


FIRST = {
    "hash": "ab" * 32,
    "quality": "visual",
    "generator": {"×4": {"name": "m1", "scale": 4}},
    "refine": False,
    "n": 1,
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hash": "cd" * 32}, "hash abababababab…, expected cdcdcdcdcdcd…"),
        ({"refine": True}, "refine off, expected on"),
        ({"generator": {"×4": {"name": "m2", "scale": 4}}}, "generator ×4 name m1, expected m2"),
        ({"generator": {}}, "generator ×4 name m1, expected none; generator ×4 scale 4, expected none"),
        ({"more": [1, 2]}, "more none, expected [1, 2]"),
        ({"hash": "x", "quality": "a", "refine": True, "n": 2, "k": 0}, "refine off, expected on; and 2 more"),
        ({"quality": "a\nb"}, "quality visual, expected 'a\\nb'"),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_words(change, found, tmp_path):
    path = tmp_path / "spool"
    Spool(path, FIRST).close()
    assert f"{found})" in refused(path, {**FIRST, **change})


def test_the_order_of_settings_does_not_matter(tmp_path):
    path = tmp_path / "spool"
    with Spool(path, FIRST) as spool:
        spool.put((1,), b"x")
    with Spool(path, dict(reversed(FIRST.items()))) as spool:
        assert contents(spool) == {(1,): b"x"}


def test_a_spool_of_another_version_is_refused(tmp_path):
    path = tmp_path / "spool"
    path.write_bytes(b"SRTFSPL1" + bytes(32) + b"records")  # as sr_tf 0.2.0 wrote them
    assert refused(path, A).startswith("holds the unfinished work of another version of sr_tf; repeat that call")


@pytest.mark.parametrize("content", [b"something else" * 100, b"my notes\n", b"\0", b"SRTF notes"])
def test_a_file_that_is_not_a_spool_is_not_touched(tmp_path, content):
    path = tmp_path / "spool"
    path.write_bytes(content)
    assert refused(path, A).startswith("is not a file that sr-tf wrote, so it is not touched; expected no file of")


def test_a_start_that_was_killed_before_the_first_payload_is_repeated(tmp_path):
    path = filled(tmp_path / "spool", {})
    start = path.read_bytes()
    for length in range(len(start)):
        path.write_bytes(start[:length])
        with Spool(path, A) as spool:
            assert len(spool) == 0
            spool.put((1,), b"x")
        with Spool(path, A) as spool:
            assert contents(spool) == {(1,): b"x"}


@pytest.mark.parametrize("size", [0, 9, 2**32 - 1])
def test_settings_that_were_damaged_are_said_to_be(size, tmp_path):
    path = filled(tmp_path / "spool", {(1,): b"x"})
    content = bytearray(path.read_bytes())
    content[8:12] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert refused(path, A) == "is damaged at its beginning; delete this file to start anew"


def test_a_system_without_file_locks_is_refused_in_one_line(tmp_path):
    code = (
        "import sys\nsys.modules['fcntl'] = None\nfrom sr_tf.cli.main import main\n"
        f"sys.exit(main(['archive', 'slide.svs', {str(tmp_path / 'a.zip')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "sr-tf: error: this system has no file locks (Python's module fcntl), expected Linux or macOS\n"
    )
    code = code.split("sys.exit")[0] + "sys.exit(main(['--version']))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
