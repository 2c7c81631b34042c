"""Makes the golden archives: python tests/golden/make.py

Each is written by `sr-tf archive` from a scene that the project draws itself, some by the program of an earlier commit.
They are made once: every later version has to restore these very files to the pixels that were recorded then. Therefore
files that exist are kept. Only those that are missing are made; `golden.json` gets the SHA-256 of each file and of its
restored pixels.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import golden_scenes as scenes
import numpy as np
from PIL import Image

from sr_tf.archive.kinds import KINDS
from sr_tf.archive.reader import ArchiveFile

FOLDER = Path(__file__).parent
RECORDS = FOLDER / "golden.json"
_ROOT = FOLDER.parents[1]


@dataclass(frozen=True)
class Golden:
    """How a golden archive is made.

    Attributes:
        draw: writes the slide.
        options: the options of `sr-tf archive`.
        suffix: the ending of the slide's name.
        commit: the commit whose program makes and restores it; None: the present one.
    """

    draw: Callable[[Path], None]
    options: tuple[str, ...]
    suffix: str = ".png"
    commit: str | None = None


_VERSION_0_1_0 = "238d62d"
_EARLIER_WEIGHTS = "3f07677"
"""The last commit with the weights of `archive4` and `archive2` that `zoo/earlier` has."""

_GLASS, _CELLS = scenes.glass_and_noise, scenes.cells
ARCHIVES = {
    "interpolated": Golden(scenes.mixed, ("--quality", "visual", "--models", "")),
    "full-size": Golden(scenes.sharp, ("--quality", "diagnostic", "--models", "")),
    "jpeg-xl": Golden(scenes.stamps, ("--min-psnr", "44", "--min-ssim", "0.98", "--models", "")),
    "exact": Golden(scenes.with_profile, ("--quality", "lossless")),
    "jpeg-tiles": Golden(scenes.slide, ("--quality", "lossless"), ".tif"),
    "associated": Golden(scenes.slide, ("--quality", "visual", "--models", ""), ".tif"),
    "deidentified": Golden(scenes.slide, ("--quality", "lossless", "--deidentify"), ".tif"),
    "jpeg-tiles-and-glass": Golden(
        partial(_GLASS, subsampling="420"), ("--min-psnr", "50", "--min-ssim", "0.98", "--models", ""), ".tif"
    ),
    "jpeg-tiles-unpacked": Golden(
        partial(_GLASS, subsampling="411"), ("--min-psnr", "55", "--min-ssim", "0.98", "--models", ""), ".tif"
    ),
    "generator-4x": Golden(_CELLS, ("--quality", "visual", "--models", "archive4,archive2")),
    "generator-4x-in-steps": Golden(_CELLS, ("--quality", "visual", "--models", "m2")),
    "generator-2x": Golden(scenes.more_cells, ("--quality", "diagnostic", "--models", "archive2")),
    "0.1.0-deidentified": Golden(
        scenes.slide, ("--quality", "lossless", "--deidentify"), ".tif", commit=_VERSION_0_1_0
    ),
    "0.1.0-generator": Golden(_CELLS, ("--quality", "visual", "--models", "archive4,archive2"), commit=_VERSION_0_1_0),
    "0.1.0-earlier-weights": Golden(
        _CELLS, ("--quality", "visual", "--models", "archive4,archive2"), commit=_EARLIER_WEIGHTS
    ),
}


def make(name: str, golden: Golden) -> dict:
    """Makes one archive; returns its record."""
    target = FOLDER / f"{name}.sr.zip"
    with tempfile.TemporaryDirectory() as folder:
        source, part = Path(folder) / f"{name}{golden.suffix}", Path(folder) / "restored.png"
        golden.draw(source)
        program = _program(golden.commit, Path(folder) / "program")
        program("archive", source, target, *golden.options)
        with ArchiveFile(target) as archive:
            slide = archive.header.slide
            kinds = sorted({int(code) for code in archive.index["kind"].flat})
            associated = {image: _sha256(archive.associated(image)) for image in archive.header.associated}
        program("restore", target, part, "--region", f"0,0,{slide.width},{slide.height}")
        with Image.open(part) as image:
            pixels = np.asarray(image)
    if any(KINDS[code].generator for code in kinds):  # engines may round differently, so the pixels themselves are kept
        Image.fromarray(pixels).save(FOLDER / f"{name}.png", optimize=True)
    file = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"file": file, "kinds": kinds, "pixels": _sha256(pixels), "associated": associated}


def _program(commit: str | None, folder: Path) -> Callable[..., object]:
    """A function that runs `sr-tf` with arguments, as it is or as it was at a commit, whose files go to `folder`."""
    module, root = ("sr_tf.cli.main", _ROOT) if commit is None else ("sr_tf.cli", folder)
    if commit is not None:
        folder.mkdir()
        files = subprocess.run(["git", "archive", commit, "sr_tf"], cwd=_ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "x", "-C", folder], check=True, input=files.stdout)
    command = [sys.executable, "-m", module]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return lambda *arguments: subprocess.run([*command, *map(str, arguments)], cwd=root, env=environment, check=True)


def _sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


if __name__ == "__main__":
    records = json.loads(RECORDS.read_text("utf-8")) if RECORDS.exists() else {}
    for name, golden in ARCHIVES.items():
        if name not in records:
            records[name] = make(name, golden)
            RECORDS.write_text(json.dumps(records, indent=1) + "\n", "utf-8")
