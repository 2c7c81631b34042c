"""The addresses of IIIF's Image API 3: which part of an image, in which size, turned how, in which format.

https://iiif.io/api/image/3.0/
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

MOST_SIDE = 2048
"""Longest side of an image that is sent, in pixels."""
FORMATS = {"jpg": "image/jpeg", "png": "image/png"}
QUALITIES = ("default", "color", "gray")
_WHOLE = re.compile(r"\d{1,9}")
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")


class BadAddress(ValueError):  # noqa: N818, what is wrong with an address
    """An address that cannot be answered.

    Args:
        reason: in one line.
        status: 400 if it has no meaning, 501 if it asks for what is not supported.
    """

    def __init__(self, reason: str, status: int = 400):
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Wanted:
    """A part of an image as it is to be sent.

    Attributes:
        x: left edge in pixels of full size.
        y: upper edge.
        width: of the part in pixels of full size.
        height: likewise.
        size: (width, height) to scale it to, before it is turned.
        turns: quarter turns, clockwise.
        grey: whether colours are left out.
        format: a key of `FORMATS`.
    """

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]
    turns: int
    grey: bool
    format: str


def parse(region: str, size: str, rotation: str, quality: str, form: str, full: tuple[int, int]) -> Wanted:
    """Reads the parts of an address.

    Args:
        region: for instance "full", "square", "0,0,512,512" or "pct:10,10,50,50".
        size: "max", "w,", ",h", "w,h", "!w,h" or "pct:n"; nothing is enlarged.
        rotation: "0", "90", "180" or "270".
        quality: one of `QUALITIES`.
        form: one of `FORMATS`.
        full: (width, height) of the image.

    Raises:
        BadAddress: it has no meaning, or asks for what is not supported.
    """
    x, y, width, height = _region(region, *full)
    if rotation not in ("0", "90", "180", "270"):
        known = re.fullmatch(r"!?\d{1,3}(\.\d+)?", rotation) and float(rotation.lstrip("!")) <= 360
        raise BadAddress(f"rotation {rotation}: expected 0, 90, 180 or 270", 501 if known else 400)
    if quality not in QUALITIES:
        raise BadAddress(f"quality {quality}: expected {', '.join(QUALITIES)}", 501 if quality == "bitonal" else 400)
    if form not in FORMATS:
        raise BadAddress(f"format {form}: expected {' or '.join(FORMATS)}", 400)
    return Wanted(x, y, width, height, _size(size, width, height), int(rotation) // 90, quality == "gray", form)


def _region(text: str, full_width: int, full_height: int) -> tuple[int, int, int, int]:
    if text == "full":
        return 0, 0, full_width, full_height
    if text == "square":
        side = min(full_width, full_height)
        return (full_width - side) // 2, (full_height - side) // 2, side, side
    percent = text.startswith("pct:")
    parts = text.removeprefix("pct:").split(",")
    if len(parts) != 4 or not all((_NUMBER if percent else _WHOLE).fullmatch(part) for part in parts):
        raise BadAddress(f"region {text}: expected full, square, x,y,w,h or pct:x,y,w,h")
    scales = (Fraction(full_width, 100), Fraction(full_height, 100)) * 2 if percent else (1,) * 4
    x, y, width, height = (_nearest(Fraction(part) * scale) for part, scale in zip(parts, scales, strict=True))
    width, height = min(width, full_width - x), min(height, full_height - y)
    if width < 1 or height < 1:
        raise BadAddress(f"region {text}: expected at least one pixel of the image of {full_width}×{full_height}")
    return x, y, width, height


def _size(text: str, width: int, height: int) -> tuple[int, int]:
    if text.startswith("^"):
        raise BadAddress(f"size {text}: nothing is enlarged, expected a size without ^", 501)
    limit = min(Fraction(1), Fraction(MOST_SIDE, width), Fraction(MOST_SIDE, height))
    given = re.fullmatch(r"(!?)(\d{0,9}),(\d{0,9})", text)
    if text == "max":
        scales = limit, limit
    elif text.startswith("pct:") and _NUMBER.fullmatch(text[4:]):
        scales = (Fraction(text[4:]) / 100,) * 2
    elif given and (given[2] or given[3]) and (not given[1] or (given[2] and given[3])):
        across, down = (Fraction(int(side), whole) if side else None for side, whole in
                        ((given[2], width), (given[3], height)))  # fmt: skip
        # What is left out follows from the other side.
        scales = (min(across, down, limit),) * 2 if given[1] else (across or down, down or across)
        if None in scales:
            raise BadAddress(f"size {text}: expected at least one pixel")
    else:
        raise BadAddress(f"size {text}: expected max, w,h with one or both sides, !w,h or pct:n")
    found = tuple(_nearest(scale * side) for scale, side in zip(scales, (width, height), strict=True))
    if text == "max" or (given and given[1]):
        found = tuple(max(1, side) for side in found)
    if min(found) < 1:
        raise BadAddress(f"size {text}: expected at least one pixel")
    if found[0] > width or found[1] > height:
        raise BadAddress(f"size {text}: expected at most the region's {width}×{height}; nothing is enlarged")
    if max(found) > MOST_SIDE:
        raise BadAddress(f"size {text}: expected sides of at most {MOST_SIDE}")
    return found


def _nearest(value: Fraction | int) -> int:
    return math.floor(Fraction(value) + Fraction(1, 2))
