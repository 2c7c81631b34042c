"""What can be counted: red cells by the shipped network, nuclei by classical means."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sr_tf.cells import nuclei
from sr_tf.cells.finder import Cells
from sr_tf.cells.names import AUTO, NUCLEI, RED
from sr_tf.cells.shipped import card, shipped_finder
from sr_tf.cells.tally import SAME_CELL
from sr_tf.errors import UserError

_COARSEST_SMEAR = 7.5 / 35
"""µm per pixel at which a red cell of 7.5 µm is 35 pixels wide, the least that the network expects."""
_COARSEST_TISSUE = 1.1


@dataclass(frozen=True)
class Subject:
    """What is counted, and how.

    Attributes:
        name: in titles, "red cells".
        one: one of them.
        typed: whether they have types.
        find: finds them in an image, uint8 [H, W, 3].
        radius: the largest distance between two findings of one, in pixels.
        card: the finder's card, for page and record: that of the network, or `method` in words.
        expected: the end of the error if none is found.
    """

    name: str
    one: str
    typed: bool
    find: Callable[[np.ndarray], Cells]
    radius: float
    card: dict
    expected: str


def subject(choice: str, mpp: tuple[float, float] | None, path: object) -> Subject:
    """What is counted on a slide.

    Args:
        choice: a name in `sr_tf.cells.names`; `AUTO`: nuclei if the slide states more µm per pixel than the network for
            red cells expects, otherwise red cells.
        mpp: the slide's µm per pixel; None if they are not known.
        path: the slide's file, for the error.

    Raises:
        UserError: nuclei were chosen, and the slide states no resolution at which they can be found.
    """
    if choice == AUTO:
        choice = NUCLEI if mpp and _COARSEST_SMEAR < max(mpp) <= _COARSEST_TISSUE else RED
    if choice == NUCLEI:
        return _nuclei(mpp, path)
    expected = "a blood smear with cells 35 to 50 pixels wide"
    return Subject("red cells", "red cell", True, _find_red_cells, SAME_CELL, card(), expected)


def require_smear(mpp: tuple[float, float] | None, path: object) -> None:
    """Raises a `UserError` if a slide states a resolution at which red cells are smaller than the network expects.

    Args:
        mpp: the slide's µm per pixel; None if they are not known.
        path: the slide's file, for the error.
    """
    if mpp and max(mpp) > _COARSEST_SMEAR:
        raise UserError(
            f"{path}: states {max(mpp):g} µm per pixel, expected at most {_COARSEST_SMEAR:.2g} to find red cells, as "
            "in a smear at 1000×"
        )


def _find_red_cells(image: np.ndarray) -> Cells:
    return shipped_finder().find(image)


def _nuclei(mpp: tuple[float, float] | None, path: object) -> Subject:
    if not mpp or max(mpp) > _COARSEST_TISSUE:
        found = f"{max(mpp):g} µm per pixel" if mpp else "no µm per pixel"
        raise UserError(f"{path}: states {found}, expected at most {_COARSEST_TISSUE:g} to find nuclei by their size")
    size = sum(mpp) / 2
    radius = nuclei.SAME_NUCLEUS / size
    finder = nuclei.NucleusFinder(size)
    card = {"method": nuclei.METHOD, "mpp": size}
    return Subject("nuclei", "nucleus", False, finder.find, radius, card, "tissue with haematoxylin and eosin")
