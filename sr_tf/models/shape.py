"""What the shape says that a network's card or an archive states; imports no framework."""

from collections.abc import Mapping

FILTER_GRID = 2
"""Pixels in each direction that a filter handles as one place of its grid."""
REDUCER_RADIUS = 3
"""The distance in LR pixels up to which HR pixels influence a reducer's LR pixel."""


def generator_radius(blocks: int, one_step: bool) -> int:
    """The distance in LR pixels up to which an LR pixel influences SR pixels: the halo that makes tiles exact.

    One for each 3×3 convolution on the LR grid (head, two per block, body end, first upsampling or tail), and one
    more for all convolutions on finer grids, whose radii of 1/2, 1/4, … LR pixel add up to less than one.
    """
    return 2 * blocks + (3 if one_step else 4)


def filter_radius(blocks: int) -> int:
    """The distance in pixels up to which a pixel influences others, rounded up to whole places of the filter's grid."""
    return FILTER_GRID * (2 * blocks + 3)


def radius_of(architecture: Mapping) -> int:
    """The receptive radius of a network.

    Args:
        architecture: the constructor arguments of `sr_tf.models.edsr.EDSR`, or at scale 1 of `CodedFilter`.
    """
    blocks = architecture["blocks"]
    if architecture["scale"] == 1:
        return filter_radius(blocks)
    return generator_radius(blocks, architecture.get("one_step", False))


def completed(architecture: Mapping) -> dict:
    """A shape as `sr_tf.models.edsr.architecture` states it: with the values that a card leaves out."""
    usual = {"residual_scaling": 1.0} if architecture["scale"] == 1 else {"residual_scaling": 1.0, "one_step": False}
    return {**usual, **architecture}
