"""`sr-tf restore`: writes an archived slide as a pyramidal TIFF file, or a part of it as a PNG."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.estimate import Estimate
from sr_tf.archive.map_picture import preview
from sr_tf.archive.native import JPEG_2000
from sr_tf.archive.restore_plan import COPIES_DOUBT, RestoreOptions, fitting
from sr_tf.archive.restored_view import RestoredView, describe, refuse_original
from sr_tf.disk.files import write_atomically
from sr_tf.disk.outputs import PNG, TIFF, check_outputs, partial_of
from sr_tf.disk.space import free_bytes, in_words, require_space
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.images.libraries import require_all
from sr_tf.messages import Progress, Steps
from sr_tf.slides.aperio_file import check_aperio, write_aperio
from sr_tf.slides.pyramid import Layout, PyramidInfo, write_ome_tiff, write_pyramid
from sr_tf.slides.tiff_page import YCBCR
from sr_tf.slides.tile_codecs import TileCodec

_LARGEST_REGION = 100_000_000
"""Most pixels of a PNG."""


@dataclass(frozen=True)
class Target:
    """A kind of file that a slide is restored to.

    Attributes:
        suffixes: how its name may end.
        layout: writes it.
        check: raises a `ValueError` if the layout cannot state what a slide has.
        thumbnail: whether it must have a thumbnail.
    """

    suffixes: tuple[str, ...]
    layout: Layout
    check: Callable[[PyramidInfo], None] = lambda info: None
    thumbnail: bool = False


TARGETS = {
    "ome-tiff": Target((".tif", ".tiff"), write_ome_tiff),
    "svs": Target((".svs", ".tif", ".tiff"), write_aperio, check_aperio, thumbnail=True),
}


def restore_slide(
    source: Path,
    target: Path,
    models: tuple[str, ...] = (),
    options: RestoreOptions | None = None,
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> str:
    """Writes the whole slide, or resumes an interrupted call.

    If the archive is lossless and contains the original's JPEG or JPEG 2000 tiles, they are copied into level 0, except
    JPEG 2000 and tiles of an NDPI with full chroma into an OME-TIFF. Otherwise an OME-TIFF is lossless, with exactly
    the pixels that were measured, unless the options say else.

    Args:
        source: the archive's file.
        target: the file to write, with a suffix that the options' target has.
        models: see `ArchivedSlide`.
        options: the layout, the coding and the limits; None: a lossless OME-TIFF.
        workers: number of threads.
        engine: see `ArchivedSlide`.
        progress: see `sr_tf.messages.Steps`; a step is a tile of level 0.
        report: called with the estimated size, in words, before the work starts.

    Returns:
        One line about what was written.

    Raises:
        UserError: the archive cannot be read, a generator cannot be loaded, nothing fits into the bytes that are
            allowed or free, or the target cannot be written, is the archive's original or a file of another kind.
    """
    require_all()
    options = options or RestoreOptions()
    kind = TARGETS[options.to]
    if target.suffix.lower() not in kind.suffixes:
        others = [f"--to {name} for {one.suffixes[0]}" for name, one in TARGETS.items() if name != options.to]
        expected = " or ".join(kind.suffixes)
        raise UserError(f"{target}: expected a name that ends in {expected}, {', '.join(others)}, or --region for .png")
    check_outputs([target], TIFF, {"archive": source}, overwrite=True)
    with ArchivedSlide(source, models, engine) as slide:
        refuse_original(target, slide)
        view = RestoredView(slide, options.max_magnification, _copies(slide, options))
        try:
            kind.check(view.pyramid_info)
        except ValueError as error:
            raise UserError(f"{target}: --to {options.to} cannot state it: {error}") from error
        associated = {name: slide.associated(name) for name in slide.header.associated}
        if kind.thumbnail and "thumbnail" not in associated:
            associated["thumbnail"] = np.asarray(preview(slide))
        estimate = Estimate(view, associated)
        codec, limit = options.codec or options.default(view.page is not None), None
        if options.max_bytes is not None:
            if view.page is not None and COPIES_DOUBT * estimate.bytes_as(codec) > options.max_bytes:
                # The copied tiles do not fit: write pixels instead.
                view = RestoredView(slide, options.max_magnification, copy=False)
                estimate = Estimate(view, associated)
                codec = options.codec or options.default(copied=False)
            codec, limit = fitting(
                target, estimate, codec, options.max_bytes, options.codec is not None, options.finest
            )
        _tell_size(target, codec, estimate, report)
        info, (rows, columns) = view.pyramid_info, view.shape
        settings = {
            "archive": slide.sha256(),
            "engine": engine,
            "reduction": view.factor,
            "sr_tf": sr_tf.__version__,
        }
        with Steps({"restore": columns * rows}, progress).phase("restore", "tile") as step:
            written = write_pyramid(
                target,
                info,
                view.pixels,
                settings=settings,
                segments=view.segments,
                page=view.page,
                codec=codec,
                layout=kind.layout,
                limit=limit,
                associated=associated,
                workers=workers,
                progress=step,
            )
    if view.page is not None and written is codec:
        how = f"the original's {view.page.words}"
    else:
        how = f"lossless ({written.name})" if written.lossless else written.name
    at = f" at {view.info.objective_power:g}×" if view.factor > 1 else ""
    return f"{target}: {info.width}×{info.height} pixels{at}, {how}, {target.stat().st_size:,} bytes"


def _copies(slide: ArchivedSlide, options: RestoreOptions) -> bool:
    """Whether tiles are copied.

    OpenSlide reads JPEG 2000 in no TIFF file but an SVS. Bio-Formats shows an OME-TIFF with full chroma in wrong
    colours, see `sr_tf.slides.tile_codecs.Jpeg`. Tiles of a TIFF are shown so in the original too; an NDPI is not.
    """
    native = slide.header.native
    if native is None or options.to != "ome-tiff":
        return options.copies
    full_chroma = (native.photometric, native.subsampling) == (YCBCR, (1, 1))
    wrong = native.codec == JPEG_2000 or (slide.header.slide.format == "hamamatsu" and full_chroma)
    return options.copies and not wrong


def _tell_size(target: Path, codec: TileCodec, estimate: Estimate, report: Callable[[str], object]) -> None:
    """Says how large the file will be, and refuses if the disk has no room for it and for its finished tiles."""
    size = estimate.bytes_as(codec)
    partial = partial_of(target)
    needed = 2 * size - (partial.stat().st_size if partial.is_file() else 0)
    report(
        f"{target}: about {in_words(size)}, estimated from {estimate.sampled:,} of {estimate.tiles:,} tiles; "
        f"{in_words(max(0, needed))} needed while it is written, {in_words(free_bytes(target))} free"
    )
    require_space(target, needed)


def restore_region(
    source: Path,
    target: Path,
    region: tuple[int, int, int, int],
    models: tuple[str, ...] = (),
    engine: str = DEFAULT_ENGINE,
) -> str:
    """Writes a part of the slide as a PNG.

    Args:
        source: the archive's file.
        target: the file to write, `.png`.
        region: (x, y, width, height) in pixels of full size.
        models: see `ArchivedSlide`.
        engine: see `ArchivedSlide`.

    Returns:
        One line about what was written.

    Raises:
        UserError: the archive cannot be read, a generator cannot be loaded, the region is not inside the slide or is
            too large, or the target cannot be written or is a file of another kind.
    """
    if target.suffix.lower() != ".png":
        raise UserError(f"{target}: expected a name that ends in .png for a region")
    check_outputs([target], PNG, {"archive": source}, overwrite=True)
    if region[2] * region[3] > _LARGEST_REGION:
        raise UserError(f"--region: {region[2]}×{region[3]} pixels, expected at most {_LARGEST_REGION:,} in total")
    with ArchivedSlide(source, models, engine) as slide:
        text = PngImagePlugin.PngInfo()
        text.add_text("Software", slide.header.software)
        text.add_text("Description", describe(slide.header))
        buffer = io.BytesIO()
        image = Image.fromarray(slide.read(*region))
        image.save(buffer, "PNG", pnginfo=text, icc_profile=slide.header.slide.icc)
    write_atomically(target, buffer.getvalue())
    return f"{target}: {region[2]}×{region[3]} pixels from {region[0]},{region[1]}"
