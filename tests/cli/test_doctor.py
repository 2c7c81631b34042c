"""`sr-tf doctor` agrees with what the system and the packages' own metadata say, also where packages are missing."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import metadata
from pathlib import Path

import imagecodecs
import openslide
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from sr_tf.assets.registry import ASSETS
from sr_tf.cli.doctor_report import NEEDED_FOR, fits, requirements
from sr_tf.cli.main import main

ROOT = Path(__file__).parents[2]
FOR_DEVELOPERS = {"beam", "docs", "browser", "test"}


def report(capsys):
    assert main(["doctor", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def without(tmp_path):
    """Runs `doctor` among the installed packages except some, given by how their files' names begin."""

    def run(*names, arguments=()):
        packages = tmp_path / "packages"
        packages.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if path.suffix != ".pth" and not path.name.startswith(names):
                (packages / path.name).symlink_to(path)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)])}
        command = [sys.executable, "-S", "-m", "sr_tf.cli.main", "doctor", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    return run


def test_the_report_agrees_with_the_machine(capsys, tmp_path, monkeypatch):
    asset = next(iter(ASSETS.values()))
    monkeypatch.setenv("SR_TF_CACHE", str(tmp_path))
    (tmp_path / asset.file_name).write_bytes(b"")
    found = report(capsys)
    assert found["cpu_cores"] == len(os.sched_getaffinity(0))
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert found["memory"]["total"] == pytest.approx(total, rel=0.01)
    assert 0 < found["memory"]["available"] <= total
    folders = {"cache": tmp_path, "temporary": Path(tempfile.gettempdir())}
    for name, folder in folders.items():
        assert found["disk"][name]["folder"] == str(folder)
        assert found["disk"][name]["free"] == pytest.approx(shutil.disk_usage(folder).free, rel=0.05)
    assert [name for name, present in found["assets"].items() if present] == [asset.name]
    assert (found["nvidia_gpu"] is None) == (
        not Path("/proc/driver/nvidia").exists() and not shutil.which("nvidia-smi")
    )


def test_the_report_agrees_with_the_packages(capsys):
    found = report(capsys)
    assert found["python"] == sys.version.split()[0]
    assert found["engines"] == {name: metadata.version(name) for name in ("tensorflow", "keras", "jax", "openvino")}
    assert found["libraries"]["OpenSlide"] == {"version": openslide.__library_version__, "error": None}
    assert found["libraries"]["libavif"]["version"] in imagecodecs.version()
    assert found["libraries"]["libjxl"]["version"] in imagecodecs.version()
    assert found["required"] == {"missing": [], "install": None}
    assert found["shipped_generators"] == len(list((ROOT / "sr_tf" / "zoo").glob("*/weights.npz")))
    assert list(found["extras"]) == list(NEEDED_FOR)
    for extra in found["extras"].values():
        assert extra["installed"] is (not extra["missing"]) and (extra["install"] is None) is extra["installed"]


def test_requirements_are_read_as_pip_reads_them():
    expected: dict[str, set] = {}
    for requirement in map(Requirement, metadata.requires("sr-tf")):
        extra = str(requirement.marker).split('"')[1] if requirement.marker else ""
        expected.setdefault(extra, set()).add((requirement.name, str(requirement.specifier)))
    assert {extra: set(packages) for extra, packages in requirements().items()} == expected
    assert set(NEEDED_FOR) | FOR_DEVELOPERS == set(metadata.metadata("sr-tf").get_all("Provides-Extra"))


@pytest.mark.parametrize("versions", ["", "==3.15.*", ">=3.1", "==2.60.*"])
@pytest.mark.parametrize("version", ["3.15", "3.15.1", "3.150.2", "2.60.0", "3.1", "3.1.4", "3.0.9", "10.0"])
def test_versions_fit_as_pip_says(version, versions):
    assert fits(version, versions) == SpecifierSet(versions).contains(version)


def test_the_text_is_one_aligned_screen(capsys):
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) < 50 and all(len(line) <= 120 for line in lines)
    assert "Research use only." in text
    rows = [line for line in lines if line.startswith(tuple(NEEDED_FOR)) and "installed" in line]
    assert len(rows) == len(NEEDED_FOR)
    assert {line.index("installed") for line in rows} == {18}


def test_missing_extras_are_told_with_their_command(without):
    done = without("tensorflow", "zarr", "openvino")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for name in ("tensorflow", "openvino", "zarr"):
        row = next(number for number, line in enumerate(lines) if line.split()[:2] == [name, "missing"])
        assert lines[row + 1].split()[0] == "lacks" and name in lines[row + 1]
        assert f"pip install -e '.[{name}]'" in lines[row + 2]
    assert any(line.split()[:2] == ["view", "installed"] for line in lines)
    assert all(len(line) <= 120 for line in lines)


def test_a_missing_page_server_is_an_error(without):
    done = without("starlette", arguments=["--json"])
    assert done.returncode == 2
    view = json.loads(done.stdout)["extras"]["view"]
    assert view["missing"] == ["starlette"] and not view["installed"]
    assert done.stderr.startswith("sr-tf: error: the extra `view` is not installed: pip install -e '.[view]'")
    assert done.stderr.count("\n") == 1


def test_a_missing_slide_library_is_an_error(without):
    done = without("openslide")
    assert done.returncode == 2
    assert "openslide-bin, openslide-python" in done.stderr and done.stderr.count("\n") == 1
    assert "OpenSlide         missing: No module named 'openslide'" in done.stdout
