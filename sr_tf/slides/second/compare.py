"""Compares what two readers read, and chooses the places to compare."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

SIDE = 256
"""Side of a compared tile in pixels."""

MOST_TILES = 256
"""A slide of at most so many tiles is compared as a whole."""

_STRATA, _EDGE, _CANDIDATES = 14, 8, 2
LARGEST, MEAN = 16, 0.75
"""Tolerances for JPEG, JPEG 2000 and WebP, in 8-bit levels: for a single sample, and for the mean of a tile.

Decoders round the inverse transform, the chroma interpolation and the colour conversion differently. Measured with
OpenSlide 4.0.1, imagecodecs 2026.3.6, Pillow 12.3.0 and OpenCV 5.0.0: 0 for JPEG; 1 and 0.36 for JPEG 2000 in YCbCr.
"""

Place = tuple[int, int, int, int]
"""(x, y, width, height) in pixels of level 0."""


def sample(width: int, height: int, read: Callable[[int, int, int, int], np.ndarray]) -> list[Place]:
    """Chooses the tiles to compare: always the same ones of a slide.

    All tiles of a small slide. Of a larger one: the four corners, further tiles of the last column and the last row,
    and one tile of each part of a division of the slide into 14 × 14 parts, of several candidates the one with the
    most contrast, because blank glass shows few faults.

    Args:
        width: of the slide in pixels.
        height: of the slide in pixels.
        read: reads a rectangle; used to compare candidates.

    Returns:
        The tiles, row by row.
    """
    columns, rows = -(-width // SIDE), -(-height // SIDE)
    if columns * rows <= MOST_TILES:
        return [_place(column, row, width, height) for row in range(rows) for column in range(columns)]
    random = np.random.default_rng(0)
    last = columns - 1, rows - 1
    chosen = {(0, 0), (0, last[1]), (last[0], 0), last}
    chosen |= {(last[0], int(row)) for row in random.integers(0, rows, _EDGE)}
    chosen |= {(int(column), last[1]) for column in random.integers(0, columns, _EDGE)}
    for top, bottom in _parts(rows):
        for left, right in _parts(columns):
            candidates = [
                (int(random.integers(left, right)), int(random.integers(top, bottom))) for _ in range(_CANDIDATES)
            ]
            chosen.add(max(candidates, key=lambda one: float(read(*_place(*one, width, height)).std())))
    return [_place(*one, width, height) for one in sorted(chosen, key=lambda one: one[::-1])]


def difference(one: np.ndarray, other: np.ndarray, exact: bool) -> str:
    """Says by how much two images of the same size differ.

    Args:
        one: uint8 [h, w, 3].
        other: uint8 [h, w, 3].
        exact: whether they must be equal; otherwise they may differ by `LARGEST` and by `MEAN`.

    Returns:
        The difference in words; "" if there is none, or if it is small enough.
    """
    if np.array_equal(one, other):
        return ""
    apart = np.abs(one.astype(np.int16) - other)
    largest, mean = int(apart.max()), float(apart.mean())
    if not exact and largest <= LARGEST and mean <= MEAN:
        return ""
    expected = "equal pixels" if exact else f"at most {LARGEST}, and {MEAN:g} on average"
    return f"differ by up to {largest} of 255 ({mean:.3g} on average), expected {expected}"


def _parts(length: int) -> list[tuple[int, int]]:
    ends = np.unique(np.linspace(0, length, min(length, _STRATA) + 1).astype(int)).tolist()
    return list(pairwise(ends))


def _place(column: int, row: int, width: int, height: int) -> Place:
    x, y = column * SIDE, row * SIDE
    return x, y, min(SIDE, width - x), min(SIDE, height - y)
