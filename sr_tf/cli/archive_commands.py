"""Runs the archive commands of `sr-tf` and prints their results."""

import argparse
from dataclasses import replace

import numpy as np

from sr_tf.archive import cost
from sr_tf.archive.container import ARCHIVE
from sr_tf.archive.effort import EFFORTS
from sr_tf.archive.gate import QUALITIES, Gate, worst
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.map_picture import draw_map
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restore import restore_region, restore_slide
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.cli.arguments import PRICE_PER_GB_MONTH, archive_models, model_files
from sr_tf.disk.files import write_atomically
from sr_tf.disk.outputs import PNG, TIFF, check_outputs
from sr_tf.errors import UserError
from sr_tf.messages import tell


def archive(options: argparse.Namespace) -> None:
    """Runs `sr-tf archive`."""
    chosen = chosen_options(options)
    inputs = {"slide": options.slide, "generator": model_files(chosen.models)}
    check_outputs([options.output], ARCHIVE, inputs, options.overwrite)
    header = write_archive(options.slide, options.output, chosen)
    print(f"{options.output}: {header.gate.describe()}; every tile measured")
    print(f"second decoder: {header.source['second_reader']}")
    if chosen.deidentify:
        print(f"removed: {', '.join(header.removed)}")
    with ArchiveFile(options.output) as written:
        print(*_measured(written), *cost.report(written, options.price), sep="\n")


def chosen_options(options: argparse.Namespace) -> Options:
    """Returns how to archive, of the arguments of `sr_tf.cli.archive.add_choices`, `--engine` and `--workers`.

    Raises:
        UserError: a threshold is out of range, or two arguments exclude each other.
    """
    gate = chosen_gate(options.quality, options.min_psnr, options.min_ssim, options.max_enl0)
    if gate.study and options.refine:
        raise UserError("--quality=study stores LRs as they are reduced; expected no --refine with it")
    _require_networks(options, gate)
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
    )


def _require_networks(options: argparse.Namespace, gate: Gate) -> None:
    """Raises a `UserError` if an argument is about generators, but the effort is too low to use them."""
    if gate.lossless or gate.study or EFFORTS[options.effort].networks:
        return
    for flag, given in (("--refine", options.refine), ("--models", options.models)):
        if given:
            lowest = min(effort for effort, settings in EFFORTS.items() if settings.networks)
            raise UserError(
                f"--effort={options.effort} uses no generator; expected no {flag} with it, or an effort of at least "
                f"{lowest}"
            )


def chosen_gate(quality: str, min_psnr: float | None, min_ssim: float | None, max_enl0: float | None) -> Gate:
    """Returns the gate of a quality, with the given thresholds instead of its own.

    Args:
        quality: a name in `QUALITIES`.
        min_psnr: lowest PSNR of a tile in dB; None: the gate's.
        min_ssim: lowest SSIM of a tile; None: the gate's.
        max_enl0: largest ENL0 distance of a tile; None: the gate's.

    Raises:
        UserError: a threshold is out of range, or is given with the quality lossless or study.
    """
    gate = QUALITIES[quality]
    given = {
        name: value
        for name, value in (("min_psnr", min_psnr), ("min_ssim", min_ssim), ("max_enl0", max_enl0))
        if value is not None
    }
    if not given:
        return gate
    if gate.lossless:
        raise UserError(
            "--quality=lossless keeps every pixel; expected no --min-psnr, --min-ssim or --max-enl0 with it"
        )
    if gate.study:
        raise UserError("--quality=study has no thresholds; expected no --min-psnr, --min-ssim or --max-enl0 with it")
    if not 0 < given.get("min_psnr", gate.min_psnr) <= 60:
        raise UserError(f"--min-psnr={min_psnr:g}: expected dB above 0, at most 60; --quality=lossless keeps all")
    if not 0 <= given.get("min_ssim", gate.min_ssim) <= 0.9999:
        raise UserError(f"--min-ssim={min_ssim:g}: expected 0 to 0.9999")
    if not given.get("max_enl0", 1) > 0:
        raise UserError(f"--max-enl0={max_enl0:g}: expected a number above 0")
    return replace(gate, name="custom", **given)


def restore(options: argparse.Namespace) -> None:
    """Runs `sr-tf restore`."""
    models = tuple(options.models)
    inputs = {"archive": options.archive, "generator": model_files(models)}
    check_outputs([options.output], TIFF if options.region is None else PNG, inputs, options.overwrite)
    if options.region is not None:
        print(restore_region(options.archive, options.output, options.region, models, options.engine))
    else:
        quality, workers = options.jpeg_quality, options.workers
        print(restore_slide(options.archive, options.output, models, quality, workers, options.engine))


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
            *([f"removed     {', '.join(header.removed)}"] if header.removed else []),
            *_measured(archive),
            *cost.report(archive, PRICE_PER_GB_MONTH),
        ]
        print(*lines, sep="\n")
        if options.map is not None:
            write_atomically(options.map, draw_map(archive))
            print(f"{options.map}: {'the LPIPS of each tile' if header.gate.study else 'which block is stored how'}")
    print(f"Nothing but the index was checked; `sr-tf verify {options.archive}` checks every byte.")
    print("Research use only. Not a medical device.")


def _measured(archive: ArchiveFile) -> list[str]:
    """Describes each measured score in one line; the mean too where no threshold says what to expect."""
    lines = []
    for name, values in archive.scores().items():
        mean = f"mean {_mean(name, values)}, " if archive.header.gate.study else ""
        lowest, median = worst(name, values), np.median(values)
        lines.append(f"{name:<11} {mean}worst tile {_number(name, lowest)}, median {_number(name, median)}")
    return lines


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
