"""One mutated input of each kind, and the commands that read it."""

import contextlib
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing import slides, structures
from fuzzing.archives import changed_zip, forged_header, forged_member, sealed
from fuzzing.readers import Reader, read_checkpoint, read_packed, read_rates, train_settings
from fuzzing.values import mutated

SLIDES = ("svs", "tiff", "ome-tiff", "dicom", "png", "jpeg")
KINDS = (*SLIDES, "archive-bytes", "archive-hashes", "archive-header", "keras", "npz", "json")

Command = list[str] | Reader


@dataclass(frozen=True)
class Input:
    """A mutated input.

    Attributes:
        path: the file that was changed.
        commands: what reads it: arguments of `sr-tf`, or a function.
        outputs: the folder that the commands write to; empty at first.
    """

    path: Path
    commands: list[Command]
    outputs: Path


def make_input(kind: str, number: int, seed: int, bases: Path, folder: Path) -> Input:
    """Makes an input; equal arguments give equal bytes.

    Args:
        kind: one of `KINDS`.
        number: of the input; the first ones are the intact files themselves.
        seed: of the random choices.
        bases: the folder of the intact files, see `fuzzing.bases`.
        folder: an empty folder, which receives the input.
    """
    draw = random.Random(f"{seed} {kind} {number}")
    maker = {"keras": _keras, "npz": _npz, "json": _json}.get(kind, _archive if "archive" in kind else _slide)
    out = folder / "out"
    out.mkdir()
    path, commands = maker(draw, kind, number, bases, folder, out)
    return Input(path, commands, out)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _slide(draw, kind, number, bases, folder, out) -> tuple[Path, list[Command]]:
    files = _files(bases / kind)
    base = files[number % len(files)]
    path = folder / "input" / base.name
    path.parent.mkdir()
    content, other = base.read_bytes(), draw.choice(files).read_bytes()
    if number < len(files):
        path.write_bytes(content)
    elif kind == "ome-tiff" and draw.random() < 0.6:
        form = int(base.name[0])
        slides.write_ome(path, structures.xml(draw, slides.ome_of(form)), form)
    else:
        known = {"png": structures.png, "jpeg": structures.jpeg, "dicom": structures.dicom}.get(kind, structures.tiff)
        path.write_bytes(_changed(draw, content, other, known))
    quality = ["--quality", "lossless"] if number % 4 else ["--quality", "visual", "--models", ""]
    archive = str(out / "a.sr.zip")
    commands: list[Command] = [
        ["archive", str(path), archive, "--workers", "1", *quality],
        ["verify", archive],
        ["restore", archive, str(out / "restored.tif"), "--workers", "1"],
    ]
    if kind in ("png", "jpeg", "tiff"):
        commands.append(["reduce", str(path), str(out / "reduced.png"), "--strict"])
        if number % 4 == 1:
            commands.append(["pack", str(path.parent), str(out / "packed.npz"), "--strict"])
    return path, commands


def _changed(
    draw: random.Random, content: bytes, other: bytes, known: Callable[[random.Random, bytes], bytes]
) -> bytes:
    """The file changed by a mutator that knows its format, or as bytes."""
    if draw.random() < 0.6:
        for _ in range(draw.choice((1, 1, 2))):
            with contextlib.suppress(Exception):  # a format that the first mutation broke
                content = known(draw, content)
        return content
    return mutated(draw, content, other)


def _archive(draw, kind, number, bases, folder, out) -> tuple[Path, list[Command]]:
    files = _files(bases / "archive")
    base, path = files[number % len(files)], folder / "input.sr.zip"
    if number < len(files):
        content = base.read_bytes()
    elif kind == "archive-bytes":
        content = mutated(draw, base.read_bytes(), draw.choice(files).read_bytes())
        content = sealed(content) if draw.random() < 0.3 else content
    else:
        content = (forged_member if kind == "archive-hashes" else forged_header)(draw, base)
    path.write_bytes(content)
    return path, [
        ["info", str(path), *(["--map", str(out / "map.png")] if number % 3 == 0 else [])],
        ["verify", str(path)],
        ["restore", str(path), str(out / "restored.tif"), "--workers", "1"],
        ["restore", str(path), str(out / "part.png"), "--region", "0,0,50,40"],
    ]


def _keras(draw, kind, number, bases, folder, out) -> tuple[Path, list[Command]]:
    base, path = bases / "run" / "best" / "step-00000001.keras", folder / "input.keras"
    content = base.read_bytes()
    if number:
        content = changed_zip(draw, content) if draw.random() < 0.7 else mutated(draw, content, content)
    path.write_bytes(content)
    return path, [["upscale", str(bases / "lr.png"), str(out / "sr.png"), "--model", str(path)]]


def _npz(draw, kind, number, bases, folder, out) -> tuple[Path, list[Command]]:
    packed, checkpoint = bases / "packed", bases / "checkpoints"
    of_training = number % 3 == 2
    base = checkpoint / "step-00000001.npz" if of_training else packed / "train.npz"
    target = folder / "data"
    shutil.copytree(base.parent, target)
    path, content = target / base.name, base.read_bytes()
    if number >= 3:
        content = changed_zip(draw, content) if draw.random() < 0.7 else mutated(draw, content, content)
    path.write_bytes(content)
    return path, [read_checkpoint(target, checkpoint) if of_training else read_packed(target)]


def _json(draw, kind, number, bases, folder, out) -> tuple[Path, list[Command]]:
    run = folder / "run"
    shutil.copytree(bases / "run", run)
    name = ("best/scores.json", "config.json", "images/scene.png.json")[number % 3]
    path = run / name
    if number >= 3:
        text = structures.json_text(draw, json.loads(path.read_text("utf-8")))
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    if number % 3 == 0:
        return path, [["upscale", str(bases / "lr.png"), str(out / "sr.png"), "--model", str(run)]]
    if number % 3 == 2:
        return path, [read_rates(run / "images")]
    arguments = ["upscale", str(bases / "lr.png"), str(out / "sr.png"), "--model", str(run), "--alpha", "0.5"]
    return path, [train_settings(path), arguments]
