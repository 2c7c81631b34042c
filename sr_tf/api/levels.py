"""Levels of slides and of archives, and rectangles that reach beyond them."""

from typing import Protocol

import numpy as np
from PIL import Image

WHITE = 255

Size = tuple[int, int]
"""(width, height) in pixels."""


class Levels(Protocol):
    """Where the pixels of an opened slide come from. Thread-safe.

    Attributes:
        sizes: (width, height) of each level in pixels, the largest first.
        downsamples: how many times smaller than level 0 each is.
    """

    sizes: tuple[Size, ...]
    downsamples: tuple[float, ...]

    def rgba(self, location: Size, level: int, size: Size) -> Image.Image:
        """Reads a rectangle: an RGBA image, transparent where the slide has no pixels."""

    def rgb(self, location: Size, level: int, size: Size) -> np.ndarray:
        """Reads a rectangle, uint8 [h, w, 3]: the background's colour where the slide has no pixels."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """Reads a rectangle of at least one pixel inside a level, in its own pixels: uint8 [height, width, 3]."""


class OpaqueLevels:
    """Levels without transparent pixels. Subclasses read rectangles inside of them.

    Args:
        sizes: (width, height) of each level, the largest first.
        steps: pixels of level 0 from one pixel of a level to the next; None: by the sizes.
    """

    def __init__(self, sizes: tuple[Size, ...], steps: tuple[float, ...] | None = None):
        self.sizes = sizes
        (width, height), *_ = sizes
        self.downsamples = tuple((width / w + height / h) / 2 for w, h in sizes)
        self._steps = steps or self.downsamples

    def read(self, level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        """See `Levels.read`."""
        raise NotImplementedError

    def rgba(self, location: Size, level: int, size: Size) -> Image.Image:
        """See `Levels.rgba`."""
        return Image.fromarray(self._on(np.zeros((size[1], size[0], 4), np.uint8), location, level))

    def rgb(self, location: Size, level: int, size: Size) -> np.ndarray:
        """See `Levels.rgb`."""
        return self._on(np.full((size[1], size[0], 3), WHITE, np.uint8), location, level)

    def _on(self, canvas: np.ndarray, location: Size, level: int) -> np.ndarray:
        """Puts what lies inside the level on a canvas, uint8 [h, w, 3 or 4]; returns the canvas."""
        left, top = (int(place // self._steps[level]) for place in location)
        height, width, _ = canvas.shape
        x, y = max(0, left), max(0, top)
        right, bottom = min(left + width, self.sizes[level][0]), min(top + height, self.sizes[level][1])
        if x < right and y < bottom:
            part = canvas[y - top : bottom - top, x - left : right - left]
            part[..., :3] = self.read(level, x, y, right - x, bottom - y)
            part[..., 3:] = 255
        return canvas
