"""Which blocks' red cells differ between the original and what is restored.

The windows are those of `sr-tf validate`, so that it sees exactly what was seen here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sr_tf.archive.finder_windows import Window, by_block
from sr_tf.archive.grid import Place
from sr_tf.cells.finder import Cells
from sr_tf.cells.names import SAME_TYPES
from sr_tf.cells.shipped import finder_sha256, shipped_finder
from sr_tf.cells.subjects import require_smear
from sr_tf.cells.tally import SAME_CELL, Pairing, pair_cells
from sr_tf.images.libraries import cv2
from sr_tf.slides.slide import Slide

_FLAT, _PART = 6.0, 8
"""A window is empty glass if its means over 8×8 pixels lie within 6 levels of 255, in each channel. In the 64×64 pixels
around the 20,420 labels of Chula RBC-12's training and test fields they span 10 levels or more, in 99 % 20 or more."""
_NONE = Cells(np.zeros((0, 2), np.float32), np.zeros(0, int), np.zeros(0, np.float32))


@dataclass(frozen=True)
class CellComparison:
    """Compares windows.

    Attributes:
        agree: what must be the same, a name in `sr_tf.cells.names.AGREEMENTS`.
        find: finds the cells of an image, uint8 [H, W, 3].
        finder_sha256: of the weights of the network that finds them.
        radius: the largest distance between two findings of one cell, in pixels.
    """

    agree: str
    find: Callable[[np.ndarray], Cells]
    finder_sha256: str
    radius: float = SAME_CELL

    def cells(self, window: Window, pixels: np.ndarray) -> Cells:
        """The cells of a window's pixels, in coordinates of the slide; the network is not asked about empty glass."""
        return _NONE if is_flat(pixels) else self.find(pixels).moved(*window.seen[:2])

    def differing(self, window: Window, own: Cells, other: Cells) -> Iterator[tuple[Place, int]]:
        """The blocks in which cells differ, (row, column), and how many do.

        Args:
            window: the window.
            own: the cells of the original.
            other: the cells of what is restored.
        """
        for place, pairing in by_block(pair_cells(own, other, window.inside, self.radius)):
            if count := self._differences(pairing):
                yield place, count

    def _differences(self, pairing: Pairing) -> int:
        changed = np.count_nonzero(pairing.first.types != pairing.second.types)
        return len(pairing.lost) + len(pairing.gained) + (changed if self.agree == SAME_TYPES else 0)


def shipped_comparison(agree: str, slide: Slide) -> CellComparison:
    """The comparison by the finder that ships, which is loaded now.

    Args:
        agree: see `CellComparison`.
        slide: the original.

    Raises:
        UserError: TensorFlow is not installed, or the slide states a resolution that is too low for the finder.
    """
    require_smear(slide.info.mpp, slide.path)
    return CellComparison(agree, shipped_finder().find, finder_sha256())


def count_inside(window: Window, cells: Cells) -> int:
    """Number of the cells whose centre lies within a window, its margin left out."""
    left, top, width, height = window.inside
    places = cells.places - np.float32((left, top))
    return int(((places >= 0) & (places < (width, height))).all(axis=1).sum())


def is_flat(pixels: np.ndarray) -> bool:
    """Whether an image, uint8 [H, W, 3], is too even to show a cell."""
    height, width = (max(side // _PART, 1) for side in pixels.shape[:2])
    means = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    return bool((np.ptp(means.astype(np.float32), axis=0) <= _FLAT).all())
