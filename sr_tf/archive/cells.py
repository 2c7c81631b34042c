"""Scores of detail cells of 32×32 pixels, the parts of a gate tile: how they are stored, and the worst of each tile.

A tile's means hide a small detail: a letter that is lost changes the mean of 65,536 pixels by little. Archives store a
cell's scores in a few steps, at about a bit for each cell.
"""

from collections.abc import Mapping

import numpy as np

from sr_tf.archive.grid import CELL, GATE_TILE

LOCAL_SSIM, LOCAL_ERROR = "local_ssim", "local_error"

STEPS = {
    LOCAL_SSIM: np.array([-1.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
    LOCAL_ERROR: np.array([0.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0, 255.0]),
}
"""A stored number n stands for scores from `STEPS[n]` on of SSIM, and up to `STEPS[n]` of the error."""

CELL_SCORES = tuple(STEPS)
"""The scores of cells, in the order in which archives store them."""

_PER_TILE = GATE_TILE // CELL
_BASE = 16
"""A cell's byte is its number of SSIM times this, plus its number of the error: one byte deflates better than two."""


def rounded(name: str, values: np.ndarray) -> np.ndarray:
    """Scores as an archive states them: the step that is not better. NaN remains NaN."""
    values = np.asarray(values, np.float64)
    return np.where(np.isnan(values), np.nan, STEPS[name][_numbers(name, values)])


def numbers(name: str, values: np.ndarray) -> np.ndarray:
    """The number of each score in `STEPS`, int64."""
    return _numbers(name, np.asarray(values, np.float64))


def pack(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """The scores of cells as archives store them, uint8 of the same shape; other scores are left out."""
    ssim, error = (numbers(name, scores[name]) for name in CELL_SCORES)
    return (_BASE * ssim + error).astype(np.uint8)


def unpack(packed: np.ndarray) -> dict[str, np.ndarray]:
    """The inverse of `pack`, float64: bounds that the measured scores keep.

    Raises:
        ValueError: a byte stands for no scores.
    """
    found = dict(zip(CELL_SCORES, np.divmod(packed, _BASE), strict=True))
    if any(values.max(initial=0) >= len(STEPS[name]) for name, values in found.items()):
        raise ValueError(f"cells.npy has the value {packed.max()} or another that stands for no score")
    return {name: STEPS[name][values] for name, values in found.items()}


def worst_of_tiles(name: str, cells: np.ndarray) -> np.ndarray:
    """The worst cell of each gate tile.

    Args:
        name: the score.
        cells: the scores of the cells of an area that begins with a gate tile, [rows, columns].

    Returns:
        The same type, [tile rows, tile columns].
    """
    reduce = np.maximum if name == LOCAL_ERROR else np.minimum
    for axis in (0, 1):
        cells = reduce.reduceat(cells, np.arange(0, cells.shape[axis], _PER_TILE), axis=axis)
    return cells


def worst_places(scores: Mapping[str, np.ndarray], count: int) -> list[tuple[int, int, float, float]]:
    """The worst cells: those of the largest local error, among equal ones those of the lowest local SSIM.

    Args:
        scores: the scores of all cells as archives state them, see `unpack`.
        count: how many at most. Cells of the best steps but one are left out.

    Returns:
        (x, y, local SSIM, local error) of each, the worst first; x and y are pixels of its upper left corner.
    """
    ssim, error = (scores[name] for name in CELL_SCORES)
    bad = np.argwhere((ssim < STEPS[LOCAL_SSIM][-2]) | (error > STEPS[LOCAL_ERROR][1]))
    found = [(int(c) * CELL, int(r) * CELL, float(ssim[r, c]), float(error[r, c])) for r, c in bad]
    return sorted(found, key=lambda cell: (-cell[3], cell[2], cell[1], cell[0]))[:count]


def place_of_worst(name: str, cells: np.ndarray) -> tuple[int, int]:
    """(x, y) in pixels of the upper left corner of the worst cell, the first of several in reading order."""
    index = int(cells.argmax() if name == LOCAL_ERROR else cells.argmin())
    row, column = divmod(index, cells.shape[1])
    return column * CELL, row * CELL


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    """The numbers in `STEPS`, int64; rounding to floats may take a value over a step by a millionth."""
    steps = STEPS[name]
    if name == LOCAL_ERROR:
        found = np.searchsorted(steps, values - 1e-6, side="left")
    else:
        found = np.searchsorted(steps, values + 1e-6, side="right") - 1
    return np.clip(found, 0, len(steps) - 1)
