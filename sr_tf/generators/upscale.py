"""LR → SR by tiles with a halo: the same pixels as one pass over the mirrored image, in bounded memory."""

from collections.abc import Callable

import numpy as np

from sr_tf.images.edges import EDGE, mirrored
from sr_tf.images.pixels import to_uint8
from sr_tf.images.tiles import HaloTile, halo_tiles

TILE = 192


def upscale(generator, lr: np.ndarray, tile: int = TILE, progress: Callable[[], object] | None = None) -> np.ndarray:
    """Restores one image.

    The image is mirrored at its edges, see `sr_tf.images.edges`. Each tile is computed with a halo of
    `generator.receptive_radius` LR pixels, which is then cut off; at the edges of the image the halo is at most what
    mirroring added, as in one pass.

    Args:
        generator: `sr_tf.models.edsr.EDSR`, or the result of `sr_tf.generators.restorer.load_restorer`.
        lr: uint8 [h, w, 3], RGB; for a filter [h, w, 4], see `sr_tf.generators.filtering`.
        tile: side of a tile in LR pixels, without its halo. It determines the memory needed, not the result.
        progress: called after each tile; None: nothing is called.

    Returns:
        uint8 [scale · h, scale · w, 3], RGB.

    Raises:
        ValueError: `lr` is not uint8 RGB, or `tile` is not positive.
    """
    sr, tiles = plan(lr, tile, generator, EDGE)
    extended = mirrored(lr)
    for one in tiles:
        restored = to_uint8(generator.predict_on_batch(extended[one.seen][None].astype(np.float32))[0])
        sr[one.place] = restored[one.kept]
        if progress is not None:
            progress()
    return sr


def plan(lr: np.ndarray, tile: int, generator, edge: int = 0) -> tuple[np.ndarray, list[HaloTile]]:
    """Checks an LR image and prepares its restoration by tiles.

    Args:
        lr: uint8 [h, w, channels].
        tile: side of a tile in LR pixels, without its halo.
        generator: an object with `scale` and `receptive_radius`, and `channels` if they are not 3.
        edge: LR pixels to be added on each side of `lr`, see `sr_tf.images.tiles.halo_tiles`.

    Returns:
        The SR to fill, uint8 [scale · h, scale · w, 3], uninitialised; and the tiles, row by row.

    Raises:
        ValueError: `lr` is not uint8 RGB, or `tile` is not positive.
    """
    channels = getattr(generator, "channels", 3)
    if lr.dtype != np.uint8 or lr.ndim != 3 or lr.shape[2] != channels:
        raise ValueError(f"expected uint8 [h, w, {channels}], found {lr.dtype} {list(lr.shape)}")
    height, width = lr.shape[:2]
    sr = np.empty((generator.scale * height, generator.scale * width, 3), np.uint8)
    return sr, halo_tiles(height, width, tile, generator.receptive_radius, generator.scale, edge)
