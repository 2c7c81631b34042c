"""Assembles a blood slide from fields: a tiled JPEG TIFF with blank glass between them.

    python benchmarks/blood_slide.py --fields=CHULA_LARGE --out=blood.tif --megapixels=100

Glass: the fields' own colour where no cell lies, (225, 238, 248), uneven by ±3 levels over the slide, with Gaussian
noise of σ 1.6 levels, which is what the flattest places of the Chula large fields show (1.5 to 1.8).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import tifffile
from absl import app, flags

from sr_tf.images.reading import find_images, read_rgb

flags.DEFINE_string("fields", None, "Folder of fields, all of one size.", required=True)
flags.DEFINE_string("out", "blood.tif", "The slide.")
flags.DEFINE_float("megapixels", 100, "At least this large.")
flags.DEFINE_string("only", "", "Regular expression: take the fields whose name it finds.")
flags.DEFINE_integer("gap", 2, "One place in so many holds a field, the others blank glass.")

GLASS = (225, 238, 248)
NOISE = 1.6
TILE = 256


def build_blood_slide(
    path: Path, fields: Sequence[np.ndarray], megapixels: float, gap: int = 2, quality: int = 90
) -> tuple[int, int]:
    """Writes the slide.

    Args:
        path: of the TIFF.
        fields: uint8 [H, W, 3] each, of one size; used in turn, none twice where there are enough.
        megapixels: its least size.
        gap: one place in so many along each row holds a field; rows are shifted against each other.
        quality: of its JPEG tiles.

    Returns:
        (width, height) in pixels.
    """
    height, width = fields[0].shape[:2]
    cells = max(1, int(np.ceil(np.sqrt(megapixels * 1e6 / (height * width)))))
    columns, rows = max(1, round(cells * np.sqrt(height / width))), 1
    while columns * width * rows * height < megapixels * 1e6:
        rows += 1
    size = columns * width // TILE * TILE + TILE, rows * height // TILE * TILE + TILE

    def bands() -> Iterator[np.ndarray]:
        """Tiles, row by row, from bands as high as a field."""
        for top in range(0, size[1], TILE):
            band = _glass(top, size[0], size[1])
            for row in range(top // height, (top + TILE - 1) // height + 1):
                for column in range(columns):
                    place = row * columns + column
                    if row < rows and (column + row) % gap == 0:
                        _paste(band, fields[place // gap % len(fields)], column * width, row * height - top)
            for left in range(0, size[0], TILE):
                yield np.ascontiguousarray(band[:, left : left + TILE])

    tifffile.imwrite(
        path, bands(), shape=(size[1], size[0], 3), dtype=np.uint8, tile=(TILE, TILE), bigtiff=True,
        photometric="rgb", compression="jpeg", compressionargs={"level": quality}, metadata=None,
    )  # fmt: skip
    return size


def _glass(top: int, width: int, height: int) -> np.ndarray:
    rows, columns = np.arange(top, top + TILE)[:, None] / height, np.arange(width)[None] / width
    uneven = 3 * np.cos(2 * np.pi * rows) * np.cos(3 * np.pi * columns)
    noise = np.random.default_rng(top).normal(0, NOISE, (TILE, width, 3))
    return np.clip(np.float32(GLASS) + uneven[..., None] + noise, 0, 255).round().astype(np.uint8)


def _paste(band: np.ndarray, field: np.ndarray, x: int, y: int) -> None:
    """Puts a field into a band, its edge faded over 24 pixels as a coverslip's illumination fades."""
    first, last = max(0, -y), min(field.shape[0], TILE - y)
    if first >= last:
        return
    part = band[y + first : y + last, x : x + field.shape[1]]
    rows = np.minimum(np.arange(field.shape[0]), np.arange(field.shape[0])[::-1])[first:last, None]
    columns = np.minimum(np.arange(field.shape[1]), np.arange(field.shape[1])[::-1])[None, : part.shape[1]]
    weight = np.clip(np.minimum(rows, columns) / 24, 0, 1)[..., None].astype(np.float32)
    mixed = weight * field[first:last, : part.shape[1]] + (1 - weight) * part
    part[:] = cv2.convertScaleAbs(mixed).reshape(part.shape)


def main(_) -> None:
    """Reads the fields and writes the slide."""
    import re

    options = flags.FLAGS
    paths = [path for path in find_images(options.fields) if re.search(options.only, path.name)]
    fields = [read_rgb(path) for path in paths]
    width, height = build_blood_slide(Path(options.out), fields, options.megapixels, options.gap)
    print(f"{options.out}: {width}×{height} pixels, {len(paths)} fields, {Path(options.out).stat().st_size:,} bytes")


if __name__ == "__main__":
    app.run(main)
