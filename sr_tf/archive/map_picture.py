"""A picture of which block is stored how, beside the slide."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sr_tf.archive.cost import shares
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.kinds import KINDS
from sr_tf.archive.reader import ArchiveFile

# From cheap to dear: blues, greens, oranges, reds; told apart by those who do not see red and green.
COLOURS = {
    1: (189, 215, 238), 2: (66, 133, 196), 3: (200, 226, 164), 4: (92, 148, 60),
    9: (252, 226, 150), 5: (246, 190, 84), 6: (217, 130, 43), 7: (178, 48, 48), 8: (120, 60, 140),
}  # fmt: skip

_SIDE, _MARGIN, _LINE = 640, 24, 26


def _plain(text: str) -> str:
    """Without the signs that Pillow's own font lacks."""
    return text.replace("×", "x").replace("≥", ">=").replace("≤", "<=")


def draw_map(archive: ArchiveFile) -> bytes:
    """The slide's preview, the map and a legend, as a PNG file."""
    grid = archive.header.grid
    factor = _SIDE / max(grid.width, grid.height)
    size = max(1, round(grid.width * factor)), max(1, round(grid.height * factor))
    preview = (
        Image.open(io.BytesIO(archive.member("preview.jpg"))).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    )
    cells = np.array([COLOURS[code] for code in archive.index["kind"].ravel()], np.uint8)
    cells = cells.reshape(*archive.index.shape, 3)
    whole = Image.fromarray(cells).resize((cells.shape[1] * 16, cells.shape[0] * 16), Image.Resampling.NEAREST)
    covered = (0, 0, grid.width / BLOCK * 16, grid.height / BLOCK * 16)
    tinted = whole.resize(size, Image.Resampling.NEAREST, box=covered)
    mapped = Image.blend(tinted, preview, 0.25)

    entries = shares(archive)
    header = archive.header
    height = _MARGIN + 2 * _LINE + size[1] + _MARGIN + _LINE * len(entries) + _MARGIN
    width = max(2 * size[0] + 3 * _MARGIN, 760)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    title, text = ImageFont.load_default(18), ImageFont.load_default(14)
    ink, faint = (32, 32, 36), (110, 110, 116)
    draw.text(
        (_MARGIN, _MARGIN - 8),
        f"{header.source.get('name', 'slide')}, {grid.width:,} x {grid.height:,} pixels",
        ink,
        title,
    )
    draw.text((_MARGIN, _MARGIN + 18), _plain(f"{header.gate.describe()}. Research use only."), faint, text)
    top = _MARGIN + 2 * _LINE
    picture.paste(preview, (_MARGIN, top))
    picture.paste(mapped, (2 * _MARGIN + size[0], top))
    y = top + size[1] + _MARGIN
    by_name = {kind.name: COLOURS[kind.code] for kind in KINDS.values()}
    total = archive.path.stat().st_size
    for share in entries:
        colour = by_name.get(share.name)
        if colour:
            draw.rectangle((_MARGIN, y, _MARGIN + 18, y + 16), fill=colour, outline=faint)
        blocks = f"{share.blocks:,} blocks, " if share.blocks else ""
        draw.text(
            (_MARGIN + 28, y),
            _plain(f"{share.name}: {blocks}{share.bytes:,} bytes ({share.bytes / total:.1%})"),
            ink,
            text,
        )
        y += _LINE
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
