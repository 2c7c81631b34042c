"""`make lint` holds the layers of the package: a planted violation must fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder):
    """The exit code and output of the check in a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """A copy of the package's Python files and the rules."""
    shutil.copytree(
        ROOT / "sr_tf", tmp_path / "sr_tf", ignore=shutil.ignore_patterns("zoo", "static", "template", "__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(path, line):
    path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")


@pytest.mark.parametrize(
    ("planted", "broken"),
    [
        ({}, None),
        ({"images/pixels.py": "from sr_tf.cli import main"}, "Imports run one way BROKEN"),
        ({"slides/info.py": "def late():\n    from sr_tf.archive import header"}, "Imports run one way BROKEN"),
        (
            {"data/draws.py": "from sr_tf.data import sampler", "data/sampler.py": "from sr_tf.data import draws"},
            "No circles between the files of a part BROKEN",
        ),
        ({"archive/grid.py": "import keras"}, "What needs no network imports no framework BROKEN"),
        ({"models/edsr.py": "import tensorflow as tf"}, "Networks, losses and metrics use keras alone BROKEN"),
    ],
    ids=["as it is", "upwards", "upwards and late", "circle", "framework in the archive", "tf in a network"],
)
def test_the_layers_are_held(copy, planted, broken):
    for name, line in planted.items():
        plant(copy / "sr_tf" / name, line)
    code, said = lint(copy)
    if broken is None:
        assert code == 0, said
    else:
        assert code != 0
        assert broken in said, said


def test_the_package_root_holds_four_files():
    files = {path.name for path in (ROOT / "sr_tf").glob("*.py")}
    assert files == {"__init__.py", "errors.py", "messages.py", "config.py"}
