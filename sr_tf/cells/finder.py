"""Finds red cells in an image and tells their types."""

from dataclasses import dataclass

import numpy as np

from sr_tf.images.libraries import cv2
from sr_tf.images.means import pad_to_multiple

TYPES = (
    "normal cell", "macrocyte", "microcyte", "spherocyte", "target cell", "stomatocyte", "ovalocyte", "teardrop",
    "burr cell", "schistocyte", "uncategorised", "hypochromia",
)  # fmt: skip
"""The types in the order of their numbers in the labels of Chula RBC-12."""
LEAST_CHANCE = 0.35
"""A peak below this is no cell."""
_APART = 5
"""Side of the square, in positions of the map, in which only the highest peak counts."""


@dataclass(frozen=True)
class Cells:
    """Cells of an image.

    Attributes:
        places: float32 [N, 2], x and y of the centres in pixels.
        types: int [N], indices into `TYPES`.
        chances: float32 [N], how sure the finder is that there is a cell, from `LEAST_CHANCE` to 1.
    """

    places: np.ndarray
    types: np.ndarray
    chances: np.ndarray

    def __len__(self) -> int:
        return len(self.types)

    def take(self, chosen: np.ndarray) -> "Cells":
        """Some of the cells, by a mask or by indices."""
        return Cells(self.places[chosen], self.types[chosen], self.chances[chosen])

    def moved(self, x: float, y: float) -> "Cells":
        """The same cells in the coordinates of an image that begins at (−x, −y)."""
        return Cells(self.places + np.float32((x, y)), self.types, self.chances)


class CellNetwork:
    """Finds the cells of images by a network; thread-safe.

    The network was trained on smears at 1000×, in which red cells are 35 to 50 pixels wide. It does not find cells of
    another size reliably.

    Args:
        network: `sr_tf.models.cell_finder.CellFinder`.
    """

    def __init__(self, network):
        self._network = network

    def find(self, image: np.ndarray) -> Cells:
        """Finds the cells of an image.

        Args:
            image: uint8 [H, W, 3], RGB, of any size.

        Returns:
            The cells from the upper left to the lower right, row by row.
        """
        from sr_tf.models.cell_finder import MULTIPLE

        height, width = image.shape[:2]
        maps = self._network(pad_to_multiple(image, MULTIPLE)[None].astype(np.float32), training=False)
        chances = 1 / (1 + np.exp(-np.asarray(maps["centres"], np.float32)[0, ..., 0]))
        cells = peaks(chances, np.asarray(maps["types"], np.float32)[0])
        return cells.take((cells.places < (width, height)).all(axis=1))


def peaks(chances: np.ndarray, types: np.ndarray) -> Cells:
    """The cells that maps of the network tell of.

    Args:
        chances: float32 [h, w], 0 to 1, that a cell's centre is here.
        types: float32 [h, w, types], the logits of the types.

    Returns:
        The cells; places are means over the 3×3 positions around a peak, types are those of the mean logits there.
    """
    from sr_tf.models.cell_finder import STRIDE

    highest = cv2.dilate(chances, np.ones((_APART, _APART), np.uint8))
    rows, columns = np.nonzero((chances == highest) & (chances >= LEAST_CHANCE))
    around = np.pad(chances, 1)
    logits = cv2.blur(types, (3, 3), borderType=cv2.BORDER_REPLICATE) if len(rows) else types
    places = np.empty((len(rows), 2), np.float32)
    steps = np.arange(-1, 2, dtype=np.float32)
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        weights = around[row : row + 3, column : column + 3]
        shift = np.array([weights.sum(0) @ steps, weights.sum(1) @ steps]) / weights.sum()
        places[index] = (np.array([column, row]) + 0.5 + shift) * STRIDE
    return Cells(places, logits[rows, columns].argmax(-1), chances[rows, columns])
