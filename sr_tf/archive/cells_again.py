"""Whether an archive that was gated on red cells still restores them; a part of `sr-tf verify --against`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cell_comparison import count_inside, shipped_comparison
from sr_tf.archive.finder_windows import Window, windows
from sr_tf.archive.for_each import for_each
from sr_tf.archive.original import open_original
from sr_tf.archive.reader import ArchiveFile
from sr_tf.cells.shipped import finder_sha256
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import Progress, Steps

_TOLERATED = 0.005
"""Share of the cells that may differ: another machine may round single values of the finder or of a generator to the
next level, which turns cells at the border between two types. Of few cells, one may."""


@dataclass(frozen=True)
class CellsAgain:
    """What a second comparison found.

    Attributes:
        report: in one line for people.
        findings: one line for each block whose cells differ, if there are too many.
    """

    report: str
    findings: list[str]


def with_cells_again(
    findings: list[str],
    path: Path,
    original: Path,
    models: tuple[str, ...] = (),
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> tuple[list[str], str | None]:
    """Compares red cells again, unless something was found before: pixels that differ explain cells that do.

    Args:
        findings: those of `sr_tf.archive.verify.measure_again`.
        path: the archive's file.
        original: see `compare_cells_again`, as are the others.
        models: likewise.
        workers: likewise.
        engine: likewise.
        progress: likewise.

    Returns:
        (one line for each problem, what was compared in words, or None if no cells were).

    Raises:
        UserError: as `compare_cells_again`.
    """
    again = None if findings else compare_cells_again(path, original, models, workers, engine, progress)
    return (findings, None) if again is None else (again.findings, again.report)


def compare_cells_again(
    path: Path,
    original: Path,
    models: tuple[str, ...] = (),
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> CellsAgain | None:
    """Compares the red cells of an archive with its slide's again, by the finder that it records.

    Args:
        path: an archive in which `sr_tf.archive.verify.measure_again` found nothing.
        original: the file of the slide that was archived.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        workers: number of threads.
        engine: see `ArchivedSlide`.
        progress: see `sr_tf.messages.Steps`; a step is a window of the finder.

    Returns:
        None if the archive was not gated on red cells.

    Raises:
        UserError: a file cannot be read, or TensorFlow is not installed.
    """
    with ArchiveFile(path) as opened:
        gated, agree = opened.header.red_cells, opened.header.gate.red_cells
    if gated is None or agree is None:
        return None
    if gated.finder_sha256 != finder_sha256():
        ours = finder_sha256()[:12]
        return CellsAgain(
            f"not compared: gated by the finder {gated.finder_sha256[:12]}…, this program has {ours}…", []
        )
    found: list[int] = []
    differing: dict[tuple[int, int], int] = {}
    with ArchivedSlide(path, models, engine) as archive, open_original(original, archive.header) as slide:
        comparison = shipped_comparison(agree, slide)

        def compare(window: Window, step: Callable[[], object]) -> None:
            own = comparison.cells(window, slide.read(*window.seen))
            other = comparison.cells(window, archive.read(*window.seen))
            found.append(count_inside(window, own))
            differing.update(comparison.differing(window, own, other))
            step()

        every = list(windows(archive.header.grid))
        with Steps({"red cells": len(every)}, progress).phase("red cells", "window") as step:
            for_each(compare, ((window, step) for window in every), workers)
    count, cells = sum(differing.values()), sum(found)
    report = f"{cells:,} found again in the slide, {count:,} differ in the archive (finder {gated.finder_sha256[:12]}…)"
    tolerated, findings = max(1, _TOLERATED * cells), []
    if abs(cells - gated.found) > tolerated:
        findings.append(f"{path}: states {gated.found:,} red cells, expected {cells:,} as in the original")
    if count > tolerated:
        findings += [
            f"{path}: block {column},{row} has {number} red cells that differ from the original's, expected none"
            for (row, column), number in sorted(differing.items())
        ]
    return CellsAgain(report, findings)
