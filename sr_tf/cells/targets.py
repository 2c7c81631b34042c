"""What the finder should answer for a field of which cells are known."""

import numpy as np

from sr_tf.models.cell_finder import STRIDE

UNKNOWN = -1
"""The type of a cell that is known to be there and has no label."""
_SPREAD = 1.5
"""Standard deviation of the bell around a centre, in positions of the map."""
_REACH = 1
"""Positions around a centre, in each direction, that should tell the type too."""


def targets(cells: np.ndarray, height: int, width: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Draws the maps that the losses compare with.

    Args:
        cells: [N, 3]: x and y in pixels, and the type or `UNKNOWN`. Cells outside are left out.
        height: of the image in pixels, a multiple of `STRIDE`.
        width: likewise.
        weights: the weight of each type in the loss.

    Returns:
        `centres`, float32 [height / STRIDE, width / STRIDE, 1], and `types`, float32 [.., .., 2], as
        `sr_tf.cells.losses` takes them.
    """
    rows, columns = height // STRIDE, width // STRIDE
    centres, types = np.zeros((rows, columns), np.float32), np.zeros((rows, columns, 2), np.float32)
    y, x = np.mgrid[:rows, :columns]
    for cell_x, cell_y, kind in cells:
        column, row = int(cell_x // STRIDE), int(cell_y // STRIDE)
        if not (0 <= row < rows and 0 <= column < columns):
            continue
        bell = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * _SPREAD**2))
        np.maximum(centres, bell, out=centres)
        if kind != UNKNOWN:
            around = np.s_[max(row - _REACH, 0) : row + _REACH + 1, max(column - _REACH, 0) : column + _REACH + 1]
            types[around] = kind, weights[int(kind)]
    return {"centres": centres[..., None], "types": types}
