"""Finds the slides of a folder."""

import os
from collections.abc import Iterable
from pathlib import Path

import openslide

from sr_tf.errors import MissingExtraError
from sr_tf.images.reading import natural_order
from sr_tf.slides.source_files import SourceFiles

_SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".svslide", ".dcm", ".czi",
             ".jpg", ".jpeg", ".png", ".bmp")  # fmt: skip
"""Files of these names are slides, so that a damaged one is a failure and not overlooked."""


def slides_in(folder: Path, skipped: Path | None = None) -> list[Path]:
    """Lists the slides of a folder and its sub-folders, one file for each slide, in natural order.

    Args:
        folder: the folder. Hidden files and folders in it, and links to folders, are skipped.
        skipped: a resolved folder that is skipped too.
    """
    return slides_among(files_in(folder, skipped))


def files_in(folder: Path, skipped: Path | None = None) -> list[Path]:
    """Lists the files of a folder and its sub-folders; see `slides_in`."""
    paths = []
    for parent, children, files in os.walk(folder):
        inside = [child for child in children if not child.startswith(".")]
        children[:] = [child for child in inside if Path(parent, child).resolve() != skipped]
        paths += [Path(parent, name) for name in files if not name.startswith(".")]
    return paths


def slides_among(paths: Iterable[Path]) -> list[Path]:
    """The slides among files, one file for each slide, in natural order."""
    return _without_parts(sorted(filter(_is_slide, paths), key=natural_order))


def _is_slide(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        return openslide.OpenSlide.detect_format(path) is not None
    except (openslide.OpenSlideError, OSError):
        return False


def _without_parts(paths: list[Path]) -> list[Path]:
    """Leaves out files that are parts of another slide, and all but the first of those that are parts of each other."""
    files = {path: _files_of(path) for path in paths}
    parts: set[Path] = set()
    kept = []
    # The file that names the others comes before them.
    for path in sorted(paths, key=lambda path: -len(files[path])):
        if path not in parts:
            kept.append(path)
            parts.update(files[path])
    return sorted(kept, key=natural_order)


def _files_of(path: Path) -> list[Path]:
    """The files of a slide; only itself where the library that finds the others is missing: opening it says so."""
    try:
        return SourceFiles(path).paths
    except MissingExtraError:
        return [path]
