"""The labelled fields of Chula RBC-12 (Naruenatthanaset et al. 2020, arXiv 2012.01321)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_tf.cells.outlines import outline_centres
from sr_tf.cells.targets import UNKNOWN
from sr_tf.errors import UserError
from sr_tf.images.reading import find_images, read_rgb

_SAME_CELL = 18.0
"""Pixels between a label, which people set within a cell, and the cell's centre; cells have radii of 18 to 25."""


@dataclass(frozen=True)
class Field:
    """A field with labels.

    Attributes:
        name: the number in its file's name.
        image: uint8 [H, W, 3], RGB.
        labels: int [N, 3]: x, y and type of the labelled cells. Many cells have no label.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray


def labelled_fields(images: Path, labels: Path) -> list[Field]:
    """Reads the fields of a folder that have labels and at least one labelled cell, by number.

    Args:
        images: a folder of images NUMBER.jpg.
        labels: a folder of files NUMBER.txt with lines `x y type`.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    fields = []
    for path in find_images(images):
        text = labels / f"{path.stem}.txt"
        if text.is_file() and text.stat().st_size:
            fields.append(Field(path.stem, read_rgb(path), read_labels(text)))
    if not fields:
        raise UserError(f"{images}: no image has labels in {labels}, expected NUMBER.jpg and NUMBER.txt")
    return fields


def read_labels(path: Path) -> np.ndarray:
    """Reads a label file, int [N, 3].

    Raises:
        UserError: a line is not `x y type`.
    """
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        parts = line.split()
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            raise UserError(f"{path}: line {number} is {line[:40]!r}, expected x y type")
        rows.append([int(part) for part in parts])
    return np.array(rows, int).reshape(-1, 3)


def completed(field: Field) -> np.ndarray:
    """The cells of a field: the labels, set to the centres of the cells they lie in, and the cells without a label.

    Returns:
        float32 [N, 3]: x, y, and the type or `UNKNOWN`.
    """
    found = outline_centres(field.image)[:, :2]
    cells = np.column_stack([found, np.full(len(found), UNKNOWN)])
    alone = []
    for x, y, kind in field.labels:
        distance = np.hypot(*(found - (x, y)).T) if len(found) else np.array([np.inf])
        nearest = int(distance.argmin())
        if distance[nearest] <= _SAME_CELL and cells[nearest, 2] == UNKNOWN:
            cells[nearest, 2] = kind
        else:
            alone.append((x, y, kind))
    return np.concatenate([cells, np.array(alone).reshape(-1, 3)]).astype(np.float32)
