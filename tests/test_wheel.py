"""The wheel holds every file of the package: networks, pages, types, the manifest for napari."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_the_wheel_holds_what_the_checkout_holds(tmp_path):
    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    listed = subprocess.run(["git", "ls-files", "sr_tf"], cwd=ROOT, check=True, capture_output=True, text=True)
    expected = {name: hashlib.sha256((ROOT / name).read_bytes()).digest() for name in listed.stdout.splitlines()}
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        assert {name: hashlib.sha256(wheel.read(name)).digest() for name in names} == expected
        points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        assert "sr-tf = sr_tf.cli.main:main" in wheel.read(points).decode()
