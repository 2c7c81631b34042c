"""Composes a blood slide of fields with blank glass between them: a tiled JPEG TIFF.

    python benchmarks/blood_slide.py --fields=CHULA_LARGE --out=blood.tif --megapixels=100

The glass has the fields' colour between cells, (225, 238, 248), which varies by ±3 levels over the slide, and Gaussian
noise of σ = 1.6 levels. The noise in the flattest places of the Chula large fields is 1.5 to 1.8 levels. With
--pyramid, levels reduced 4 and 16 times follow, as scanners write them.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import tifffile
from absl import app, flags

from sr_tf.images.reading import find_images, read_rgb

flags.DEFINE_string("fields", None, "Folder of fields, all of the same size.", required=True)
flags.DEFINE_string("out", "blood.tif", "The slide to write.")
flags.DEFINE_float("megapixels", 100, "The smallest size of the slide.")
flags.DEFINE_string("only", "", "Regular expression: only fields whose names match are used.")
flags.DEFINE_bool("pyramid", False, "Writes levels reduced 4 and 16 times, too.")
flags.DEFINE_integer("gap", 2, "One of so many positions in a row has a field; the others are blank glass.")

GLASS = (225, 238, 248)
NOISE = 1.6
TILE = 256


def build_blood_slide(
    path: Path,
    fields: Sequence[np.ndarray],
    megapixels: float,
    gap: int = 2,
    quality: int = 90,
    reductions: Sequence[int] = (),
) -> tuple[int, int]:
    """Writes the slide.

    Args:
        path: the TIFF to write.
        fields: uint8 [H, W, 3] each, of the same size. They are used in turn and repeated if there are too few.
        megapixels: the smallest size of the slide.
        gap: one of so many positions in a row has a field. Each row is shifted by one position from the row above.
        quality: the JPEG quality of the tiles.
        reductions: how many times smaller further levels are.

    Returns:
        (width, height) in pixels.
    """
    height, width = fields[0].shape[:2]
    cells = max(1, int(np.ceil(np.sqrt(megapixels * 1e6 / (height * width)))))
    columns, rows = max(1, round(cells * np.sqrt(height / width))), 1
    while columns * width * rows * height < megapixels * 1e6:
        rows += 1
    size = columns * width // TILE * TILE + TILE, rows * height // TILE * TILE + TILE

    smaller: dict[int, np.ndarray] = {}

    def tiles() -> Iterator[np.ndarray]:
        """The slide's tiles, row by row."""
        for top in range(0, size[1], TILE):
            band = _glass(top, size[0], size[1])
            for row in range(top // height, (top + TILE - 1) // height + 1):
                for column in range(columns):
                    position = row * columns + column
                    if row < rows and (column + row) % gap == 0:
                        _paste(band, fields[position // gap % len(fields)], column * width, row * height - top)
            for reduction, level in smaller.items():
                reduced = cv2.resize(band, (size[0] // reduction, TILE // reduction), interpolation=cv2.INTER_AREA)
                level[top // reduction : (top + TILE) // reduction] = reduced
            yield from _tiles(band)

    form = dict(
        dtype=np.uint8, tile=(TILE, TILE), photometric="rgb", compression="jpeg",
        compressionargs={"level": quality}, metadata=None,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, tifffile.TiffWriter(path, bigtiff=True) as file:
        for reduction in reductions:
            shape = size[1] // reduction, size[0] // reduction, 3
            smaller[reduction] = np.memmap(f"{folder}/{reduction}", np.uint8, "w+", shape=shape)
        file.write(tiles(), shape=(size[1], size[0], 3), **form)
        for level in smaller.values():
            bands = (level[top : top + TILE] for top in range(0, level.shape[0], TILE))
            file.write((tile for band in bands for tile in _tiles(band)), shape=level.shape, subfiletype=1, **form)
    return size


def _tiles(band: np.ndarray) -> Iterator[np.ndarray]:
    """The tiles of a row of them; those at the right and lower edge are filled up with black."""
    for left in range(0, band.shape[1], TILE):
        tile = band[:, left : left + TILE]
        yield np.pad(tile, ((0, TILE - tile.shape[0]), (0, TILE - tile.shape[1]), (0, 0)))


def _glass(top: int, width: int, height: int) -> np.ndarray:
    rows, columns = np.arange(top, top + TILE)[:, None] / height, np.arange(width)[None] / width
    uneven = 3 * np.cos(2 * np.pi * rows) * np.cos(3 * np.pi * columns)
    noise = np.random.default_rng(top).normal(0, NOISE, (TILE, width, 3))
    return np.clip(np.float32(GLASS) + uneven[..., None] + noise, 0, 255).round().astype(np.uint8)


def _paste(band: np.ndarray, field: np.ndarray, x: int, y: int) -> None:
    """Blends a field into a row of tiles. Its edge fades over 24 pixels."""
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
    options = flags.FLAGS
    paths = [path for path in find_images(options.fields) if re.search(options.only, path.name)]
    fields = [read_rgb(path) for path in paths]
    reductions = (4, 16) if options.pyramid else ()
    width, height = build_blood_slide(Path(options.out), fields, options.megapixels, options.gap, reductions=reductions)
    print(f"{options.out}: {width}×{height} pixels, {len(paths)} fields, {Path(options.out).stat().st_size:,} bytes")


if __name__ == "__main__":
    app.run(main)
