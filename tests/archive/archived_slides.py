"""The slide that the tests archive."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.data.smear import render_smear

REAL_SLIDE = Path(__file__).parents[2] / ".." / "shared" / "data" / "slides" / "cmu-1-small-region.svs"
WIDTH, HEIGHT = 1150, 840  # 3 × 2 blocks of 512 pixels, narrow ones at the edge; not multiples of 4
MODELS = ("archive4", "archive2")


@dataclass(frozen=True)
class Archived:
    """A slide's file, its archive and its pixels."""

    slide: Path
    archive: Path
    pixels: np.ndarray


def slide_pixels() -> np.ndarray:
    """Cells out of focus in the first column of blocks, then sharp cells, blank glass, and cells with camera noise."""
    random = np.random.default_rng(0)
    pixels = render_smear(1, HEIGHT, WIDTH)
    sharp = np.clip((np.arange(WIDTH) - 520) / 80, 0, 1)[None, :, None]
    pixels = np.uint8(sharp * pixels + (1 - sharp) * cv2.GaussianBlur(pixels, (0, 0), 2.5))
    pixels[:, 660:900] = (226, 224, 230)
    noisy = pixels[:, 900:] + random.normal(0, 3, (HEIGHT, WIDTH - 900, 3))
    pixels[:, 900:] = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels


def archived(slide: Path, folder: Path, quality: str, models: tuple[str, ...] = MODELS, **options) -> Archived:
    """Archives a slide."""
    from sr_tf.slides.slide import open_slide

    target = folder / f"{quality}.sr.zip"
    write_archive(slide, target, Options(QUALITIES[quality], models, **options))
    with open_slide(slide) as opened:
        pixels = opened.read(0, 0, opened.info.width, opened.info.height)
    return Archived(slide, target, pixels)
