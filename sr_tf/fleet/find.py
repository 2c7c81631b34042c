"""Finds the slides of a fleet, and names the archive of each."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import openslide

from sr_tf.errors import UserError
from sr_tf.images.reading import natural_order
from sr_tf.slides.source_files import SourceFiles

SUFFIX = ".sr.zip"
"""The end of an archive's name; it takes the place of the slide's suffix."""
_SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".dcm", ".czi",
             ".jpg", ".jpeg", ".png", ".bmp")  # fmt: skip
"""Files of these names are slides, so that a damaged one is a failure and not overlooked."""


@dataclass(frozen=True)
class Job:
    """A slide to archive.

    Attributes:
        name: the archive's name relative to the fleet's folder, with slashes.
        source: the slide's file, absolute.
        target: the archive's file, absolute.
    """

    name: str
    source: Path
    target: Path


def find_jobs(inputs: Iterable[Path], folder: Path) -> list[Job]:
    """Lists the slides to archive.

    A folder is searched with its sub-folders; hidden files and folders, links to folders and `folder` itself are
    skipped. A file of a folder is a slide if it has the suffix of one or OpenSlide recognises its content. Of several
    files that are one slide (MIRAX, VMS, a DICOM series), one stands for all. A slide that is given twice counts once.

    Args:
        inputs: slides and folders. A named file is a slide, whatever it is called.
        folder: the folder of the archives.

    Returns:
        One job for each slide, in natural order of the archives' names.

    Raises:
        UserError: an input does not exist, a folder holds no slides, or two slides would have the same archive.
    """
    folder = folder.resolve()
    found: dict[Path, Job] = {}
    for given in inputs:
        for source, relative in _slides(given, folder):
            name = relative.with_name(relative.stem + SUFFIX)
            found.setdefault(source.resolve(), Job(name.as_posix(), Path(os.path.abspath(source)), folder / name))
    taken: dict[str, Path] = {}
    for job in found.values():
        other = taken.setdefault(job.name, job.source)
        if other != job.source:
            raise UserError(f"{job.source}: its archive {job.name} is also that of {other}; rename one of them")
    return sorted(found.values(), key=lambda job: natural_order(Path(job.name)))


def _slides(given: Path, folder: Path) -> list[tuple[Path, Path]]:
    """The slides of an input: (file, its path relative to the input)."""
    if given.is_file():
        return [(given, Path(given.name))]
    if not given.is_dir():
        raise UserError(f"{given}: no such file or folder, expected a slide or a folder of slides")
    paths = []
    for parent, children, files in os.walk(given):
        inside = [child for child in children if not child.startswith(".")]
        children[:] = [child for child in inside if Path(parent, child).resolve() != folder]
        paths += [Path(parent, name) for name in files if _is_slide(Path(parent, name))]
    if not paths:
        raise UserError(f"{given}: no slides found, expected files that `sr-tf archive` reads")
    return [(path, path.relative_to(given)) for path in _without_parts(sorted(paths, key=natural_order))]


def _is_slide(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        return openslide.OpenSlide.detect_format(path) is not None
    except (openslide.OpenSlideError, OSError):
        return False


def _without_parts(paths: list[Path]) -> list[Path]:
    """Leaves out files that are parts of another slide, and all but the first of those that are parts of each other."""
    files = {path: SourceFiles(path).paths for path in paths}
    parts: set[Path] = set()
    kept = []
    # The file that names the others comes before them.
    for path in sorted(paths, key=lambda path: -len(files[path])):
        if path not in parts:
            kept.append(path)
            parts.update(files[path])
    return sorted(kept, key=natural_order)
