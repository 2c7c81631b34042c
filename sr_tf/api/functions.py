"""`sr-tf archive`, `restore`, `verify` and `upscale` as functions."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sr_tf.archive.cells_again import with_cells_again
from sr_tf.archive.choices import chosen_gate, require_networks
from sr_tf.archive.container import ARCHIVE
from sr_tf.archive.effort import DEFAULT_EFFORT
from sr_tf.archive.gate import worst
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.proof import check_restorable
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restore import TARGETS, restore_region, restore_slide
from sr_tf.archive.restore_plan import RestoreOptions
from sr_tf.archive.verify import measure_again
from sr_tf.archive.write import Options, write_archive
from sr_tf.disk.cores import usable_cores
from sr_tf.disk.outputs import PNG, TIFF, check_outputs
from sr_tf.disk.paths import check_name, refuse_special
from sr_tf.disk.spool import require_file_locks
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE, require_engine
from sr_tf.generators.names import DEFAULT_GENERATOR, archive_models, listed_models, model_files, parse_model
from sr_tf.images.libraries import require_all
from sr_tf.images.reading import read_rgb
from sr_tf.images.tiles import tiles
from sr_tf.messages import Progress, Steps

Name = str | Path


def archive(
    source: Name,
    target: Name,
    quality: str = "visual",
    *,
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    max_enl0: float | None = None,
    min_local_ssim: float | None = None,
    max_local_error: float | None = None,
    cells: str | None = None,
    models: Iterable[str] | None = None,
    embed: bool = True,
    refine: bool = False,
    effort: int = DEFAULT_EFFORT,
    associated: bool = True,
    deidentify: bool = False,
    max_magnification: float | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> Path:
    """Archives a slide or an image, or continues an interrupted call; every restored tile is measured.

    Args:
        source: the slide's file, see `sr_tf.slides.slide.open_slide`.
        target: the archive's file, which appears when it is complete.
        quality: the gate that every tile must pass: "visual", "diagnostic", "lossless", or "study", which has none.
        min_psnr: lowest PSNR of a tile in dB, above 0 and at most 60, instead of the quality's.
        min_ssim: lowest SSIM of a tile, 0 to 0.9999, instead of the quality's.
        max_enl0: largest ENL0 distance of a tile, above 0; None: not measured.
        min_local_ssim: lowest SSIM of a detail cell of 32×32 pixels, 0 to 0.9999, instead of the quality's.
        max_local_error: largest error of a detail cell in 8-bit levels, 1 to 255, instead of the quality's.
        cells: "types" or "count": blocks are stored larger until the shipped network finds the same red cells in them
            as in the original, of the same types or of any; None: red cells are not compared. For smears at 1000×;
            needs TensorFlow.
        models: names or paths of the generators to try, at most one for each scale; empty: interpolation only; None:
            the quality's own.
        embed: whether generators that do not ship are stored in the archive, if a block needs them.
        refine: whether LRs are refined for their generators: smaller archives, several times slower to write.
        effort: 1 to 9: how much time to spend to save bytes. Every tile is measured at each; 1 to 4 use no generator.
        associated: whether label, macro and thumbnail are stored.
        deidentify: whether to keep only what is known to be safe, see `sr_tf.slides.deidentify`.
        max_magnification: a slide of a higher objective power is reduced 2, 4 or 8 times by averaging first. Detail is
            lost for good, and every tile is measured against the reduced pixels.
        overwrite: whether an existing archive may be replaced.
        workers: number of threads; None: the usable CPU cores.
        engine: what runs the generators, "tensorflow" or "openvino".
        progress: called with (steps done, steps in total) as the first grow, by one thread at a time. An exception that
            it raises ends the work and is raised; what is finished is kept for the next call.

    Returns:
        The archive's path.

    Raises:
        UserError: the slide cannot be read, an argument is out of range, the target cannot be written or may not be
            replaced, or the archive could not be restored; see `sr_tf.archive.write.write_archive`.
    """
    require_engine(engine)
    source, target, names = _path(source), _path(target), _of_quality(models, quality)
    options = Options(
        gate=chosen_gate(quality, min_psnr, min_ssim, max_enl0, min_local_ssim, max_local_error, cells),
        models=tuple(names),
        associated=associated,
        deidentify=deidentify,
        workers=workers or usable_cores(),
        engine=engine,
        refine=refine,
        effort=effort,
        embed=embed,
        max_magnification=max_magnification,
    )
    require_networks(options.gate, effort, refine=refine, models=bool(models))
    if options.gate.study and refine:
        raise UserError("quality study stores LRs as they are reduced; expected no refine with it")
    check_outputs([target], ARCHIVE, {"slide": source, "generator": model_files(names)}, overwrite)
    write_archive(source, target, options, progress or _untold)
    return target


def restore(
    source: Name,
    target: Name,
    *,
    region: tuple[int, int, int, int] | None = None,
    jpeg_quality: int | None = None,
    to: str = "ome-tiff",
    compression: str | None = None,
    max_bytes: int | None = None,
    max_magnification: float | None = None,
    models: Iterable[str] = (),
    overwrite: bool = False,
    workers: int | None = None,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> Path:
    """Writes an archived slide as a pyramidal TIFF or DICOM, or a part as a PNG; or continues an interrupted call.

    Args:
        source: the archive's file.
        target: the file to write: `.tif`, or `.png` with `region`; with `to="dicom"` a folder.
        region: (x, y, width, height) in pixels of full size; None: the whole slide.
        jpeg_quality: 1 to 100 for JPEG tiles; None: lossless, the pixels that were measured. Not with `region`.
        to: "ome-tiff"; "svs" for a TIFF laid out like Aperio's, `.svs`; or "dicom" for a folder with a VL Whole Slide
            Microscopy image for each level. Not with `region`, as the next three.
        compression: of all tiles: "zstd", "deflate", "jpegxl" or "jpeg"; None: what `to` has, or copied tiles.
        max_bytes: the most bytes of a TIFF: lossless if it fits, otherwise JPEG of the highest quality that does.
        max_magnification: a slide of a higher objective power is reduced 2, 4 or 8 times by averaging.
        models: names or paths of the archive's generators that neither ship with sr_tf nor are stored in it.
        overwrite: whether an existing file of that kind may be replaced.
        workers: number of threads; None: the usable CPU cores.
        engine: what runs the generators, "tensorflow" or "openvino".
        progress: see `archive`; a step is a tile. It is not called for a region.

    Returns:
        The written file's path.

    Raises:
        UserError: the archive is damaged, a generator is missing, an argument is out of range, or the target cannot be
            written or may not be replaced; see `sr_tf.archive.restore`.
    """
    require_engine(engine)
    source, target, names = _path(source), _path(target), tuple(listed_models(models))
    if to not in (*TARGETS, "dicom"):
        raise UserError(f"to={to!r}: expected one of {', '.join(TARGETS)}, dicom")
    options = RestoreOptions(to, compression, jpeg_quality, max_bytes, max_magnification)
    if region is not None and options != RestoreOptions(jpeg_quality=jpeg_quality):
        raise UserError("region: a PNG of full size, expected no to, compression, max_bytes or max_magnification")
    workers, told = workers or usable_cores(), progress or _untold
    if to == "dicom":
        require_all()
        from sr_tf.archive.restore_dicom import restore_dicom  # pydicom takes 0.15 s, which only DICOM needs

        restore_dicom(source, target, names, options, workers, engine, overwrite, told)
        return target
    check_outputs([target], PNG if region else TIFF, {"archive": source, "generator": model_files(names)}, overwrite)
    if region is not None:
        restore_region(source, target, region, names, engine)
    else:
        restore_slide(source, target, names, options, workers, engine, told)
    return target


def verify(
    source: Name,
    *,
    against: Name | None = None,
    second_reader: bool = False,
    models: Iterable[str] = (),
    workers: int | None = None,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Checks every byte of an archive, that it can be restored, and on request its pixels against the original.

    Args:
        source: the archive's file.
        against: the slide that was archived; every block is then restored and measured again.
        second_reader: whether a second decoder reads all of `against` and not a sample of it.
        models: see `restore`.
        workers: number of threads; None: the usable CPU cores.
        engine: what runs the generators, "tensorflow" or "openvino".
        progress: see `archive`; a step is a block.

    Returns:
        The worst value of each score by its name, "psnr" (dB) and "ssim" for instance: measured again with `against`,
        else as the archive records them.

    Raises:
        UserError: a file cannot be read, another slide was archived, or something is not as it was written or cannot
            be restored. The error's notes (`__notes__`) list all findings.
    """
    require_engine(engine)
    source, names = _path(source), tuple(listed_models(models))
    if second_reader and against is None:
        raise UserError("second_reader: reads the original, expected against=SLIDE with it")
    with ArchiveFile(source) as opened:
        grid = opened.header.grid
    told, blocks = progress or _untold, grid.rows * grid.columns
    total = blocks * (1 if against is None else 2)
    findings = check_integrity(source, lambda done, _: told(done, total))
    findings = findings or check_restorable(source, names, engine)
    scores: dict[str, float] = {}
    if against is None and not findings:
        with ArchiveFile(source) as opened:
            scores = {name: float(worst(name, values)) for name, values in opened.scores().items()}
    elif against is not None and not findings:
        findings, scores = measure_again(
            source,
            _path(against),
            names,
            workers or usable_cores(),
            engine,
            second_reader,
            progress=lambda done, _: told(blocks + done, total),
        )
        findings, _ = with_cells_again(
            findings, source, _path(against), names, workers or usable_cores(), engine, _untold
        )
    if findings:
        expected = "expected an archive as it was written that can be restored"
        error = UserError(f"{source}: {len(findings)} findings, {expected}; the first: {findings[0]}")
        for finding in findings:
            error.add_note(finding)
        raise error
    return scores


def upscale(
    image: np.ndarray | Name,
    model: str = DEFAULT_GENERATOR,
    *,
    tile: int = 192,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> np.ndarray:
    """Restores a reduced image with a generator. What it returns is reconstructed, not measured.

    Args:
        image: the LR image, uint8 [h, w, 3], RGB, or the file of an image.
        model: a generator, see `sr_tf.generators.names`: `sr-tf models` lists those that ship.
        tile: side of a tile in LR pixels; smaller ones need less memory and give the same result.
        engine: what runs the generator, "tensorflow" or "openvino".
        progress: see `archive`; a step is a tile.

    Returns:
        uint8 [scale · h, scale · w, 3], RGB, values 0–255; the scale is the generator's, 4 or 2.

    Raises:
        UserError: the image cannot be read or is not uint8 RGB, or the generator does not exist.
    """
    require_engine(engine)
    from sr_tf.generators.restorer import load_restorer
    from sr_tf.generators.upscale import upscale as upscaled

    lr = image if isinstance(image, np.ndarray) else read_rgb(_path(image))
    if lr.dtype != np.uint8 or lr.ndim != 3 or lr.shape[2] != 3 or not lr.size:
        raise UserError(f"image: found {lr.dtype} {list(lr.shape)}, expected uint8 [h, w, 3]")
    if tile < 1:
        raise UserError(f"tile={tile}: expected pixels, at least 1")
    height, width, _ = lr.shape
    steps = Steps({"upscale": sum(1 for _ in tiles(height, width, tile))}, progress or _untold)
    with steps.phase("upscale", "tile") as step:
        return upscaled(load_restorer(parse_model(model), engine), lr, tile, step)


def _untold(done: int, total: int) -> None:
    """Takes the place of a caller's function, so that no bar is drawn."""


def _path(name: Name) -> Path:
    path = Path(name)
    require_file_locks()
    check_name(path)
    refuse_special(path)
    return path


def _of_quality(models: Iterable[str] | None, quality: str) -> list[str]:
    return archive_models(None if models is None else listed_models(models), quality)
