"""Divides text into lines of a width, for the PDF."""

import functools
import warnings
from collections.abc import Iterator

from matplotlib.font_manager import FontProperties, findfont, get_font

_FAMILY = "DejaVu Sans"
_FINE = 16
"""Widths are measured at this many times the size, and then divided."""


@functools.cache
def _width(text: str, weight: str) -> float:
    """The width of a text at size 1."""
    font = get_font(findfont(FontProperties(family=_FAMILY, weight=weight)))
    font.set_size(_FINE, 72)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        font.set_text(text)
    return font.get_width_height()[0] / 64 / _FINE


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """The width of a line in points; a bold line is measured as such."""
    return size * _width(text, weight)


def wrapped(text: str, size: float, room: float, weight: str = "normal") -> list[str]:
    """Divides a text at spaces, and words that are too long anywhere; at least one line.

    Args:
        text: the text.
        size: of the letters in points.
        room: the width in points.
        weight: "normal" or "bold".
    """
    lines, line = [], ""
    for word in text.split():
        for part in _parts(word, size, room, weight):
            longer = f"{line} {part}" if line else part
            if line and text_width(longer, size, weight) > room:
                lines.append(line)
                line = part
            else:
                line = longer
    return [*lines, line]


def _parts(word: str, size: float, room: float, weight: str) -> Iterator[str]:
    """The word, or what of it fits into a line each."""
    while text_width(word, size, weight) > room and len(word) > 1:
        fitting = len(word) - 1
        while fitting > 1 and text_width(word[:fitting], size, weight) > room:
            fitting -= 1
        yield word[:fitting]
        word = word[fitting:]
    yield word
