"""Measures an archive against its slide and makes the certificate."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cells import CELL_SCORES, LOCAL_ERROR
from sr_tf.archive.cells_again import with_cells_again
from sr_tf.archive.gate import ALWAYS_MEASURED, measured_names, of_tiles, worst
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.measure import Measure
from sr_tf.archive.original import open_original
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.verify import Measured, measure_again
from sr_tf.certificate.details import detail_facts
from sr_tf.certificate.facts import archive_facts
from sr_tf.certificate.record import MADE_BY, NOTE, CellFacts, Certificate, Pictures, Score
from sr_tf.certificate.shown import as_stated, places_of_worst, show_tiles
from sr_tf.certificate.unmeasured import not_measured
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import tell
from sr_tf.metrics.ring_correlation import Detail, detail
from sr_tf.pages.figures import finite

_TOLD = 20
"""Most findings that are told one by one."""


def certify(
    path: Path,
    original: Path,
    models: tuple[str, ...] = (),
    engine: str = DEFAULT_ENGINE,
    workers: int = 2,
    cells: CellFacts | None = None,
) -> tuple[Certificate, Pictures]:
    """Checks every byte of an archive, restores every block, compares it with the slide and says what was found.

    Args:
        path: the archive's file.
        original: the file of the slide that was archived.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        engine: likewise.
        workers: number of threads.
        cells: what `sr-tf validate` found, if it is to be on the certificate.

    Raises:
        UserError: the archive or the slide cannot be read, another slide was archived, or `sr-tf verify --against`
            would find something: there is no certificate of such an archive.
    """
    _require_none(path, check_integrity(path) or check_restorable(path, models, engine))
    with ArchiveFile(path) as archive:
        facts, grid = archive_facts(archive), archive.header.grid
        # Small details are measured whether or not the gate judges them: the original is still there.
        names = dict.fromkeys((*measured_names(archive.header.gate), *CELL_SCORES))
    measured = {name: np.full(grid.gate_shape, np.nan) for name in names}
    worst_cells = np.zeros((*grid.gate_shape, 2), np.int64)
    details: dict[tuple[int, int], Detail] = {}
    measure = Measure((*ALWAYS_MEASURED, *CELL_SCORES))

    def observe(block: Measured) -> None:
        x, y, *_ = grid.rectangle(block.row, block.column)
        details[block.row, block.column] = detail(block.pixels, block.restored, x, y)
        scores = block.scores
        if not set(CELL_SCORES) <= set(scores):
            scores = measure(block.pixels, block.restored) | scores
        part = grid.gate_tiles(block.row, block.column)
        for name, values in scores.items():
            measured[name][part] = of_tiles(name, values)
        worst_cells[part] = np.add(places_of_worst(scores[LOCAL_ERROR]), (x, y))

    second: list[str] = []
    findings, _ = measure_again(path, original, models, workers, engine, report=second.append, observe=observe)
    findings, red_cells = with_cells_again(findings, path, original, models, workers, engine)
    _require_none(path, findings)
    with ArchivedSlide(path, models, engine) as archive, open_original(original, archive.header) as slide:
        pictures: Pictures = {}
        factor, shown = show_tiles(archive, slide, measured, worst_cells, pictures)
        kept = detail_facts(archive, slide, dict(sorted(details.items())), factor, pictures)
    stated = {name: as_stated(name, values) for name, values in measured.items()}
    certificate = Certificate(
        made_by=f"{MADE_BY}, sr_tf {sr_tf.__version__}",
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        note=NOTE,
        archive_name=path.name,
        archive=facts,
        second_reader=second[0],
        tiles=grid.gate_shape[0] * grid.gate_shape[1],
        scores=[Score(name, finite(worst(name, one)), finite(np.median(one))) for name, one in stated.items()],
        factor=factor,
        shown=shown,
        detail=kept,
        cells=cells,
        not_measured=not_measured(facts, cells),
        red_cells=red_cells,
    )
    return certificate, pictures


def _require_none(path: Path, findings: list[str]) -> None:
    for finding in findings[:_TOLD]:
        tell(finding)
    if findings:
        raise UserError(
            f"{path}: {len(findings)} findings, so there is no certificate; expected an archive that passes "
            "`sr-tf verify --against`"
        )
