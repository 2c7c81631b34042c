"""`import sr_tf` is quick, and TensorFlow waits for the first block that a network restores."""

import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
FRAMEWORKS = "found = {'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"


def run(code: str, *arguments: object) -> str:
    """Runs code in a process of its own; returns what it printed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=GOLDEN.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_sr_tf_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import sr_tf; print(sorted(set(sys.modules) - before))"
    assert run(code) == "['sr_tf']\n"


def test_the_interface_is_listed_and_nothing_else_is_invented():
    code = """
import sr_tf
print({"open", "archive", "restore", "verify", "upscale", "errors", "OpenedSlide"} <= set(dir(sr_tf)))
print(sr_tf.errors.UserError.__name__, sr_tf.open.__module__, hasattr(sr_tf, "shut"))
import sr_tf.archive.reader
print(callable(sr_tf.archive), sr_tf.archive.reader.__name__)
"""
    assert run(code) == "True\nUserError sr_tf.api.slide False\nTrue sr_tf.archive.reader\n"


@pytest.mark.parametrize("name", ["2-interpolated", "2-exact", "2-jpeg-tiles"])
def test_no_framework_is_imported_where_no_network_restores(name):
    code = f"""
import sys, sr_tf
with sr_tf.open(sys.argv[1]) as slide:
    for level, size in enumerate(slide.level_dimensions):
        slide.read_region((0, 0), level, size)
    slide.thumbnail(), dict(slide.associated_images)
sr_tf.verify(sys.argv[1])
{FRAMEWORKS}
assert not found, found
"""
    run(code, GOLDEN / f"{name}.sr.zip")


def test_a_framework_is_imported_when_a_block_of_a_network_is_read():
    code = f"""
import sys, sr_tf
with sr_tf.open(sys.argv[1]) as slide:
    slide.properties, slide.level_dimensions
    import pickle
    pickle.loads(pickle.dumps(slide)).close()
    {FRAMEWORKS.strip()}
    assert not found, found
    slide.read_region((0, 0), 0, (20, 20))
    {FRAMEWORKS.strip()}
    assert "tensorflow" in found
"""
    run(code, GOLDEN / "2-study.sr.zip")
