"""`sr-tf restore`: writes an archived slide as a pyramidal OME-TIFF, or a part of it as a PNG."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

import sr_tf
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.copied import page_of
from sr_tf.archive.header import Header
from sr_tf.disk.files import write_atomically
from sr_tf.disk.outputs import PNG, TIFF, check_outputs
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.messages import Progress, Steps
from sr_tf.slides.copied_tiles import JpegPage, require_copyable
from sr_tf.slides.jpeg_segments import split_tables
from sr_tf.slides.pyramid import PyramidInfo, write_pyramid

_TILE = 512
"""Side of the OME-TIFF's tiles in pixels, unless JPEG tiles are copied."""

_LARGEST_REGION = 100_000_000
"""Most pixels of a PNG."""

_UPPER_LEVELS_QUALITY = 85
"""JPEG quality of the smaller levels above copied JPEG tiles. They are computed from level 0, so nothing is lost."""


def restore_slide(
    source: Path,
    target: Path,
    models: tuple[str, ...] = (),
    jpeg_quality: int | None = None,
    workers: int = 2,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> str:
    """Writes the whole slide, or resumes an interrupted call.

    If the archive is lossless and contains the original's JPEG segments, they are copied into level 0. Otherwise level
    0 is lossless, with exactly the pixels that were measured, or JPEG if a quality is given.

    Args:
        source: the archive's file.
        target: the file to write, `.tif` or `.tiff`.
        models: see `ArchivedSlide`.
        jpeg_quality: 1 to 100; None: lossless. The smaller levels above copied segments are always JPEG.
        workers: number of threads.
        engine: see `ArchivedSlide`.
        progress: see `sr_tf.messages.Steps`; a step is a tile of level 0.

    Returns:
        One line about what was written.

    Raises:
        UserError: the archive cannot be read, a generator cannot be loaded, or the target cannot be written or is a
            file of another kind.
    """
    if target.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"{target}: expected a name that ends in .tif or .tiff, or --region for a .png")
    check_outputs([target], TIFF, {"archive": source}, overwrite=True)
    with ArchivedSlide(source, models, engine) as slide:
        header, page = slide.header, page_of(slide.header)
        tile = tile_of(header)
        columns, rows = -(-header.slide.width // tile[1]), -(-header.slide.height // tile[0])

        def pixels(column: int, row: int) -> np.ndarray:
            x, y = column * tile[1], row * tile[0]
            return slide.read(x, y, min(tile[1], header.slide.width - x), min(tile[0], header.slide.height - y))

        options = {"jpeg_quality": jpeg_quality}
        if page:
            options["jpeg_quality"] = jpeg_quality or _UPPER_LEVELS_QUALITY
            options["segments"] = lambda column, row: _abbreviated(slide, page, column, row)
            options["jpeg"] = page
        settings = {"archive": slide.sha256(), "engine": engine, "sr_tf": sr_tf.__version__}
        with Steps({"restore": columns * rows}, progress).phase("restore", "tile") as step:
            write_pyramid(
                target,
                pyramid_info(header, tile),
                pixels,
                settings=settings,
                associated={name: slide.associated(name) for name in header.associated},
                workers=workers,
                progress=step,
                **options,
            )
    how = "the original's JPEG tiles" if page else f"JPEG {jpeg_quality}" if jpeg_quality else "lossless"
    return f"{target}: {header.slide.width}×{header.slide.height} pixels, {how}"


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


def describe(header: Header) -> str:
    """The description that a restored image carries, for people."""
    if header.gate.lossless:
        return f"Restored by {header.software} from an archive that keeps every pixel. Research use only."
    return (
        f"Reconstructed by {header.software} from a reduced archive, not scanned. Measured against the original when "
        f"archived: {header.gate.describe()}. Research use only, not for diagnosis."
    )


def tile_of(header: Header) -> tuple[int, int]:
    """Height and width of a tile of level 0 in the restored file."""
    return (header.native.segment_height, header.native.segment_width) if page_of(header) else (_TILE, _TILE)


def pyramid_info(header: Header, tile: tuple[int, int]) -> PyramidInfo:
    """The size and metadata of the restored file.

    Args:
        header: the archive's header.
        tile: height and width of a tile in pixels.

    Raises:
        ValueError: a pyramid cannot have them.
    """
    slide = header.slide
    return PyramidInfo(
        width=slide.width,
        height=slide.height,
        tile=tile,
        mpp=slide.mpp,
        objective_power=slide.objective_power,
        icc=slide.icc,
        name=header.source.get("name", "slide"),
        description=describe(header),
        annotations={
            **slide.properties,
            **({"sr_tf.source.sha256": header.source["sha256"]} if "sha256" in header.source else {}),
            "sr_tf.gate": header.gate.describe(),
        },
    )


def _abbreviated(slide: ArchivedSlide, page: JpegPage, column: int, row: int) -> bytes:
    """A segment as it is in the original's file, without the tables that its page stores."""
    standalone = slide.segment(row, column)
    try:
        if not standalone:
            return b""
        require_copyable(page, standalone)
        return split_tables(page.tables, standalone)
    except ValueError as error:
        raise UserError(f"{slide.path}: segment {column},{row} is damaged: {error}") from error
