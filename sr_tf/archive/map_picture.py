"""Draws which block of a slide is stored how, next to the slide, and marks the worst detail cells.

Of the quality `study`, the LPIPS of each tile takes the place of the blocks.
"""

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sr_tf.archive import kinds
from sr_tf.archive.cells import LOCAL_ERROR, worst_places
from sr_tf.archive.cost import shares
from sr_tf.archive.grid import BLOCK, CELL, GATE_TILE, Grid
from sr_tf.archive.native import check_preview
from sr_tf.archive.reader import ArchiveFile
from sr_tf.errors import UserError, reason

# From small to large: blues, greens, oranges, reds. Readers who cannot tell red from green can tell them apart.
COLOURS = {
    kinds.LR4_BICUBIC.code: (189, 215, 238),
    kinds.LR4_GENERATOR.code: (66, 133, 196),
    kinds.LR4_LOSSLESS_GENERATOR.code: (38, 84, 138),
    kinds.LR2_BICUBIC.code: (200, 226, 164),
    kinds.LR2_GENERATOR.code: (92, 148, 60),
    kinds.FULL_AVIF420.code: (252, 226, 150),
    kinds.FULL_AVIF.code: (246, 190, 84),
    kinds.FULL_AVIF420_FILTER.code: (250, 214, 214),
    kinds.FULL_AVIF_FILTER.code: (233, 150, 150),
    kinds.FULL_JXL.code: (217, 130, 43),
    kinds.EXACT.code: (178, 48, 48),
    kinds.NATIVE.code: (120, 60, 140),
}

# LPIPS below a limit; the table of the study has means of 0.12 to 0.14, and 0.41 for repeated pixels.
LPIPS_COLOURS = (
    (0.05, (189, 215, 238)),
    (0.1, (66, 133, 196)),
    (0.15, (200, 226, 164)),
    (0.2, (252, 226, 150)),
    (0.3, (217, 130, 43)),
    (np.inf, (178, 48, 48)),
)

_Legend = list[tuple[tuple[int, int, int] | None, str]]
"""Lines and the colours that they explain."""

_SIDE, _MARGIN, _LINE = 640, 24, 26
_INK, _FAINT = (32, 32, 36), (110, 110, 116)
_CELL = 16
"""Side of a block or tile in pixels of the map before it is scaled to the preview's size."""

_MARKED = 12
"""Cells that are marked at most."""

_MOST_CELLS = 1 << 17
"""Slides of more blocks or tiles than these have one pixel for each."""


def draw_map(archive: ArchiveFile) -> bytes:
    """Draws the slide's preview, the map and a legend.

    Args:
        archive: the archive.

    Returns:
        A PNG file.

    Raises:
        UserError: the archive is damaged.
    """
    header, grid = archive.header, archive.header.grid
    cells, entries = _of_tiles(archive) if header.gate.study else _of_blocks(archive)
    factor = _SIDE / max(grid.width, grid.height)
    size = max(1, round(grid.width * factor)), max(1, round(grid.height * factor))
    small = preview(archive).resize(size, Image.Resampling.BICUBIC)
    tints = _tints(cells, GATE_TILE if header.gate.study else BLOCK, grid, size)
    mapped = Image.blend(tints, small, 0.25)

    worst = _worst_cells(archive)
    entries += _in_words(worst)
    height = _MARGIN + 2 * _LINE + size[1] + _MARGIN + _LINE * len(entries) + _MARGIN
    gate, font = _drawable(f"{header.gate.describe()}. Research use only."), ImageFont.load_default(14)
    width = max(2 * size[0] + 3 * _MARGIN, 760, math.ceil(font.getlength(gate)) + 2 * _MARGIN)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    title = f"{header.source.get('name', 'slide')}, {grid.width:,} x {grid.height:,} pixels"
    draw.text((_MARGIN, _MARGIN - 8), title, _INK, ImageFont.load_default(18))
    draw.text((_MARGIN, _MARGIN + 18), gate, _FAINT, font)
    top = _MARGIN + 2 * _LINE
    picture.paste(small, (_MARGIN, top))
    picture.paste(mapped, (2 * _MARGIN + size[0], top))
    for x, y, *_ in worst:
        _draw_ring(draw, 2 * _MARGIN + size[0] + (x + CELL / 2) * factor, top + (y + CELL / 2) * factor)
    _draw_legend(draw, entries, top + size[1] + _MARGIN)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def preview(archive: ArchiveFile) -> Image.Image:
    """Decodes the overview, in version 1 the preview: a JPEG file and nothing else, whose size is checked first.

    Raises:
        UserError: it is damaged.
    """
    if archive.header.version > 1:
        return Image.fromarray(archive.overview())
    try:
        content = archive.member("preview.jpg")
        check_preview(content)
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            return image.convert("RGB")
    except (ValueError, OSError, SyntaxError) as error:
        raise UserError(f"{archive.path}: preview.jpg is damaged ({reason(error)})") from error


def _of_blocks(archive: ArchiveFile) -> tuple[np.ndarray, _Legend]:
    """The colour of each block's kind, uint8 [rows, columns, 3], and the legend."""
    by_name = {kind.name: COLOURS[kind.code] for kind in kinds.KINDS.values()}
    cells = np.array([COLOURS[code] for code in archive.index.kinds.ravel()], np.uint8)
    legend = [(by_name.get(name), line) for name, line in _parts(archive)]
    return cells.reshape(*archive.index.kinds.shape, 3), legend


def _of_tiles(archive: ArchiveFile) -> tuple[np.ndarray, _Legend]:
    """The colour of each gate tile's LPIPS, uint8 [rows, columns, 3], and the legend."""
    limits, colours = zip(*LPIPS_COLOURS, strict=True)
    chosen = np.searchsorted(limits[:-1], archive.scores()["lpips"], side="right")
    counts = np.bincount(chosen.ravel(), minlength=len(limits))
    ranges = [f"below {limit:g}" for limit in limits[:-1]] + [f"of {limits[-2]:g} or more"]
    legend: _Legend = [
        (colour, f"LPIPS {values}: {count:,} tiles")
        for colour, values, count in zip(colours, ranges, counts, strict=True)
    ]
    return np.array(colours, np.uint8)[chosen], legend + [(None, line) for _, line in _parts(archive)]


def _worst_cells(archive: ArchiveFile) -> list[tuple[int, int, float, float]]:
    """The cells that are marked, see `sr_tf.archive.cells.worst_places`; none if the archive has no scores of cells."""
    scores = archive.scores()
    return worst_places(scores, _MARKED) if LOCAL_ERROR in scores else []


def _in_words(worst: list[tuple[int, int, float, float]]) -> _Legend:
    if not worst:
        return []
    x, y, ssim, error = worst[0]
    line = f"rings: the {len(worst)} worst detail cells of {CELL}×{CELL} pixels; the worst, at {x},{y}, has "
    return [(None, f"{line}local SSIM ≥ {ssim:g}, local error ≤ {error:g} of 255")]


def _draw_ring(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    for radius, colour in ((7, "white"), (6, _INK), (5, "white")):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)


def _tints(cells: np.ndarray, cell: int, grid: Grid, size: tuple[int, int]) -> Image.Image:
    """Cells of `cell` slide pixels in their colours, uint8 [rows, columns, 3], at the preview's size."""
    side = _CELL if cells.shape[0] * cells.shape[1] <= _MOST_CELLS else 1
    whole = Image.fromarray(cells).resize((cells.shape[1] * side, cells.shape[0] * side), Image.Resampling.NEAREST)
    covered = (0, 0, grid.width / cell * side, grid.height / cell * side)
    return whole.resize(size, Image.Resampling.NEAREST, box=covered)


def _parts(archive: ArchiveFile) -> Iterator[tuple[str, str]]:
    """(name, line of the legend) of each part of the archive's bytes."""
    total = archive.path.stat().st_size
    for share in shares(archive):
        blocks = f"{share.blocks:,} blocks, " if share.blocks else ""
        yield share.name, f"{share.name}: {blocks}{share.bytes:,} bytes ({share.bytes / total:.1%})"


def _draw_legend(draw: ImageDraw.ImageDraw, entries: _Legend, y: int) -> None:
    for colour, line in entries:
        if colour:
            draw.rectangle((_MARGIN, y, _MARGIN + 18, y + 16), fill=colour, outline=_FAINT)
        draw.text((_MARGIN + 28, y), _drawable(line), _INK, ImageFont.load_default(14))
        y += _LINE


def _drawable(text: str) -> str:
    """Replaces the characters that Pillow's built-in font lacks."""
    return text.replace("×", "x").replace("≥", ">=").replace("≤", "<=")
