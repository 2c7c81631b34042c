"""Finds the slides of a fleet, and names the archive of each."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sr_tf.archive.container import SUFFIX
from sr_tf.errors import UserError
from sr_tf.images.reading import natural_order
from sr_tf.slides.find import slides_in


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
    paths = slides_in(given, folder)
    if not paths:
        raise UserError(f"{given}: no slides found, expected files that `sr-tf archive` reads")
    return [(path, path.relative_to(given)) for path in paths]
