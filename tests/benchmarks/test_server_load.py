"""A short form of `benchmarks/server_load.py`: attacks on the viewer keep no other user out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.long
def test_slow_heads_and_many_addresses_keep_nobody_out():
    limits = "--connections=300", "--addresses=300", "--clients=8", "--seconds=3", "--hold=2", "--most_wait=20"
    call = [sys.executable, ROOT / "benchmarks" / "server_load.py", *limits]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no rule broken" in ended.stdout
    most = [int(number) for number in re.findall(r"at most (\d+) open", ended.stdout)]
    assert len(most) == 2 and max(most) <= 140
    assert "300 answered" in ended.stdout
