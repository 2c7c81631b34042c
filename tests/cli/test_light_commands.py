"""Commands that need no generator run without TensorFlow and Keras, and start quickly."""

import resource
import subprocess
import sys

import pytest

from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

BARE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "jax", "torch"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from sr_tf.cli.main import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive without generator blocks."""
    folder = tmp_path_factory.mktemp("light")
    write_png(folder / "slide.png", render_smear(3, 300, 400))
    command = ["archive", str(folder / "slide.png"), str(folder / "slide.sr.zip"), "--models", ""]
    assert main(command) == 0
    return folder / "slide.sr.zip"


def bare(*arguments):
    return subprocess.run([sys.executable, "-c", BARE, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [["models"], ["doctor"], ["info", "ARCHIVE"], ["verify", "ARCHIVE"], ["restore", "ARCHIVE", "OUT.ome.tif"],
     ["restore", "ARCHIVE", "OUT.png", "--region", "0,0,40,30"], ["verify", "ARCHIVE", "--against", "SLIDE"],
     ["archive", "SLIDE", "OUT.sr.zip", "--quality", "lossless"], ["archive", "SLIDE", "OUT.sr.zip", "--models", ""],
     ["info", "ARCHIVE", "--map", "OUT.png"]],
)  # fmt: skip
def test_the_command_works_without_a_framework(command, archive, tmp_path):
    names = {"ARCHIVE": archive, "SLIDE": archive.parent / "slide.png"}
    arguments = [names.get(part) or part.replace("OUT", str(tmp_path / "out")) for part in command]
    done = bare(*arguments)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr


def test_what_needs_a_network_says_in_one_line_what_to_install(archive, tmp_path):
    slide = archive.parent / "slide.png"
    for command in (
        ["upscale", slide, tmp_path / "sr"],
        ["export", tmp_path / "model"],
        ["archive", slide, tmp_path / "gated.sr.zip", "--models", "", "--cells"],
    ):
        done = bare(*command)
        assert done.returncode == 2
        assert done.stderr.startswith(
            "sr-tf: error: the extra `tensorflow` is not installed (No module named 'tensorflow')"
        )
        assert "pip install -e '.[tensorflow]'" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["models"], ["doctor"], ["info", "ARCHIVE"], ["verify", "ARCHIVE"]])
def test_the_command_is_quick(command, archive):
    """By its processor time, which other work on the machine does not lengthen as it lengthens the time of day."""
    seconds = []
    for _ in range(12):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert bare(*(archive if part == "ARCHIVE" else part for part in command)).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.6
