"""`sr-tf archive`: makes an archive of a slide."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import sr_tf
from sr_tf.archive.assemble import assemble_archive, read_associated
from sr_tf.archive.build import Builder
from sr_tf.archive.cell_comparison import shipped_comparison
from sr_tf.archive.cell_gate import CellGate
from sr_tf.archive.container import ARCHIVE
from sr_tf.archive.copied import reader_of, segments_to_keep
from sr_tf.archive.effort import DEFAULT_EFFORT, EFFORTS
from sr_tf.archive.embedded import embeddable
from sr_tf.archive.enlarge import BlockGenerator, load_generators
from sr_tf.archive.finder_windows import windows
from sr_tf.archive.gate import Gate, measured_names
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.header import VERSION, Header
from sr_tf.archive.join import SCALES, groups
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import FAMILIES, NATIVE, Family
from sr_tf.archive.measure import Measure
from sr_tf.archive.native import Segments
from sr_tf.archive.proof import prove
from sr_tf.archive.second_look import look_before_archiving
from sr_tf.cells.shipped import finder_sha256
from sr_tf.disk.files import make_folder, replace_atomically
from sr_tf.disk.outputs import check_outputs, journal_of
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.load import shipped
from sr_tf.generators.names import parse_model
from sr_tf.generators.recorded import find_recorded
from sr_tf.images.libraries import imagecodecs, require_all
from sr_tf.messages import Progress, Steps
from sr_tf.slides.deidentify import deidentified, publishable
from sr_tf.slides.reduced import factor_for, reduced
from sr_tf.slides.slide import Slide, open_slide
from sr_tf.slides.source_files import Identity, SourceFiles

_ANONYMOUS = "custom"
"""The name of a user's own generator after `--deidentify`; its path can hold names. Its weights' hash identifies it."""


@dataclass(frozen=True)
class Options:
    """How to archive a slide.

    Attributes:
        gate: the gate that every tile must pass; of the quality `study`, none.
        models: names or paths of the generators, at most one for each scale.
        associated: whether to store label, macro and thumbnail images.
        deidentify: whether to keep only what is known to be safe, see `sr_tf.slides.deidentify`.
        workers: number of threads.
        engine: what runs the generators, a name in `sr_tf.generators.engines.ENGINES`.
        refine: whether to refine LRs for the generators, see `sr_tf.generators.refinement`.
        families: the representations that are compared, see `sr_tf.archive.choose.Chooser`.
        embed: whether generators that do not ship are stored in the archive, if a block needs them.
        effort: how much time to spend to save bytes, a key of `sr_tf.archive.effort.EFFORTS`.
        max_magnification: a slide of a higher objective power is reduced 2, 4 or 8 times first; None: none is.
    """

    gate: Gate
    models: tuple[str, ...]
    associated: bool = True
    deidentify: bool = False
    workers: int = 2
    engine: str = DEFAULT_ENGINE
    refine: bool = False
    families: tuple[Family, ...] = FAMILIES
    embed: bool = True
    effort: int = DEFAULT_EFFORT
    max_magnification: float | None = None

    @property
    def used_models(self) -> tuple[str, ...]:
        """The generators that may restore a block: none if every pixel is kept, or if the effort is too low."""
        if self.gate.lossless or not (self.gate.study or EFFORTS[self.effort].networks):
            return ()
        return self.models


def write_archive(source: Path, target: Path, options: Options, progress: Progress | None = None) -> Header:
    """Archives a slide, or resumes an interrupted call.

    Args:
        source: the slide's file; see `sr_tf.slides.slide.open_slide`.
        target: the archive's file, which appears when it is complete. Until then, the hidden file `.NAME.journal`
            beside it contains what is finished.
        options: how to archive the slide.
        progress: see `sr_tf.messages.Steps`; a step is a block, a group of blocks or a window in one of the phases.

    Returns:
        The archive's header.

    Raises:
        UserError: the slide cannot be read or changes meanwhile, or a second decoder reads other pixels; the target
            cannot be written or is a file that is no archive, or its journal is of a call with other options; a
            generator or the finder of red cells cannot be loaded, or the slide's resolution is too low for it; or the
            archive could not be restored.
    """
    require_all()
    source, target = Path(source), Path(target)
    files = SourceFiles(source)
    check_outputs([target], ARCHIVE, {"slide": files.paths}, overwrite=True)
    measure = Measure(measured_names(options.gate))
    with open_slide(source) as whole:
        factor = factor_for(source, whole.info.objective_power, options.max_magnification)
        compared = look_before_archiving(whole)
        slide = reduced(whole, factor)
        # Read first: a damaged image is an error now, not when everything else is done.
        images = read_associated(slide) if _associated_names(slide, options) else {}
        generators = load_generators(list(options.used_models), options.engine, options.refine)
        agree = options.gate.red_cells
        comparison = shipped_comparison(agree, slide) if agree else None
        if options.gate.study:
            _require_study_generator(generators)
        identity = files.identity
        grid = Grid(slide.info.width, slide.info.height)
        segments = segments_to_keep(slide, options.gate.lossless, options.deidentify)
        standalone = reader_of(slide, segments, options.deidentify) if segments else None
        records = [generators[scale].record for scale in sorted(generators, reverse=True)]
        make_folder(target.parent)
        with (
            Spool(journal_of(target), _settings(identity, options, records, factor)) as spool,
            _unchanging(files, spool),
        ):
            journal = Journal(spool, grid, segments, standalone)
            builder = Builder(
                slide,
                journal,
                options.gate,
                measure,
                generators,
                options.workers,
                options.families,
                EFFORTS[options.effort],
            )
            blocks, joins = grid.rows * grid.columns, sum(len(list(groups(grid, scale))) for scale in SCALES)
            phases = {"choose": blocks, "join": joins, "measure": blocks}
            if comparison is not None:
                phases["red cells"] = sum(1 for _ in windows(grid))
            steps = Steps(phases, progress)
            with steps.phase("choose", "block") as step:
                builder.choose(step)
            builder.share_segments()
            with steps.phase("join") as step:
                builder.join(step)
            with steps.phase("measure", "block") as step:
                builder.confirm(step)
            red_cells = None
            if comparison is not None:
                with steps.phase("red cells", "window") as step:
                    red_cells = CellGate(slide, journal, builder, options.gate, comparison, options.workers).hold(step)
            header = _header(source, identity, slide, options, records, segments if _needs_segments(journal) else None)
            header = replace(header, red_cells=red_cells)
            header.source["second_reader"] = compared
            if factor > 1:
                header.source["reduced"] = _before(factor, whole)

            def write(draft: Path) -> None:
                assemble_archive(draft, header, images, journal, _own(generators) if options.embed else {})
                prove(draft, target, slide, images, journal, generators, options.engine)
                _require_unchanged(files)

            replace_atomically(target, write, alone=True)
            spool.remove()
    return header


def _settings(identity: Identity, options: Options, records: list[dict], factor: int) -> dict[str, object]:
    """Everything that a journal's blocks depend on, by the words for it in errors."""
    gate = options.gate
    return {
        "slide's SHA-256": identity.sha256,
        "reduction": factor,
        "quality": gate.name,
        "lowest PSNR": gate.min_psnr,
        "lowest SSIM": gate.min_ssim,
        "largest ENL0 distance": gate.max_enl0,
        "largest shift": gate.max_shift,
        "lowest local SSIM": gate.min_local_ssim,
        "largest local error": gate.max_local_error,
        **({"red cells": gate.red_cells, "finder of red cells": finder_sha256()} if gate.red_cells else {}),
        "generator": {f"×{record['architecture']['scale']}": record for record in records},
        "refinement": options.refine,
        "effort": options.effort,
        "representations": [family.kind.code for family in options.families],
        "de-identification": options.deidentify,  # the journal then holds segments without their metadata
        "sr_tf": sr_tf.__version__,
        "archive format": VERSION,
        "block": BLOCK,
        "library": imagecodecs.version(dict),
    }


def _require_study_generator(generators: dict[int, BlockGenerator]) -> None:
    """Raises a `UserError` unless there is one generator, and it enlarges LRs that are stored without loss 4 times."""
    found = ", ".join(f"{generator.record['name']} (×{scale})" for scale, generator in sorted(generators.items()))
    if set(generators) != {4}:
        raise UserError(
            f"--quality=study: found the generators {found or 'none'}, expected exactly one that enlarges ×4"
        )
    if generators[4].told:
        raise UserError(f"--quality=study: {found} is told the codec's quality, expected a generator that is not")


def _own(generators: dict[int, BlockGenerator]) -> dict[str, list[np.ndarray]]:
    """The weights of the generators that do not ship and may be in an archive, by their SHA-256."""
    records = {scale: generator.record for scale, generator in generators.items()}
    return {
        record["weights_sha256"]: generators[scale].weights
        for scale, record in records.items()
        if embeddable(record["architecture"]) and find_recorded(record["name"], record["weights_sha256"]) is None
    }


@contextmanager
def _unchanging(files: SourceFiles, spool: Spool) -> Iterator[None]:
    """Deletes the journal if the slide has changed when an error occurs: blocks of both states may be in it."""
    try:
        yield
    except UserError as error:
        # A slide that is being written looks damaged. What it is matters more than where it was seen.
        if change := files.change():
            spool.remove()
            raise UserError(change) from error
        raise


def _require_unchanged(files: SourceFiles) -> None:
    if change := files.change():
        raise UserError(change)


def _header(
    source: Path, identity: Identity, slide: Slide, options: Options, records: list[dict], segments: Segments | None
) -> Header:
    """The header without heads and with empty entries of associated images, which `assemble_archive` fills in."""
    info, removed = slide.info, []
    origin = {"name": source.name, **identity.record}
    if options.deidentify:
        info, names = deidentified(info)
        records = [_anonymous(record) for record in records]
        removed = [*publishable(names, slide.associated_names()), "file name", "file size", "SHA-256"]
        if info.icc != slide.info.icc:
            removed.append("text of the colour profile" if info.icc else "colour profile")
        origin = {}
    return Header(
        slide=info,
        source=origin,
        gate=options.gate,
        generators=records,
        codecs=_codec_versions(),
        heads=[],
        native=segments,
        associated={name: {} for name in _associated_names(slide, options)},
        removed=removed,
        software=f"sr_tf {sr_tf.__version__}",
    )


def _before(factor: int, whole: Slide) -> dict:
    """What the header says of a slide that is reduced before it is archived."""
    info = whole.info
    size = {"width": info.width, "height": info.height}
    return {"factor": factor, "objective_power": info.objective_power, **size}


def _associated_names(slide: Slide, options: Options) -> list[str]:
    """The names of the associated images that are stored."""
    return slide.associated_names() if options.associated and not options.deidentify else []


def _anonymous(record: dict) -> dict:
    """A generator's record without the name of a user's own generator."""
    known = parse_model(record["name"]).where in shipped()
    return record if known else {**record, "name": _ANONYMOUS}


def _codec_versions() -> dict[str, str]:
    """The versions of the libraries that code the archive's images."""
    parts = dict(part.rpartition("-")[::2] for part in imagecodecs.version().split(", ") if "-" in part)
    return {name: parts[name] for name in ("imagecodecs", "libavif", "libjxl") if name in parts}


def _needs_segments(journal: Journal) -> bool:
    """Whether a block is stored as the original's JPEG segments."""
    return any(journal.stored(*place).kind is NATIVE for place in journal.grid.blocks())
