"""Cuts images into scenes, and assigns their sources to training, validation and test."""

import math
import random
from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np

from sr_tf.errors import UserError

SPLITS = ("train", "validation", "test")
STUDY_RATIO = (9000, 1000, 1620)

_DRAWS = 20


def cut_scenes(image: np.ndarray, size: int = 700) -> list[tuple[str, np.ndarray]]:
    """Cuts an image into a grid of nearly equal scenes that cover every pixel once.

    H × W pixels give H / size rows and W / size columns, rounded to the nearest number but at least one. The sides of
    the scenes differ by at most one pixel: 702 × 699 stays one scene, 1400 × 2100 gives 2 × 3 scenes of 700 × 700, and
    960 × 1280 gives 1 × 2 scenes of 960 × 640. A side is at most 3/2 of `size`, and at least 3/4 of it if it was cut.

    Args:
        image: [H, W, C].
        size: the desired height and width of a scene in pixels.

    Returns:
        (suffix, view) of each scene, row by row. The suffix is empty for a single scene, otherwise for instance `_r0c1`
        for row 0 and column 1.
    """
    rows, columns = (_edges(length, size) for length in image.shape[:2])
    scenes = [
        (f"_r{row}c{column}", image[rows[row] : rows[row + 1], columns[column] : columns[column + 1]])
        for row in range(len(rows) - 1)
        for column in range(len(columns) - 1)
    ]
    return scenes if len(scenes) > 1 else [("", image)]


def middle(path: Path, image: np.ndarray, side: int) -> np.ndarray:
    """Cuts the central square out of an image.

    Args:
        path: the image's file, for the error.
        image: [H, W, C].
        side: side of the square in pixels.

    Returns:
        A view [side, side, C]. If a margin cannot be halved, its larger part lies at the lower or right edge.

    Raises:
        UserError: the image is smaller than the square.
    """
    height, width = image.shape[:2]
    if not 0 < side <= min(height, width):
        raise UserError(f"{path}: {width}×{height} pixels, expected at least {side}×{side} for --centre")
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def split_groups(
    sizes: Mapping[Hashable, int], seed: int = 0, ratio: tuple[int, int, int] = STUDY_RATIO
) -> dict[Hashable, str]:
    """Assigns groups to splits so that the numbers of scenes approximate `ratio`.

    A group is never divided. The function makes several random assignments and takes the one with the numbers closest
    to `ratio`. In each of them, the groups go in random order to the split that lacks most scenes. The result depends
    only on the groups, their sizes and the seed, not on their order.

    Args:
        sizes: the number of scenes of each group.
        seed: the seed of the random orders.
        ratio: the desired proportions of train, validation and test.

    Returns:
        The split of each group. Each split has at least one group.

    Raises:
        UserError: there are fewer than three groups.
    """
    if len(sizes) < len(SPLITS):
        raise UserError(
            f"found {len(sizes)} independent groups of images, expected at least {len(SPLITS)}, one for each of "
            f"{', '.join(SPLITS)}: add images of other smears or group them more finely"
        )
    total = sum(sizes.values())
    wanted = {split: total * part / sum(ratio) for split, part in zip(SPLITS, ratio, strict=True)}
    groups = sorted(sizes, key=str)
    draws = []
    for draw in range(_DRAWS):
        random.Random(f"{seed} {draw}").shuffle(groups)
        draws.append(_deal(groups, sizes, wanted))
    assignment, _ = min(draws, key=lambda result: result[1])
    return {group: assignment[group] for group in sizes}


def _edges(length: int, size: int) -> list[int]:
    parts = max(math.floor(length / size + 0.5), 1)
    return [length * part // parts for part in range(parts + 1)]


def _deal(
    groups: list[Hashable], sizes: Mapping[Hashable, int], wanted: Mapping[str, float]
) -> tuple[dict[Hashable, str], float]:
    """Assigns groups in order; returns the split of each, and the summed difference of counts from `wanted`."""
    missing = dict(wanted)
    empty = set(wanted)
    assignment = {}
    for position, group in enumerate(groups):
        # The last groups are reserved for splits that are still empty.
        open_splits = empty if len(groups) - position <= len(empty) else wanted
        split = max(sorted(open_splits), key=missing.__getitem__)
        assignment[group] = split
        missing[split] -= sizes[group]
        empty.discard(split)
    return assignment, sum(abs(rest) for rest in missing.values())
