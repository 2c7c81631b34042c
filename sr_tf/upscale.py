"""LR → SR by tiles with a halo: the pixels of one pass over the whole image, in bounded memory."""

from collections.abc import Callable, Iterator

import numpy as np

from sr_tf.pixels import to_uint8

TILE = 192


def upscale(generator, lr: np.ndarray, tile: int = TILE, progress: Callable[[], object] | None = None) -> np.ndarray:
    """Restores one image.

    Each tile is computed with a border of `generator.receptive_radius` LR pixels around it, which is then cut off. At
    the image's own edges there is no border, so that the network pads there with zeros just as it does in one pass.

    Args:
        generator: `sr_tf.models.edsr.EDSR`, or what `sr_tf.engines.on_engine` makes of one.
        lr: uint8 [h, w, 3], RGB.
        tile: side of a tile in LR pixels, without its halo. It decides the memory needed, not the result.
        progress: called after each tile.

    Returns:
        uint8 [scale · h, scale · w, 3], RGB.

    Raises:
        ValueError: `lr` is not uint8 RGB, or `tile` is not positive.
    """
    if lr.dtype != np.uint8 or lr.ndim != 3 or lr.shape[2] != 3:
        raise ValueError(f"expected uint8 [h, w, 3], found {lr.dtype} {list(lr.shape)}")
    height, width = lr.shape[:2]
    scale, halo = generator.scale, generator.receptive_radius
    sr = np.empty((scale * height, scale * width, 3), np.uint8)
    for top, bottom, left, right in tiles(height, width, tile):
        first_row, first_column = max(0, top - halo), max(0, left - halo)
        seen = lr[first_row : bottom + halo, first_column : right + halo]
        restored = to_uint8(generator.predict_on_batch(seen[None].astype(np.float32))[0])
        rows = slice(scale * (top - first_row), scale * (bottom - first_row))
        columns = slice(scale * (left - first_column), scale * (right - first_column))
        sr[scale * top : scale * bottom, scale * left : scale * right] = restored[rows, columns]
        if progress is not None:
            progress()
    return sr


def tiles(height: int, width: int, tile: int) -> Iterator[tuple[int, int, int, int]]:
    """Cuts a rectangle into tiles, row by row; those at the right and lower edge may be smaller.

    Args:
        height: of the rectangle in pixels.
        width: of the rectangle in pixels.
        tile: side of a tile in pixels.

    Yields:
        (top, bottom, left, right), half open.

    Raises:
        ValueError: `tile` is not positive.
    """
    if tile < 1:
        raise ValueError(f"tile {tile}: expected at least 1")
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            yield top, min(top + tile, height), left, min(left + tile, width)
