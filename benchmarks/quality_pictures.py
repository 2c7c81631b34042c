"""Draws the pictures of docs/quality.md: parts of blood fields beside what an archive restores of them, at 1:1.

    python benchmarks/quality_pictures.py --fields=CHULA_LARGE

Archives each field at `visual` and at `diagnostic` and writes quality-*.png. The upper row has one pixel of the field
in each pixel; the lower row shows the framed part with every pixel repeated three times.
"""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image, ImageDraw, ImageFont

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.gate import GATE_TILE, QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.disk.files import write_atomically
from sr_tf.generators.names import ARCHIVE_GENERATORS
from sr_tf.images.reading import read_rgb
from sr_tf.messages import load_tensorflow

flags.DEFINE_string("fields", None, "Folder of the Chula large fields.", required=True)
flags.DEFINE_string("out", str(Path(__file__).parents[1] / "docs" / "images"), "Folder for the pictures.")
flags.DEFINE_string("keep", "", "Folder in which the archives are left, and found again.")

SHOWN = ("visual", "diagnostic")
ENLARGED = 3
WIDTH, HEIGHT = 228, 180
DETAIL_WIDTH, DETAIL_HEIGHT = WIDTH // ENLARGED, 50
_GAP, _LINE, _INK, _FRAME = 8, 20, (27, 36, 48), (20, 20, 20)


@dataclass(frozen=True)
class Part:
    """What a picture shows.

    Attributes:
        name: of the picture, quality-NAME.png.
        field: the field's file without `.jpg`.
        x: left edge of the part in the field, which is `WIDTH` × `HEIGHT` pixels.
        y: its upper edge.
        detail_x: left edge of the framed part, which is `DETAIL_WIDTH` × `DETAIL_HEIGHT` pixels.
        detail_y: its upper edge.
    """

    name: str
    field: str
    x: int
    y: int
    detail_x: int
    detail_y: int


PARTS = (
    Part("lettering", "megaloblastic_anemia_18", 1040, 776, 1137, 838),
    Part("projection", "thalassemia_12", 280, 280, 330, 314),
    Part("dots", "thalassemia_12", 1040, 780, 1046, 866),
    Part("nucleus", "iron_deficiency_anemia_18", 250, 600, 320, 680),
    Part("platelets", "iron_deficiency_anemia_18", 880, 560, 990, 576),
)


def main(_) -> None:
    """Archives the fields and draws every picture."""
    load_tensorflow()
    options = flags.FLAGS
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        for part in PARTS:
            source = Path(options.fields) / f"{part.field}.jpg"
            panels = [("original", read_rgb(source)), *_restored(source, folder, part)]
            path = Path(options.out) / f"quality-{part.name}.png"
            write_atomically(path, _picture(part, panels))
            print(path, *(title for title, _ in panels), sep="; ", flush=True)


def _restored(source: Path, folder: Path, part: Part) -> Iterator[tuple[str, np.ndarray]]:
    """For each quality: its name with the framed tile's scores, and the restored field."""
    for quality in SHOWN:
        target = folder / f"{source.stem}.{quality}.sr.zip"
        if not target.exists():
            write_archive(source, target, Options(gate=QUALITIES[quality], models=ARCHIVE_GENERATORS))
        with ArchivedSlide(target) as archive:
            scores = archive.scores()
            tile = (part.detail_y + DETAIL_HEIGHT // 2) // GATE_TILE, (part.detail_x + DETAIL_WIDTH // 2) // GATE_TILE
            title = f"{quality}: {scores['psnr'][tile]:.1f} dB, SSIM {scores['ssim'][tile]:.3f}"
            yield title, archive.read(0, 0, archive.header.slide.width, archive.header.slide.height)


def _picture(part: Part, panels: list[tuple[str, np.ndarray]]) -> bytes:
    """The panels side by side, the framed part of each below it, as a PNG file."""
    size = len(panels) * (WIDTH + _GAP) - _GAP, _LINE + HEIGHT + _GAP + ENLARGED * DETAIL_HEIGHT
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    for number, (title, image) in enumerate(panels):
        left = number * (WIDTH + _GAP)
        draw.text((left, 1), title, fill=_INK, font=font)
        canvas.paste(Image.fromarray(image[part.y : part.y + HEIGHT, part.x : part.x + WIDTH]), (left, _LINE))
        x, y = left + part.detail_x - part.x, _LINE + part.detail_y - part.y
        draw.rectangle((x - 1, y - 1, x + DETAIL_WIDTH, y + DETAIL_HEIGHT), outline=_FRAME)
        detail = image[part.detail_y :, part.detail_x :][:DETAIL_HEIGHT, :DETAIL_WIDTH]
        large = detail.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        canvas.paste(Image.fromarray(large), (left, _LINE + HEIGHT + _GAP))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    app.run(main)
