"""The documents keep their word: links lead somewhere, and the real parsers know every command."""

import argparse
import ast
import contextlib
import dataclasses
import functools
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import (
    ROOT,
    code_blocks,
    commands,
    dead_links,
    documents,
    inline_code,
    split_commands,
)

from sr_tf.cli.main import build_parser
from sr_tf.config import TrainConfig

# History: commands of earlier versions stay as they were run.
HISTORY = {"CHANGELOG.md", "zoo.md"}
_FOREIGN_FLAGS = {"--no-index", "--find-links", "--help"}
_PARSE_FLAGS = """
import importlib, json, sys
from absl import flags
importlib.import_module(sys.argv[1])
for words in json.load(sys.stdin):
    try:
        rest = flags.FLAGS([sys.argv[1], *words])
        assert not rest[1:], f"unexpected {rest[1]}"
    except (flags.Error, AssertionError) as error:
        print(" ".join(words), "-", error)
"""


def refused_by_sr_tf(words: list[str]) -> str:
    """What `sr-tf` has against its arguments; empty if nothing."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            build_parser().parse_args(words)
    except SystemExit as exit:
        return f"sr-tf {' '.join(words)} - {said.getvalue().strip().splitlines()[-1]}" if exit.code else ""
    return ""


def refused_by_flags(program: str, calls: list[list[str]]) -> str:
    """What `train.py` or `evaluate.py` has against calls of it; empty if nothing."""
    if not calls:
        return ""
    run = [sys.executable, "-c", _PARSE_FLAGS, program]
    done = subprocess.run(run, input=json.dumps(calls), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + (done.stderr if done.returncode else "")


def refused_benchmark(words: list[str]) -> str:
    """Whether a benchmark and its flags exist; empty if they do."""
    path = ROOT / words[0]
    if not path.is_file():
        return f"{words[0]}: no such program"
    defined = _defined_flags(path)
    unknown = [word for word in words[1:] if word.startswith("--") and _flag_name(word) not in defined]
    return f"{words[0]}: no flags {unknown}" if unknown else ""


def problems(text: str) -> list[str]:
    """What is wrong with the commands in a text."""
    found, calls = [], {"train": [], "evaluate": []}
    for words in commands(text):
        if words[0] == "sr-tf":
            found.append(refused_by_sr_tf(words[1:]))
        elif words[0] == "make":
            found += [f"make {name}: no such target" for name in set(words[1:]) - make_targets()]
        elif words[0] == "python" and words[1:]:
            program = words[1].removesuffix(".py")
            if program in calls:
                calls[program].append(words[2:])
            elif program.startswith("benchmarks/"):
                found.append(refused_benchmark(words[1:]))
    found += [refused_by_flags(program, called) for program, called in calls.items()]
    return [one for one in found if one]


def unknown_flags(text: str) -> list[str]:
    """Flags in prose that no program of this project has, and `sr-tf` commands that it does not have."""
    unknown = []
    for code in inline_code(text):
        words = next(split_commands(code), [])
        if words[:1] == ["sr-tf"] and words[1:] and words[1] not in subcommands() and not words[1].startswith("-"):
            unknown.append(code)
        for flag in re.findall(r"(?<![\w-])--[a-zA-Z][\w-]*", code):
            if flag not in _FOREIGN_FLAGS and _flag_name(flag) not in all_flags():
                unknown.append(f"{flag} in `{code}`")
    return unknown


@functools.cache
def make_targets() -> set[str]:
    """The Makefile's targets."""
    return set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text("utf-8")))


@functools.cache
def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The commands of `sr-tf`."""
    actions = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices)


@functools.cache
def all_flags() -> set[str]:
    """The names of all flags of all programs."""
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    for parser in (build_parser(), *subcommands().values()):
        names |= {_flag_name(option) for action in parser._actions for option in action.option_strings}
    for path in (ROOT / "train.py", ROOT / "evaluate.py", *(ROOT / "benchmarks").glob("*.py")):
        names |= _defined_flags(path)
    return names


def _defined_flags(path: Path) -> set[str]:
    return set(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", path.read_text("utf-8")))


def _flag_name(flag: str) -> str:
    """`--lr_qualities=20,30` is `lr_qualities`, `--min-psnr` is `min_psnr`."""
    return flag.lstrip("-").partition("=")[0].replace("-", "_")


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", documents(), ids=_id)
def test_links_lead_somewhere(path):
    assert dead_links(path, path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", [path for path in documents() if path.name not in HISTORY], ids=_id)
def test_the_programs_know_every_command(path):
    text = path.read_text("utf-8")
    assert problems(text) == []
    assert unknown_flags(text) == []


@pytest.mark.parametrize("path", [*documents(), ROOT / "docs" / "conf.py"], ids=_id)
def test_python_examples_import_what_exists(path):
    text = path.read_text("utf-8")
    blocks = [block for language, block in code_blocks(text) if language == "python"]
    for block in [text] if path.suffix == ".py" else blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("sr_tf"):
                source = (ROOT / (node.module.replace(".", "/") + ".py")).read_text("utf-8")
                defined = {one.name for one in ast.parse(source).body if hasattr(one, "name")}
                assert {alias.name for alias in node.names} <= defined


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", documents(), ids=_id)
def test_nobody_is_told_to_install_an_unpublished_name(path):
    assert not re.search(r"pip3? install[^\n#]*\bsr[-_]tf\b", path.read_text("utf-8"))


def test_pictures_are_all_used():
    text = "".join(path.read_text("utf-8") for path in documents())
    unused = [path.name for path in (ROOT / "docs" / "images").iterdir() if f"images/{path.name}" not in text]
    assert unused == []


def test_planted_dead_links_are_found():
    text = "# A title\n\n[a](no/such.md) [b](#a-title) [c](#no-title) [d](README.md#no-title) `[e](x.md)` [f](https://x.y)\n"
    assert dead_links(ROOT / "BUILD.md", text) == [
        "BUILD.md: no/such.md",
        "BUILD.md: #no-title",
        "BUILD.md: README.md#no-title",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "sr-tf archive slide.svs slide.sr.zip --qualty visual",
        "cd x && sr-tf archiv slide.svs slide.sr.zip  # a comment",
        "sr-tf archive slide.svs",
        "KERAS_BACKEND=jax python train.py --preset=small --no_such_flag=1",
        "python train.py --preset=no_such_preset",
        "python evaluate.py --model=small",
        "python benchmarks/no_such_program.py",
        "python benchmarks/faults.py --no_such_flag",
        "make coffee",
    ],
)
def test_planted_commands_are_found(line):
    assert problems(f"Text:\n\n    {line}\n\nMore.\n") != []
    assert problems(f"```sh\n{line}\n```\n") != []


def test_right_commands_are_not_found():
    assert problems("Text:\n\n    for f in *.svs; do sr-tf archive $f $f.zip || echo $f >> x; done   # all\n") == []
    assert problems("```\nKERAS_BACKEND=jax .venv/bin/python train.py --preset=small \\\n    --xla\n```\n") == []


def test_planted_flags_in_prose_are_found():
    assert unknown_flags("Give `--min-psnr` or `--learn_reduction`; `sr-tf archive --refine`.") == []
    assert unknown_flags("Give `--min-psnt`.") == ["--min-psnt in `--min-psnt`"]
    assert unknown_flags("See `sr-tf archiv`.") == ["sr-tf archiv"]
