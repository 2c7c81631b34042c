"""`sr-tf verify --against`: whether an archive restores the pixels whose scores it records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sr_tf.archive import cells
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.for_each import for_each
from sr_tf.archive.gate import LESS_IS_BETTER, of_tiles, pack, worst
from sr_tf.archive.header import Header
from sr_tf.archive.measure import Measure
from sr_tf.archive.original import open_original
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.second_look import SecondLook, look_at_all
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import Progress, Steps, tell
from sr_tf.slides.slide import Slide
from sr_tf.slides.source_files import SourceFiles

# By version, in its units. Another machine or engine may round single pixels of a generator to the next level.
_TOLERANCES = {
    1: {"psnr": 2, "ssim": 2, "shift": 2, "enl0": 10},
    2: {"psnr": 1, "ssim": 1, "shift": 1, "enl0": 1, "lpips": 10, **dict.fromkeys(cells.CELL_SCORES, 1)},
}
_TOLERANCES[3] = _TOLERANCES[4] = _TOLERANCES[2]


@dataclass(frozen=True)
class Measured:
    """A block that was measured again.

    Attributes:
        row: of the block.
        column: likewise.
        pixels: the original's, uint8 [h, w, 3].
        restored: the restored block, likewise.
        scores: of its gate tiles, see `sr_tf.archive.gate.Measure`.
    """

    row: int
    column: int
    pixels: np.ndarray
    restored: np.ndarray
    scores: dict[str, np.ndarray]


def measure_again(
    path: Path,
    original: Path,
    models: tuple[str, ...],
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    second_reader: bool = False,
    report: Callable[[str], object] = lambda line: None,
    progress: Progress | None = None,
    observe: Callable[[Measured], object] = lambda block: None,
) -> tuple[list[str], dict[str, float]]:
    """Restores every block and scores it against the original. A second decoder reads a sample of the original.

    Args:
        path: the archive's file.
        original: the file of the slide that was archived.
        models: see `ArchivedSlide`.
        workers: number of threads.
        engine: see `ArchivedSlide`.
        second_reader: the second decoder reads all of the original, and every block is compared with its pixels too.
        report: called with what the second decoder compared, in words.
        progress: see `sr_tf.messages.Steps`; a step is a block.
        observe: called with each block, in several threads at once.

    Returns:
        (one line for each problem, the worst value of each score by its name).

    Raises:
        UserError: the archive or the slide cannot be read, or another slide was archived.
    """
    files = SourceFiles(original)
    with ArchivedSlide(path, models, engine) as archive, open_original(original, archive.header) as slide:
        header = archive.header
        require_slide(archive, slide, files)
        recorded, grid = archive.scores(), header.grid
        measure = Measure(recorded)
        again = {name: np.full(values.shape, np.nan) for name, values in recorded.items()}

        def score(row: int, column: int) -> None:
            place = grid.rectangle(row, column)
            pixels, restored = slide.read(*place), archive.blocks.restored(row, column)
            scores = measure(pixels, restored)
            if second_reader:
                differences.extend(look.check_block(place, pixels, restored, measure, header.gate))
            for name, values in scores.items():
                of_cells = name in cells.CELL_SCORES
                again[name][(grid.cells if of_cells else grid.gate_tiles)(row, column)] = values
            observe(Measured(row, column, pixels, restored, scores))
            step()

        with (
            look_at_all(slide) if second_reader else SecondLook(slide) as look,
            Steps({"measure": grid.rows * grid.columns}, progress).phase("measure", "block") as step,
        ):
            differences = [*look.check(), *look.check_segments(archive)]
            for_each(score, grid.blocks(), workers)
            report(look.description + (", and all blocks" if second_reader else ""))
    extremes = {name: worst(name, values) for name, values in again.items()}
    problems = list(_problems(path, header, recorded, again))
    return [*dict.fromkeys(differences), *problems], extremes


def require_slide(archive: ArchiveFile, slide: Slide, files: SourceFiles) -> None:
    """Raises a `UserError` unless an archive is that of a slide.

    A de-identified archive records no hash; then only the size is compared, and a message says so.

    Args:
        archive: the archive.
        slide: the slide.
        files: its files.
    """
    path, archived, found = archive.path, archive.header.slide, slide.info
    if (archived.width, archived.height) != (found.width, found.height):
        raise UserError(
            f"{slide.path}: is not the slide of {path}: it has {found.width}×{found.height} pixels, expected "
            f"{archived.width}×{archived.height}"
        )
    if "sha256" not in archive.header.source:
        tell(f"{path}: was de-identified and has no SHA-256 of its slide; only the pixels are compared")
    elif difference := files.difference(archive.header.source):
        raise UserError(f"{slide.path}: is not the slide of {path}: {difference}")


def _problems(
    path: Path, header: Header, recorded: dict[str, np.ndarray], again: dict[str, np.ndarray]
) -> Iterator[str]:
    gate, version = header.gate, header.version
    for row, column in np.argwhere(~gate.passed_as_stored(again, version)):
        found = ", ".join(f"{name} {of_tiles(name, values)[row, column]:.4f}" for name, values in again.items())
        yield f"{path}: tile {column},{row} does not pass the gate ({found}; {gate.describe()})"
    for name, values in again.items():
        of_cells = name in cells.CELL_SCORES
        what = "detail cell" if of_cells else "tile"
        stored = cells.numbers if of_cells else partial(pack, version=version)
        worse = np.subtract(stored(name, values), stored(name, recorded[name]), dtype=np.int64)
        worse *= 1 if name in LESS_IS_BETTER else -1
        for row, column in np.argwhere(worse > _TOLERANCES[version][name]):
            yield (
                f"{path}: {what} {column},{row} has {name} {values[row, column]:.4f}, but the archive records "
                f"{recorded[name][row, column]:.4f}"
            )
