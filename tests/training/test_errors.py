"""Errors of `train.py`: one line on stderr and exit code 2."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

# Runs `train.py` once for each list of flags, but loads TensorFlow only once. A NUL on stderr ends each run.
ONE_AFTER_ANOTHER = """
import json, sys
from absl import flags
sys.argv = ["train.py"]
import train
from sr_tf.cli.flags import run
for arguments in json.load(sys.stdin):
    sys.argv = ["train.py", *arguments]
    flags.FLAGS.unparse_flags()
    try:
        run(train.main, train.USAGE)
    except SystemExit as exit:
        print(f"\\nexit code {exit.code or 0}\\n\\0", file=sys.stderr, flush=True)
"""


def run_one_after_another(root, cases):
    """Returns the exit code and stderr of each case; `cases` maps names to flags."""
    command = [sys.executable, "-c", ONE_AFTER_ANOTHER]
    arguments = json.dumps([[f"--{name}={value}" for name, value in flags.items()] for flags in cases.values()])
    done = subprocess.run(command, cwd=root, input=arguments, capture_output=True, text=True)
    *messages, _ = done.stderr.split("\0\n")
    assert len(messages) == len(cases) and done.returncode == 0, done.stderr[-3000:]
    outcomes = {}
    for name, message in zip(cases, messages, strict=True):
        stderr, _, code = message.rstrip().rpartition("\nexit code ")
        outcomes[name] = int(code), stderr.strip()
    return outcomes


def complaint(outcome):
    """Returns the error line; fails if stderr holds anything else except absl's warnings."""
    code, stderr = outcome
    assert code == 2, stderr
    lines = [line for line in stderr.splitlines() if not re.match(r"[IW]\d{4} ", line)]
    assert [line for line in lines if line.startswith("train.py: error: ")] == lines[-1:], stderr
    assert "Traceback" not in stderr
    return lines[-1].removeprefix("train.py: error: ")


@pytest.fixture(scope="module")
def outcomes(small_run, repository, tmp_path_factory):
    """The results of a run of two steps, and of runs with wrong flags or input after it."""
    folder = tmp_path_factory.mktemp("errors")
    (folder / "empty").mkdir()
    (folder / "file").write_text("")
    run = {**small_run, "phase": "pretrain", "steps": 2, "validate_every": 1, "run_dir": folder / "run"}
    cases = {
        "finished": run,
        "other settings": {**run, "blocks": 3},
        "run folder is a file": {**run, "run_dir": folder / "file"},
        "no images": {**run, "run_dir": folder / "new", "data_dir": folder / "empty"},
        "no data folder": {**run, "run_dir": folder / "new", "data_dir": folder / "absent"},
        "small scenes": {**run, "run_dir": folder / "new", "crop_size": 40},
        "no pretrained": {**run, "run_dir": folder / "new", "phase": "gan", "pretrained": folder / "absent"},
        "other architecture": {
            **run, "run_dir": folder / "new", "phase": "gan", "pretrained": folder / "run", "blocks": 3
        },
        "diverging": {
            **run, "run_dir": folder / "diverging", "steps": 9, "validate_every": 5, "learning_rate": 1e30,
            "warmup_steps": 0,
        },
        # The learning rate is 0 in the first step and 1e25 in the second.
        "diverging later": {
            **run, "run_dir": folder / "later", "steps": 9, "learning_rate": 1e30, "warmup_steps": 100_000
        },
    }  # fmt: skip
    return folder, run_one_after_another(repository, cases)


def test_the_first_run_succeeds(outcomes):
    folder, results = outcomes
    assert results["finished"][0] == 0
    assert (folder / "run" / "best" / "scores.json").exists()


@pytest.mark.parametrize(
    "case, expected",
    [
        ("other settings", r"{folder}/run: .*other settings \(blocks was 4, now 3\); name another --run_dir"),
        ("run folder is a file", r"{folder}/file: is a file, expected a folder"),
        ("no images", r"{folder}/empty: no images found, expected \.jpg.*"),
        ("no data folder", r"{folder}/absent: no such folder, expected a folder of images"),
        ("small scenes", r"smear-\d/field.png_r0c0: 128×128 pixels, .* at least 160×160 \(--crop_size=40 .*\)"),
        ("no pretrained", r"--phase=gan starts from a pretrained generator: {folder}/absent: .* --pretrained"),
        ("other architecture", r"{folder}/run: a generator with blocks 4, expected blocks 3"),
        ("diverging", r"step 2: loss is (nan|inf); training stopped; last good checkpoint: none yet"),
        (
            "diverging later",
            r"step 2: validation psnr is NaN; training stopped; last good checkpoint: {folder}/later/.*/step-0+1\.npz",
        ),
    ],
)
def test_the_error_is_one_line(outcomes, case, expected):
    folder, results = outcomes
    assert re.match(expected.format(folder=re.escape(str(folder))), complaint(results[case]))


def test_a_run_that_fails_before_training_writes_no_configuration(outcomes):
    folder, _ = outcomes
    assert not (folder / "new" / "config.json").exists()


def cut(path):
    os.truncate(path, path.stat().st_size - 100)


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def drop_an_array(path):
    with np.load(path) as arrays:
        kept = dict(arrays)
    kept.popitem()
    np.savez(path, **kept)


def give_an_array_another_shape(path):
    with np.load(path) as arrays:
        kept = dict(arrays)
    np.savez(path, **{**kept, "generator/0000": np.zeros((2, 2), np.float32)})


DAMAGES = {
    "cut": cut,
    "emptied": lambda path: os.truncate(path, 0),
    "changed": flip_a_bit,
    "an array less": drop_an_array,
    "another shape": give_an_array_another_shape,
    "another file": lambda path: path.write_text("not arrays"),
}


@pytest.fixture(scope="module")
def damaged(outcomes, small_run, repository):
    folder, _ = outcomes
    cases = {}
    for case, damage in DAMAGES.items():
        run_dir = folder / case
        shutil.copytree(folder / "run", run_dir)
        damage(run_dir / "checkpoints" / "step-00000002.npz")
        cases[case] = {**small_run, "phase": "pretrain", "steps": 2, "validate_every": 1, "run_dir": run_dir}
    return folder, run_one_after_another(repository, cases)


def test_a_checkpoint_of_an_older_version_is_refused(tmp_path):
    from sr_tf.errors import UserError
    from sr_tf.training.checkpoints import newest_state

    (tmp_path / "ckpt-2.index").write_bytes(b"")
    with pytest.raises(UserError, match=r"ckpt-2\.index: a checkpoint of a version before 0\.2, expected step-….npz"):
        newest_state(tmp_path, {"step": [np.int32(0)]})


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_checkpoint_is_named(damaged, case):
    folder, results = damaged
    message = complaint(results[case])
    assert message.startswith(f"{folder / case}/checkpoints/step-00000002.npz: cannot be read (")
    assert "expected a checkpoint of this run" in message


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--schedule=stepwise"], "flag --schedule=stepwise: value should be one of <constant|cosine>"),
        (["--preset=large"], "flag --preset=large: value should be one of <paper|small|smoke>"),
        (["--steps=0"], "--steps=0: expected a number above 0"),
        (["--stepps=5"], "Unknown command line flag 'stepps'. Did you mean: steps ?"),
        (["pretrain"], "pretrain: unexpected; everything is given by flags, see --help"),
    ],
)
def test_wrong_flags_are_reported(repository, arguments, expected):
    done = subprocess.run([sys.executable, "train.py", *arguments], cwd=repository, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"train.py: error: {expected}\n")


def test_help_imports_nothing_heavy(repository):
    command = [sys.executable, "-X", "importtime", "train.py", "--help"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--learning_rate" in done.stdout
    assert "Traceback" not in done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "sr_tf" in imported
    assert not imported & {"tensorflow", "keras", "numpy", "tensorflow_datasets"}
