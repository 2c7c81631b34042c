"""The pages of a PDF, filled from above, by Matplotlib."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D

from sr_tf.certificate.lines import wrapped

WIDTH, HEIGHT = 595.3, 841.9
"""A4 in points."""
LEFT, TOP, BOTTOM = 54.0, 54.0, 60.0
ROOM = WIDTH - 2 * LEFT
INK, MUTED, RULE, ALARM = "#1b2430", "#5a6573", "#d8dde4", "#a3220b"
BODY, SMALL = 8.5, 7.5
LINE = 1.42
"""Distance of lines in sizes of the text."""


class Sheets:
    """Pages that are filled from above; the next begins where one is full."""

    def __init__(self, pages: PdfPages, footer: str):
        self._pages, self._footer, self._count = pages, footer, 0
        self._begin()

    def _begin(self) -> None:
        self._count += 1
        self._sheet = Sheet(figsize=(WIDTH / 72, HEIGHT / 72))
        self._y = HEIGHT - TOP
        self.rule(LEFT, WIDTH - LEFT, BOTTOM - 16)
        self.put(wrapped(self._footer, SMALL, ROOM - 30)[0], LEFT, BOTTOM - 28, SMALL, MUTED)
        self.put(str(self._count), WIDTH - LEFT, BOTTOM - 28, SMALL, MUTED, right=True)

    @property
    def page(self) -> int:
        """The page's number."""
        return self._count

    def close(self) -> None:
        """Writes the last page."""
        self._pages.savefig(self._sheet)

    def take(self, height: float) -> float:
        """Takes room from the page, or from the next one; returns the y below it, in points from the lower edge."""
        self.need(height)
        self._y -= height
        return self._y

    def need(self, height: float) -> None:
        """Begins the next page if this one has less room."""
        if self._y - height < BOTTOM:
            self.close()
            self._begin()

    def skip(self, height: float) -> None:
        """Leaves room, but not at the top of a page."""
        self._y = max(self._y - height, BOTTOM)

    def text(self, text: str, size: float, colour: str = INK, weight: str = "normal") -> None:
        """Sets a paragraph over the page's width."""
        for line in wrapped(text, size, ROOM, weight):
            self.put(line, LEFT, self.take(size * LINE), size, colour, weight)

    def put(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        colour: str = INK,
        weight: str = "normal",
        right: bool = False,
    ) -> None:
        """Sets one line at a place in points; `right`: x is where it ends."""
        self._sheet.text(
            x / WIDTH, y / HEIGHT, text, size=size, color=colour, weight=weight, family="DejaVu Sans",
            ha="right" if right else "left", va="baseline", parse_math=False,
        )  # fmt: skip

    def rule(self, left: float, right: float, y: float, colour: str = RULE) -> None:
        """Draws a horizontal line."""
        self._sheet.add_artist(Line2D((left / WIDTH, right / WIDTH), (y / HEIGHT,) * 2, color=colour, linewidth=0.6))

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose lower left corner is at a place in points."""
        return self._sheet.add_axes((x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT))

    def picture(self, pixels: np.ndarray, x: float, y: float, width: float, height: float) -> None:
        """Sets a picture, pixel by pixel, whose lower left corner is at a place in points."""
        axes = self.axes(x, y, width, height)
        axes.imshow(pixels, interpolation="none", aspect="auto")
        axes.set_axis_off()
