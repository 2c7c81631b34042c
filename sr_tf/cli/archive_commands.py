"""Runs the archive commands of `sr-tf` and prints their results."""

import argparse

import numpy as np

from sr_tf.archive import cost
from sr_tf.archive.allocator import keep_freed_memory
from sr_tf.archive.cells import CELL_SCORES, place_of_worst
from sr_tf.archive.cells_again import with_cells_again
from sr_tf.archive.choices import chosen_gate, require_networks
from sr_tf.archive.container import ARCHIVE
from sr_tf.archive.gate import LESS_IS_BETTER, worst
from sr_tf.archive.header import Header
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.map_picture import draw_map
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restore import restore_region, restore_slide
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.arguments import PRICE_PER_GB_MONTH
from sr_tf.disk.files import write_atomically
from sr_tf.disk.outputs import PNG, TIFF, check_outputs
from sr_tf.errors import UserError
from sr_tf.generators.names import archive_models, model_files
from sr_tf.images.libraries import require_all
from sr_tf.messages import RESEARCH_ONLY, tell
from sr_tf.slides.dicom_series import file_of


def archive(options: argparse.Namespace) -> None:
    """Runs `sr-tf archive`."""
    chosen, slide = chosen_options(options), file_of(options.slide)
    inputs = {"slide": slide, "generator": model_files(chosen.models)}
    check_outputs([options.output], ARCHIVE, inputs, options.overwrite)
    keep_freed_memory()
    header = write_archive(slide, options.output, chosen)
    print(f"{options.output}: {header.gate.describe()}; every tile measured")
    print(f"second decoder: {header.source['second_reader']}")
    if header.red_cells is not None:
        print(f"red cells: {header.red_cells.describe()}")
    if "reduced" in header.source:
        print(f"reduced: {reduction_in_words(header)}")
    if chosen.deidentify:
        print(f"removed: {', '.join(header.removed)}")
    with ArchiveFile(options.output) as written:
        print(*_measured(written), *cost.report(written, options.price), sep="\n")


def chosen_options(options: argparse.Namespace) -> Options:
    """Returns how to archive, of the arguments of `sr_tf.cli.archive.add_choices`, `--engine` and `--workers`.

    Raises:
        UserError: a threshold is out of range, or two arguments exclude each other.
    """
    gate = chosen_gate(
        options.quality,
        options.min_psnr,
        options.min_ssim,
        options.max_enl0,
        options.min_local_ssim,
        options.max_local_error,
        options.cells,
    )
    if gate.study and options.refine:
        raise UserError("--quality=study stores LRs as they are reduced; expected no --refine with it")
    require_networks(gate, options.effort, refine=options.refine, models=bool(options.models))
    return Options(
        gate=gate,
        models=tuple(archive_models(options.models, options.quality)),
        associated=options.associated == "keep",
        deidentify=options.deidentify,
        workers=options.workers,
        engine=options.engine,
        refine=options.refine,
        effort=options.effort,
        embed=not options.models_by_reference,
        max_magnification=options.max_magnification,
    )


def restore(options: argparse.Namespace) -> None:
    """Runs `sr-tf restore`."""
    models, workers, engine = tuple(options.models), options.workers, options.engine
    if options.region is not None:
        inputs = {"archive": options.archive, "generator": model_files(models)}
        check_outputs([options.output], PNG, inputs, options.overwrite)
        for flag in ("to", "compression", "max_bytes", "max_magnification"):
            if getattr(options, flag) is not None:
                raise UserError(f"--{flag.replace('_', '-')}: a region is a PNG of full size, expected no such flag")
        print(restore_region(options.archive, options.output, options.region, models, engine))
        return
    chosen = RestoreOptions(
        to=options.to or "ome-tiff",
        compression=options.compression,
        jpeg_quality=options.jpeg_quality,
        max_bytes=options.max_bytes,
        max_magnification=options.max_magnification,
    )
    if chosen.to == "dicom":
        require_all()
        from sr_tf.archive.restore_dicom import restore_dicom  # pydicom takes 0.15 s, which only DICOM needs

        print(restore_dicom(options.archive, options.output, models, chosen, workers, engine, options.overwrite))
        return
    inputs = {"archive": options.archive, "generator": model_files(models)}
    check_outputs([options.output], TIFF, inputs, options.overwrite)
    print(restore_slide(options.archive, options.output, models, chosen, workers, engine, report=_say))


def _say(line: str) -> None:
    """Prints a line at once, before the work that it is about."""
    print(line, flush=True)


def verify(options: argparse.Namespace) -> None:
    """Runs `sr-tf verify`."""
    if options.second_reader and options.against is None:
        raise UserError("--second-reader: reads the original, expected --against SLIDE with it")
    findings = check_integrity(options.archive)
    if not findings:
        print(f"{options.archive}: every byte is as it was written")
        findings = check_restorable(options.archive, tuple(options.models), options.engine)
    if options.against is not None and not findings:
        models = tuple(options.models)
        workers, engine = options.workers, options.engine
        compared: list[str] = []
        findings, worst_scores = measure_again(
            options.archive, options.against, models, workers, engine, options.second_reader, compared.append
        )
        lowest = ", ".join(f"{name} {_number(name, value)}" for name, value in worst_scores.items())
        print(f"{options.archive}: measured again against {options.against}; worst tile: {lowest}")
        print(f"{options.archive}: second decoder: {compared[0]}")
        findings, cells = with_cells_again(findings, options.archive, options.against, models, workers, engine)
        if cells is not None:
            print(f"{options.archive}: red cells: {cells}")
    for finding in findings[:_SHOWN]:
        tell(finding)
    if findings:
        raise UserError(
            f"{options.archive}: {len(findings)} findings; expected an archive as it was written that can be restored"
        )


_SHOWN = 20


def info(options: argparse.Namespace) -> None:
    """Runs `sr-tf info`."""
    if options.map is not None:
        check_outputs([options.map], PNG, {"archive": options.archive}, options.overwrite)
    with ArchiveFile(options.archive) as archive:
        header, slide = archive.header, archive.header.slide
        mpp = "not known" if slide.mpp is None else f"{slide.mpp[0]:g} × {slide.mpp[1]:g} µm per pixel"
        power = "not known" if slide.objective_power is None else f"{slide.objective_power:g}×"
        generators = ", ".join(
            f"{one['name']} (×{one['architecture']['scale']}, weights {one['weights_sha256'][:12]}…, measured with "
            f"{one.get('engine', 'tensorflow')})"
            for one in header.generators
        )
        lines = [
            f"{options.archive}: archive of {header.source.get('name', 'a slide')}, by {header.software}",
            f"slide       {slide.width:,} × {slide.height:,} pixels, {slide.format}",
            f"resolution  {mpp}; objective {power}",
            f"colours     {'profile of ' + format(len(slide.icc), ',') + ' bytes' if slide.icc else 'no profile'}",
            f"gate        {header.gate.describe()}",
            f"generators  {generators or 'none'}",
            f"associated  {', '.join(header.associated) or 'none'}",
            f"source      SHA-256 {header.source.get('sha256', 'not stored, the archive was de-identified')}",
            f"compared    with {header.source.get('second_reader', 'no second decoder')}",
            *([f"red cells   {header.red_cells.describe()}"] if header.red_cells is not None else []),
            *([f"reduced     {reduction_in_words(header)}"] if "reduced" in header.source else []),
            *([f"removed     {', '.join(header.removed)}"] if header.removed else []),
            *_measured(archive),
            *cost.report(archive, PRICE_PER_GB_MONTH),
        ]
        print(*lines, sep="\n")
        if options.map is not None:
            write_atomically(options.map, draw_map(archive))
            print(f"{options.map}: {'the LPIPS of each tile' if header.gate.study else 'which block is stored how'}")
    print(f"Nothing but the index was checked; `sr-tf verify {options.archive}` checks every byte.")
    print(RESEARCH_ONLY)


def reduction_in_words(header: Header) -> str:
    """What a reduced slide was before, and what its scores mean."""
    before = header.source["reduced"]
    found = f"{before['width']:,} × {before['height']:,} pixels at {before['objective_power']:g}×"
    return f"the slide has {found}, the archive {header.slide.objective_power:g}×; measured against the reduced pixels"


def _measured(archive: ArchiveFile) -> list[str]:
    """Describes each measured score in one line; the mean too where no threshold says what to expect."""
    lines = []
    for name, values in archive.scores().items():
        mean = f"mean {_mean(name, values)}, " if archive.header.gate.study else ""
        lowest, median = worst(name, values), np.median(values)
        if name in CELL_SCORES:
            lines.append(_cells_in_words(name, values))
            continue
        lines.append(f"{name:<11} {mean}worst tile {_number(name, lowest)}, median {_number(name, median)}")
    return lines


def _cells_in_words(name: str, values: np.ndarray) -> str:
    """Describes the score of detail cells, of which archives keep bounds."""
    x, y = place_of_worst(name, values)
    bound = "at most" if name in LESS_IS_BETTER else "at least"
    lowest, median = worst(name, values), np.median(values)
    return f"{name:<11} worst detail cell {bound} {lowest:g}, at {x},{y}; median {bound} {median:g}"


def _mean(name: str, values: np.ndarray) -> str:
    """The mean over tiles, without those of equal pixels, whose PSNR is infinite, unless all are."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return _number(name, np.inf)
    equal = values.size - finite.size
    return _number(name, finite.mean()) + (f" (without {equal:,} tiles of equal pixels)" if equal else "")


def _number(name: str, value: float) -> str:
    if np.isinf(value):
        return "∞ (equal pixels)"
    return f"{value:.2f} dB" if name == "psnr" else f"{value:.4f}"
