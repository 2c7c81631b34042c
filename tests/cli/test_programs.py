"""`train.py`, `evaluate.py`, `export` and `rate-distortion`: wrong paths are one line before a framework is loaded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sr_tf.cli.main import main
from sr_tf.data.smear import render_smear
from sr_tf.images.reading import write_png

ROOT = Path(__file__).parents[2]
# A program in which TensorFlow and Keras cannot be imported.
WITHOUT_FRAMEWORK = """
import runpy, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
sys.argv = sys.argv[1:]
sys.path.insert(0, {root!r})
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def complaint(program, *arguments):
    command = [sys.executable, "-c", WITHOUT_FRAMEWORK.format(root=str(ROOT)), ROOT / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def images(tmp_path):
    write_png(tmp_path / "in" / "a.png", render_smear(1, 64, 64))
    return tmp_path / "in"


@pytest.mark.parametrize(
    "flag, expected",
    [
        ("--run_dir={folder}/" + "d" * 300, "cannot create this folder"),
        ("--run_dir={folder}/in/a.png", "a.png: is a file, expected a folder to write to"),
        ("--run_dir={folder}/run", "config.json: expected a configuration of this version"),
    ],
)
def test_a_wrong_run_folder(images, flag, expected):
    (images.parent / "run").mkdir()
    (images.parent / "run" / "config.json").write_text("{")
    assert expected in complaint("train.py", "--preset=smoke", flag.format(folder=images.parent))


def test_evaluation_replaces_only_its_own_results(images, tmp_path):
    best = tmp_path / "best"
    best.mkdir()
    kept = json.dumps([{"file": "a.keras", "step": 1, "psnr": 30.0}])
    (best / "scores.json").write_text(kept)
    line = complaint("evaluate.py", f"--images={images}", f"--out={best}")
    assert "scores.json: exists and is not the scores of evaluate.py" in line
    assert (best / "scores.json").read_text() == kept
    write_png(tmp_path / "pictures" / "panel.png", render_smear(1, 64, 64))
    line = complaint("evaluate.py", f"--images={tmp_path / 'pictures'}", f"--out={tmp_path / 'pictures'}")
    assert "panel.png: is the input image itself and would replace it" in line
    assert "no such folder" in complaint("evaluate.py", f"--images={tmp_path}/none", f"--out={tmp_path}/out")
    assert "no such generator" in complaint("evaluate.py", "--models=none", f"--images={images}")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["export", "{folder}/out", "--model", "none"], "none: no such generator"),
        (["export", "{folder}/in/a.png"], "a.png: is a file, expected a folder"),
        (["rate-distortion", "{folder}/in", "--out", "{folder}/rd", "--models", "none"], "none: no such generator"),
        (
            ["upscale", "{folder}/in", "{folder}/out", "--model", "x.keras", "--alpha", "0.5"],
            "x.keras: no such generator",
        ),
        (["reduce", "{folder}/in/a.png", "{folder}/" + "a" * 300 + ".png"], "cannot be written (File name too long)"),
    ],
)
def test_wrong_names(images, capsys, monkeypatch, arguments, expected):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    before = sorted(images.parent.iterdir())
    assert main([argument.format(folder=images.parent) for argument in arguments]) == 2
    assert expected in capsys.readouterr().err
    assert sorted(images.parent.iterdir()) == before
