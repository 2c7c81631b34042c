"""The cells in which two findings differ, with pictures of them."""

import numpy as np

from sr_tf.archive.finder_windows import Window
from sr_tf.cells.finder import Cells
from sr_tf.cells.tally import Pairing
from sr_tf.validation.results import Difference

CROP = 72
"""Side of a picture of a cell in pixels."""
MOST_PICTURES = 200
"""Most pictures of each kind of difference."""


def differences(pairing: Pairing) -> list[Difference]:
    """The cells of a pairing that are not the same in both findings; without pictures."""
    first, second = pairing.first, pairing.second
    changed = np.flatnonzero(first.types != second.types)
    return [
        *(Difference("lost", *place, kind, None) for place, kind in _listed(pairing.lost)),
        *(Difference("gained", *place, None, kind) for place, kind in _listed(pairing.gained)),
        *(
            Difference("changed", *place, kind, int(second.types[index]))
            for index, (place, kind) in zip(changed, _listed(first.take(changed)), strict=True)
        ),
    ]


def _listed(cells: Cells) -> list[tuple[tuple[float, float], int]]:
    places = [(round(float(x), 1), round(float(y), 1)) for x, y in cells.places]
    return list(zip(places, cells.types.tolist(), strict=True))


def with_pictures(
    difference: Difference, window: Window, pixels: np.ndarray, other: np.ndarray, shown: int
) -> Difference:
    """A difference with its pictures, as long as there are not too many.

    Args:
        difference: without pictures.
        window: where it is.
        pixels: the original's pixels of `window.seen`.
        other: the other image's.
        shown: number of pictures of this kind so far.
    """
    if shown >= MOST_PICTURES:
        return difference
    crops = tuple(window.crop(image, difference.x, difference.y, CROP) for image in (pixels, other))
    return Difference(**{**vars(difference), "pictures": crops})
