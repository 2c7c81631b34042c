"""The worst tiles of an archive, at 1:1: the original, what is restored, and the difference."""

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.cells import CELL_SCORES, LOCAL_ERROR, LOCAL_SSIM, place_of_worst, rounded
from sr_tf.archive.gate import LESS_IS_BETTER
from sr_tf.archive.grid import BLOCK, CELL, GATE_TILE
from sr_tf.certificate.facts import SCORE_NAMES
from sr_tf.certificate.record import Pictures, Tile, keep
from sr_tf.images.reading import encode_png
from sr_tf.images.tiles import Rectangle
from sr_tf.pages.figures import finite
from sr_tf.slides.slide import Slide

_EACH = {"psnr": 3, "ssim": 2, "shift": 1, "enl0": 1, "lpips": 2, LOCAL_SSIM: 2, LOCAL_ERROR: 2}
"""How many tiles are shown for each score."""
FACTORS = (32, 16, 8, 4, 2, 1)
_FITTING = 99.5
"""Percent of the differences in the pictures that are not cut off."""
_GREY = 128


def as_stated(name: str, values: np.ndarray) -> np.ndarray:
    """A score as certificates state it; those of detail cells in the steps in which archives keep them."""
    return rounded(name, values) if name in CELL_SCORES else values


def worst_places(scores: dict[str, np.ndarray]) -> dict[tuple[int, int], list[str]]:
    """The (row, column) of the worst tiles by each score, and by which; tiles of equal pixels are left out.

    Args:
        scores: float [rows, columns] each, by name.
    """
    found: dict[tuple[int, int], list[str]] = {}
    equal = np.isinf(scores["psnr"])
    for name, values in scores.items():
        badness = np.where(equal, -np.inf, values if name in LESS_IS_BETTER else -values)
        for index in np.argsort(-badness, axis=None, kind="stable")[: _EACH[name]]:
            row, column = map(int, np.unravel_index(index, values.shape))
            if not equal[row, column]:
                found.setdefault((row, column), []).append(name)
    return found


def show_tiles(
    archive: ArchivedSlide,
    slide: Slide,
    scores: dict[str, np.ndarray],
    worst_cells: np.ndarray,
    pictures: Pictures,
) -> tuple[int, list[Tile]]:
    """Cuts out the worst tiles.

    Args:
        archive: the archive.
        slide: the original.
        scores: of all gate tiles, float [rows, columns] each.
        worst_cells: (x, y) of the upper left corner of each tile's detail cell with the largest error, int [rows,
            columns, 2].
        pictures: the pictures are added here.

    Returns:
        (the factor by which all differences are multiplied, the tiles).
    """
    chosen = worst_places(scores)
    stated = {name: as_stated(name, values) for name, values in scores.items()}
    places = [_place(archive, *tile) for tile in chosen]
    pairs = [(slide.read(*place), archive.read(*place)) for place in places]
    factor = common_factor([other.astype(int) - pixels for pixels, other in pairs])
    tiles = []
    for ((row, column), names), place, (pixels, other) in zip(chosen.items(), places, pairs, strict=True):
        images = (pixels, other, amplified(pixels, other, factor))
        block = place[1] // BLOCK, place[0] // BLOCK
        tiles.append(
            Tile(
                reason=f"among the worst by {in_words([SCORE_NAMES[name] for name in names])}",
                place=place,
                scores={name: finite(values[row, column]) for name, values in stated.items()},
                stored=archive.kind(*block).name,
                detail_cell=tuple(map(int, worst_cells[row, column])),
                pictures=tuple(keep(pictures, encode_png(image)) for image in images),
            )
        )
    return factor, tiles


def in_words(names: list[str]) -> str:
    """A list as people write it: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def places_of_worst(errors: np.ndarray) -> np.ndarray:
    """The upper left corner of the detail cell with the largest error in each gate tile of a block.

    Args:
        errors: of the block's detail cells, [cell rows, cell columns].

    Returns:
        int [rows, columns, 2]: x and y in pixels of the block.
    """
    count = GATE_TILE // CELL
    return np.array(
        [
            [
                np.add(place_of_worst(LOCAL_ERROR, errors[y : y + count, x : x + count]), (x * CELL, y * CELL))
                for x in range(0, errors.shape[1], count)
            ]
            for y in range(0, errors.shape[0], count)
        ]
    )


def common_factor(differences: list[np.ndarray]) -> int:
    """The largest of `FACTORS` at which nearly all differences fit into the range of grey; 1 without differences."""
    if not differences:
        return 1
    largest = max(float(np.percentile(np.abs(one), _FITTING)) for one in differences)
    return next((factor for factor in FACTORS if factor * largest < _GREY), 1)


def amplified(pixels: np.ndarray, other: np.ndarray, factor: int) -> np.ndarray:
    """The difference other − pixels, multiplied, around middle grey; uint8 of the same shape."""
    return np.clip(_GREY + factor * (other.astype(int) - pixels), 0, 255).astype(np.uint8)


def _place(archive: ArchivedSlide, row: int, column: int) -> Rectangle:
    grid, x, y = archive.header.grid, column * GATE_TILE, row * GATE_TILE
    return x, y, min(GATE_TILE, grid.width - x), min(GATE_TILE, grid.height - y)
