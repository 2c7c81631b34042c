"""The Containerfile fits the project: extras, Python, copied files, command. `.ci/container` builds it."""

import configparser
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
# In a process of its own: the parser, that of Docker's builder, brings Go's runtime with it.
PARSE = """
import dockerfile, json
print(json.dumps([[command.cmd, command.flags, command.value] for command in dockerfile.parse_file("Containerfile")]))
"""


class Instruction(NamedTuple):
    """One instruction of the Containerfile, as Docker's builder reads it."""

    name: str
    flags: list[str]
    values: list[str]


@cache
def instructions() -> list[Instruction]:
    done = subprocess.run([sys.executable, "-c", PARSE], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Instruction(*values) for values in json.loads(done.stdout)]


def values(name: str) -> list[list[str]]:
    return [instruction.values for instruction in instructions() if instruction.name == name]


def copied() -> list[str]:
    """The files and folders of the checkout that the build takes."""
    local = [one.values for one in instructions() if one.name == "COPY" and not one.flags]
    return [source for *sources, _target in local for source in sources]


@cache
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_default_arguments_are_a_supported_python_and_extras_that_exist():
    arguments = dict(value.split("=", 1) for [value] in values("ARG"))
    version = re.fullmatch(r"python:(\d\.\d+)-slim", arguments["BASE"]).group(1)
    assert f"Programming Language :: Python :: {version}" in setup()["metadata"]["classifiers"].splitlines()
    assert [value[0] for value in values("FROM")] == ["${BASE}", "${BASE}"]
    assert set(arguments["EXTRAS"].split(",")) <= set(setup()["options.extras_require"])


@pytest.mark.parametrize("name", ["Containerfile", "BUILD.md", ".ci/container"])
def test_extras_that_are_named_beside_the_build_exist(name):
    named = re.findall(r"--build-arg EXTRAS=([a-z,]+)", (ROOT / name).read_text())
    assert named
    assert set(",".join(named).split(",")) <= set(setup()["options.extras_require"])


def test_files_that_are_copied_are_tracked_and_not_ignored():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert set(copied()) <= {name.split("/")[0] for name in tracked}
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == set(copied())


def test_everything_that_the_wheel_needs_is_copied():
    metadata = setup()["metadata"]
    named = {metadata["license_files"], metadata["long_description"].removeprefix("file: ")}
    assert named | {"pyproject.toml", "setup.cfg", "sr_tf", "constraints.txt"} == set(copied())


def test_the_image_runs_sr_tf_as_a_user_without_rights():
    scripts = setup()["options.entry_points"]["console_scripts"].split()
    [entry] = values("ENTRYPOINT")
    assert entry[0] in scripts
    [[user]] = values("USER")
    assert all(int(number) > 0 for number in user.split(":"))
    [stop] = values("STOPSIGNAL")
    assert stop == ["SIGINT"]


def test_a_label_says_that_it_is_for_research_only():
    [labels] = values("LABEL")
    description = dict(zip(labels[::2], labels[1::2], strict=True))["org.opencontainers.image.description"]
    assert "Research use only, not for diagnosis" in description
