"""A short form of `benchmarks/fuzz.py`: no mutated input makes a command fail otherwise than it should."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = 12


def fuzz(*arguments: str) -> str:
    call = [sys.executable, ROOT / "benchmarks" / "fuzz.py", *arguments]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert ended.returncode == 0, ended.stdout + ended.stderr[-5000:]
    return ended.stdout


def rows(table: str) -> dict[str, list[int]]:
    """Inputs, accepted, refused and faults of each kind."""
    found = re.findall(r"^\| (\S+) \| ([\d,]+(?: \| [\d,]+)*) \|$", table, re.MULTILINE)
    return {kind: [int(value.replace(",", "")) for value in values.split(" | ")] for kind, values in found}


@pytest.mark.long
def test_mutated_inputs_of_every_kind_are_read_or_refused_in_one_line():
    counts = rows(fuzz("--inputs=10", "--seed=1"))
    assert len(counts) == KINDS + 1
    assert all(inputs >= 10 and not any(faults) for inputs, _, _, *faults in counts.values())
    _, accepted, refused, *_ = counts["all"]
    assert accepted > KINDS and refused > KINDS


@pytest.mark.long
def test_more_mutated_inputs():
    counts = rows(fuzz("--inputs=60", "--seed=2"))
    assert counts["all"][0] == 60 * KINDS
