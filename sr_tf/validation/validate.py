"""Counts the cells of a slide and of its archive, and of the slide coded in other ways; types them if they have any."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.finder_windows import MARGIN, WINDOW, Window, by_block, windows
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.header import Header
from sr_tf.archive.original import open_original
from sr_tf.archive.verify import require_slide
from sr_tf.cells.finder import Cells
from sr_tf.cells.names import AUTO
from sr_tf.cells.subjects import Subject, subject
from sr_tf.cells.tally import Pairing, Tally, pair_cells
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.metrics.ring_correlation import PROTOCOL as DETAIL_PROTOCOL
from sr_tf.metrics.ring_correlation import detail
from sr_tf.slides.slide import Slide
from sr_tf.slides.source_files import SourceFiles
from sr_tf.validation.differences import differences, with_pictures
from sr_tf.validation.floors import floors
from sr_tf.validation.results import Method, Validation

_FLOOR_WINDOWS = 64
"""Most windows on which floors are measured."""
_RATE_WINDOWS = 6
"""Most windows on which the quality of a floor is chosen."""


def validate(
    path: Path,
    original: Path,
    models: tuple[str, ...] = (),
    engine: str = DEFAULT_ENGINE,
    cells: str = AUTO,
) -> Validation:
    """Finds the cells of a slide and of its archive and compares them.

    Args:
        path: the archive's file.
        original: the file of the slide that was archived.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        engine: likewise.
        cells: what is counted, see `sr_tf.cells.subjects.subject`.

    Raises:
        UserError: the archive or the slide cannot be read, another slide was archived, or the slide has no such cell.
    """
    files = SourceFiles(original)
    with ArchivedSlide(path, models, engine) as archive, open_original(original, archive.header) as slide:
        require_slide(archive, slide, files)
        header = archive.header
        counted = subject(cells, header.slide.mpp, original)
        pixels = header.slide.width * header.slide.height
        restored = Method("restored", header.gate.describe(), pixels=pixels, bytes=path.stat().st_size)
        found = _compare_all(archive, slide, counted, restored)
        if not found:
            raise UserError(f"{original}: no {counted.one} was found, expected {counted.expected}")
        chosen = [list(found)[index] for index in spread(len(found), _FLOOR_WINDOWS)]
        methods = [restored]
        if len(chosen) < len(found):
            methods.append(_same_windows(restored, chosen))
        methods += _compare_floors(
            slide, counted, {window: found[window] for window in chosen}, restored.bytes / pixels
        )
        gated = _gated_by(header, counted)
        return Validation(
            path.name,
            original.name,
            header.source.get("sha256"),
            archive.sha256(),
            header.gate.describe(),
            _protocol(counted, len(found), len(chosen), gated),
            counted.card,
            methods,
            header.slide.mpp,
            counted.name,
            gated,
        )


def _compare_all(archive: ArchivedSlide, slide: Slide, counted: Subject, method: Method) -> dict[Window, Cells]:
    """Compares every window; returns the original's cells of those windows that have any."""
    cells = {}
    for window in tqdm(list(windows(archive.header.grid)), desc=counted.name, unit="window", disable=None):
        pixels, other = slide.read(*window.seen), archive.read(*window.seen)
        own = counted.find(pixels).moved(*window.seen[:2])
        pairing = _paired(counted, own, other, window)
        _add(method, window, pairing, pixels, other)
        for difference in differences(pairing):
            shown = sum(one.kind == difference.kind for one in method.differences)
            method.differences.append(with_pictures(difference, window, pixels, other, shown))
        if len(pairing.first) + len(pairing.lost):
            cells[window] = own
    return cells


def _compare_floors(slide: Slide, counted: Subject, cells: dict[Window, Cells], rate: float) -> list[Method]:
    samples = [slide.read(*list(cells)[index].middle(BLOCK)) for index in spread(len(cells), _RATE_WINDOWS)]
    found = {floor: Method(floor.name, floor.settings) for floor in floors(samples, rate)}
    for window, own in tqdm(cells.items(), desc="floors", unit="window", disable=None):
        pixels = slide.read(*window.seen)
        for floor, method in found.items():
            other, size = floor.coded(pixels)
            pairing = _paired(counted, own, other, window)
            _add(method, window, pairing, pixels, other)
            method.pixels, method.bytes = method.pixels + window.seen[2] * window.seen[3], method.bytes + size
    return list(found.values())


def _paired(counted: Subject, own: Cells, other: np.ndarray, window: Window) -> Pairing:
    return pair_cells(own, counted.find(other).moved(*window.seen[:2]), window.inside, counted.radius)


def _add(method: Method, window: Window, pairing: Pairing, pixels: np.ndarray, other: np.ndarray) -> None:
    method.windows += 1
    place = window.inside[:2]
    method.details[place] = detail(window.without_margin(pixels), window.without_margin(other), *place)
    for block, part in by_block(pairing):
        method.tally.add(block, part)


def _same_windows(restored: Method, chosen: Sequence[Window]) -> Method:
    """The archive's figures on some windows only."""
    kept = {(window.inside[1] // WINDOW, window.inside[0] // WINDOW) for window in chosen}
    step = WINDOW // BLOCK
    tally = Tally()
    for block, counts in restored.tally.counts.items():
        if (block[0] // step, block[1] // step) in kept:
            tally.counts[block], tally.tables[block] = counts, restored.tally.tables[block]
            pairs = int(tally.tables[block].sum())
            tally.lost, tally.gained = tally.lost + counts[0] - pairs, tally.gained + counts[1] - pairs
    name = "restored, windows of the floors"
    same = Method(name, restored.settings, len(chosen), restored.pixels, restored.bytes, tally)
    same.details = {window.inside[:2]: restored.details[window.inside[:2]] for window in chosen}
    return same


_TYPES = (
    "κ without weights, 95 % interval by 2,000 bootstrap resamples of blocks, or of cells where fewer than ten blocks "
    "hold any; where all types agree it has no width and says nothing"
)


_GATED = "the archive was stored so that this finder's answers agree: their agreement is no evidence of its own"


def spread(count: int, most: int) -> list[int]:
    """At most `most` indices below `count`, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))})


def _gated_by(header: Header, counted: Subject) -> bool:
    """Whether an archive was made so that this finder's answers agree."""
    outcome = header.red_cells
    return outcome is not None and outcome.finder_sha256 == counted.card.get("weights_sha256")


def _protocol(counted: Subject, all_windows: int, chosen: int, gated: bool) -> str:
    where = "the same windows" if chosen == all_windows else f"{chosen} of the {all_windows} windows with cells"
    # What begins with "detail: " stands last: certificates leave it out.
    clauses = (
        f"sr_tf {sr_tf.__version__}",
        f"windows of {WINDOW}×{WINDOW} pixels, seen with {MARGIN} more on each side",
        f"two findings are one cell if their centres are at most {counted.radius:.3g} pixels apart, the nearest first",
        f"counts by block of {BLOCK}×{BLOCK} pixels, those without a cell left out",
        "limits of agreement: mean difference ± 1.96 standard deviations",
        *([_TYPES] if counted.typed else []),
        *([_GATED] if gated else []),
        f"floors coded window by window on {where}",
        f"equal bytes: those of the archive's file by pixel, AVIF's quality chosen on the middle {BLOCK}×{BLOCK} "
        f"pixels of up to {_RATE_WINDOWS} windows",
        f"detail: {DETAIL_PROTOCOL}",
    )
    return "; ".join(clauses)
