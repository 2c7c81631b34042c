"""What a certificate consists of: sections with text, facts, tables and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sr_tf.validation.detail import Summary


@dataclass(frozen=True)
class Table:
    """A table; the first column is text, the others are figures."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Figure:
    """Pictures side by side.

    Attributes:
        caption: of all of them.
        pictures: SHA-256 of each picture's PNG file.
        labels: of each picture.
        size: (width, height) of each in pixels.
    """

    caption: str
    pictures: tuple[str, ...]
    labels: tuple[str, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class Section:
    """A part with a title.

    Attributes:
        title: its heading.
        text: paragraphs.
        facts: (what, value), in two columns.
        table: figures, or None.
        figures: pictures.
        points: a list.
        curves: what a chart of detail shows.
        codes: whether the values of the facts are hashes.
    """

    title: str
    text: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    table: Table | None = None
    figures: Sequence[Figure] = field(default_factory=tuple)
    points: Sequence[str] = ()
    curves: Mapping[str, Summary] = field(default_factory=dict)
    codes: bool = False
