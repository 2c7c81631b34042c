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
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import golden_scenes as scenes
import numpy as np
from PIL import Image

from sr_tf.archive import kinds
from sr_tf.archive.gate import Gate
from sr_tf.archive.kinds import FAMILIES, KINDS, Kind
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive

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
        own: an own network that is embedded, and the only kinds of blocks that are tried. `options` are then the lowest
            PSNR and SSIM.
    """

    draw: Callable[[Path], None]
    options: tuple[str, ...]
    suffix: str = ".png"
    commit: str | None = None
    own: tuple[Callable, tuple[Kind, ...]] | None = None


_VERSION_0_1_0 = "238d62d"
_VERSION_1 = "26b95b0"
"""The last commit that writes version 1 of the format."""
_EARLIER_WEIGHTS = "3f07677"
"""The last commit with the weights of `archive4` and `archive2` that `zoo/earlier` has."""

_GLASS, _CELLS = scenes.glass_and_noise, scenes.cells
_NEWEST = {
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
}
ARCHIVES = {
    **{name: replace(golden, commit=_VERSION_1) for name, golden in _NEWEST.items()},
    "0.1.0-deidentified": Golden(
        scenes.slide, ("--quality", "lossless", "--deidentify"), ".tif", commit=_VERSION_0_1_0
    ),
    "0.1.0-generator": Golden(_CELLS, ("--quality", "visual", "--models", "archive4,archive2"), commit=_VERSION_0_1_0),
    "0.1.0-earlier-weights": Golden(
        _CELLS, ("--quality", "visual", "--models", "archive4,archive2"), commit=_EARLIER_WEIGHTS
    ),
    **{f"2-{name}": golden for name, golden in _NEWEST.items()},
    "2-shared": Golden(
        partial(scenes.alike, size=(1060, 1080), sigmas=((1.3, 1.3, 4), (1.3, 1.3, 4), (4, 4, 4))),
        ("--quality", "diagnostic", "--models", ""),
    ),
    "2-shared-in-part": Golden(
        partial(scenes.alike, size=(640, 1150), sigmas=((4, 1.3, 4), (4, 1.6, 4))),
        ("--quality", "diagnostic", "--models", ""),
    ),
    "2-small-details": Golden(scenes.small_details, ("--quality", "diagnostic", "--models", "")),
    "2-study": Golden(_CELLS, ("--quality", "study")),
    "2-own-generator": Golden(_CELLS, ("20", "0.3"), own=(scenes.own_generator, (kinds.LR4_GENERATOR,))),
    "2-own-told-generator": Golden(_CELLS, ("20", "0.3"), own=(scenes.own_told_generator, (kinds.LR2_GENERATOR,))),
    "2-filter": Golden(scenes.more_cells, ("38", "0.95"), own=(scenes.own_filter, (kinds.FULL_AVIF420_FILTER,))),
    "2-filter-beside-reduced": Golden(
        _CELLS, ("38", "0.95"), own=(scenes.own_filter, (kinds.LR4_BICUBIC, kinds.FULL_AVIF_FILTER))
    ),
    "3-jpeg-2000": Golden(scenes.jpeg2000_slide, ("--quality", "lossless"), ".svs"),
    "4-placed-page": Golden(scenes.placed_page, ("--quality", "lossless"), ".scn"),
}


def make(name: str, golden: Golden) -> dict:
    """Makes one archive; returns its record."""
    target = FOLDER / f"{name}.sr.zip"
    with tempfile.TemporaryDirectory() as folder:
        source, part = Path(folder) / f"{name}{golden.suffix}", Path(folder) / "restored.png"
        golden.draw(source)
        program = _program(golden.commit, Path(folder) / "program")
        if golden.own is None:
            program("archive", source, target, *golden.options)
        else:
            _archive_by_own(golden, source, target)
        with ArchiveFile(target) as archive:
            slide = archive.header.slide
            codes = sorted({int(code) for code in archive.index.kinds.flat})
            associated = {image: _sha256(archive.associated(image)) for image in archive.header.associated}
        program("restore", target, part, "--region", f"0,0,{slide.width},{slide.height}")
        with Image.open(part) as image:
            pixels = np.asarray(image)
    if any(KINDS[code].generator for code in codes):  # engines may round differently, so the pixels themselves are kept
        Image.fromarray(pixels).save(FOLDER / f"{name}.png", optimize=True)
    file = hashlib.sha256(target.read_bytes()).hexdigest()
    return {"file": file, "kinds": codes, "pixels": _sha256(pixels), "associated": associated}


def _archive_by_own(golden: Golden, source: Path, target: Path) -> None:
    """Makes an archive with a network of its own. The gate may be any: what is tried are the blocks that use it."""
    network, tried = golden.own
    min_psnr, min_ssim = map(float, golden.options)
    families = tuple(family for family in FAMILIES if family.kind in tried)
    with chdir(source.parent):  # the archive has the path of the network's file as its name
        network(Path("own.keras"))
        gate = Gate("custom", min_psnr, min_ssim)
        write_archive(source, target, Options(gate, ("own.keras",), families=families))


def _program(commit: str | None, folder: Path) -> Callable[..., object]:
    """A function that runs `sr-tf` with arguments, as it is or as it was at a commit, whose files go to `folder`."""
    root = _ROOT if commit is None else folder
    if commit is not None:
        folder.mkdir()
        files = subprocess.run(["git", "archive", commit, "sr_tf"], cwd=_ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "x", "-C", folder], check=True, input=files.stdout)
    module = "sr_tf.cli.main" if (root / "sr_tf" / "cli" / "main.py").exists() else "sr_tf.cli"
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
