import json
import re
import signal

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def variables(run_dir):
    """Reads all arrays of a run's last checkpoint, by name."""
    names = [path.name for path in sorted((run_dir / "checkpoints").iterdir())]
    assert names == ["step-00000010.npz", "step-00000012.npz"]
    with np.load(run_dir / "checkpoints" / names[-1]) as arrays:
        return dict(arrays)


def train_killed_once(start_training, flags, after):
    """Starts a run, kills it when step `after` is reported, and runs it again; returns the second run's stderr."""
    process = start_training(flags)
    reached = any(line.startswith(f"step {after}/") for line in process.stderr)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert reached
    assert process.returncode == -signal.SIGKILL
    process = start_training(flags)
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    return messages


@pytest.mark.parametrize(
    "phase, xla",
    [
        ("pretrain", False),
        pytest.param("reduction", False, marks=pytest.mark.long),
        pytest.param("gan", False, marks=pytest.mark.long),
        pytest.param("gan", True, marks=pytest.mark.long),
    ],
)
def test_a_killed_run_continues_to_the_same_result(phase, xla, small_run, start_training, pretrained, tmp_path):
    flags = {**small_run, "phase": phase, "xla": xla}
    if phase == "pretrain":  # unlike the uninterrupted run, this one reads most scenes from disk
        flags["cache_gib"] = 1e-4
    whole = pretrained
    if phase == "reduction":
        flags.update(phase="pretrain", learn_reduction=True, lr_qualities="40,80")
    if phase != "pretrain":
        flags["pretrained"] = pretrained
        whole = tmp_path / "whole"
        process = start_training({**flags, "run_dir": whole})
        _, messages = process.communicate()
        assert process.returncode == 0, messages

    messages = train_killed_once(start_training, {**flags, "run_dir": tmp_path / "killed"}, after=7)
    assert re.search(r"from step 5 to 12$", messages, re.MULTILINE)

    expected, found = variables(whole), variables(tmp_path / "killed")
    assert found.keys() == expected.keys()
    owners = ["generator/", "generator_optimizer/", "averaged_generator/", "step/"]
    if phase == "reduction":
        owners += ["reducer/", "averaged_reducer/"]
        assert sorted(path.name for path in (whole / "best").glob("*.reducer.keras")) == [
            f"step-{step:08d}.reducer.keras" for step in (5, 10, 12)
        ]
    if phase == "gan":
        owners += ["discriminator/", "discriminator_optimizer/"]
    for owner in owners:
        assert any(name.startswith(owner) for name in found), owner
    assert int(found["step/0000"]) == 12
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)

    scores = [json.loads((folder / "best" / "scores.json").read_text()) for folder in (whole, tmp_path / "killed")]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 3


def test_a_finished_run_is_not_changed(small_run, start_training, pretrained):
    before = {path: path.stat().st_mtime_ns for path in pretrained.rglob("*")}
    process = start_training({**small_run, "phase": "pretrain", "run_dir": pretrained})
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    assert "already finished at step 12" in messages
    assert {path: path.stat().st_mtime_ns for path in pretrained.rglob("*")} == before
