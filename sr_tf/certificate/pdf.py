"""The certificate as a PDF of A4 pages, by Matplotlib: the same sections as on the page."""

import io
import warnings
from collections.abc import Mapping
from datetime import datetime
from itertools import zip_longest

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D
from PIL import Image

from sr_tf.certificate import content
from sr_tf.certificate.lines import text_width, wrapped
from sr_tf.certificate.parts import Figure, Section, Table
from sr_tf.certificate.record import NOTE, Certificate, Pictures
from sr_tf.metrics.ring_correlation import THRESHOLD, frequencies
from sr_tf.validation.detail import Summary

_WIDTH, _HEIGHT = 595.3, 841.9
"""A4 in points."""
_LEFT, _TOP, _BOTTOM = 54.0, 54.0, 60.0
_ROOM = _WIDTH - 2 * _LEFT
_INK, _MUTED, _RULE, _ALARM = "#1b2430", "#5a6573", "#d8dde4", "#a3220b"
_BODY, _SMALL = 8.5, 7.5
_LINE = 1.42
"""Distance of lines in sizes of the text."""
_KEY = 130.0
"""Width of the column of the facts' names."""
_GAP = 9.0
_WITH_TITLE, _WITH_FIGURE, _WITH_CURVES = 60.0, 260.0, 310.0
"""Room for a title and what follows, so that no title is alone at the foot of a page."""
_WHOLE = 240.0
"""Tables that take less are not divided."""
_COPY = "This PDF is a copy for print and cannot be checked; the HTML page that was made with it can."


def to_pdf(certificate: Certificate, pictures: Pictures) -> bytes:
    """Returns the PDF file; letters that its font, DejaVu Sans, lacks are boxes."""
    file = io.BytesIO()
    information = {
        "Title": f"{content.title(certificate)}: certificate",
        "Creator": certificate.made_by,
        "Subject": NOTE,
        "CreationDate": datetime.fromisoformat(certificate.made),
    }
    with (
        warnings.catch_warnings(),
        rc_context({"pdf.fonttype": 42, "text.usetex": False}),
        PdfPages(file, metadata=information) as pages,
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheets = _Sheets(pages, f"{NOTE} {content.date(certificate)}. {content.title(certificate)}")
        sheets.text(NOTE, 10, _ALARM, "bold")
        sheets.skip(4)
        sheets.text("sr-tf certificate: an archive compared with its slide", _SMALL, _MUTED)
        sheets.text(content.title(certificate), 19, weight="bold")
        sheets.skip(4)
        sheets.text(content.date(certificate), _SMALL, _MUTED)
        sheets.skip(8)
        sheets.text(content.verdict(certificate), 10.5)
        for section in content.sections(certificate):
            _set(sheets, section, pictures)
        sheets.skip(16)
        sheets.text(_COPY, _SMALL, _MUTED)
        sheets.text(content.how_to_check(certificate).replace("`", ""), _SMALL, _MUTED)
        sheets.close()
    return file.getvalue()


class _Sheets:
    """Pages that are filled from above; the next begins where one is full."""

    def __init__(self, pages: PdfPages, footer: str):
        self._pages, self._footer, self._count = pages, footer, 0
        self._begin()

    def _begin(self) -> None:
        self._count += 1
        self._sheet = Sheet(figsize=(_WIDTH / 72, _HEIGHT / 72))
        self._y = _HEIGHT - _TOP
        self.rule(_LEFT, _WIDTH - _LEFT, _BOTTOM - 16)
        self.put(wrapped(self._footer, _SMALL, _ROOM - 30)[0], _LEFT, _BOTTOM - 28, _SMALL, _MUTED)
        self.put(str(self._count), _WIDTH - _LEFT, _BOTTOM - 28, _SMALL, _MUTED, right=True)

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
        if self._y - height < _BOTTOM:
            self.close()
            self._begin()

    def skip(self, height: float) -> None:
        """Leaves room, but not at the top of a page."""
        self._y = max(self._y - height, _BOTTOM)

    def text(self, text: str, size: float, colour: str = _INK, weight: str = "normal") -> None:
        """Sets a paragraph over the page's width."""
        for line in wrapped(text, size, _ROOM, weight):
            self.put(line, _LEFT, self.take(size * _LINE), size, colour, weight)

    def put(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        colour: str = _INK,
        weight: str = "normal",
        right: bool = False,
    ) -> None:
        """Sets one line at a place in points; `right`: x is where it ends."""
        self._sheet.text(
            x / _WIDTH, y / _HEIGHT, text, size=size, color=colour, weight=weight, family="DejaVu Sans",
            ha="right" if right else "left", va="baseline", parse_math=False,
        )  # fmt: skip

    def rule(self, left: float, right: float, y: float, colour: str = _RULE) -> None:
        """Draws a horizontal line."""
        self._sheet.add_artist(Line2D((left / _WIDTH, right / _WIDTH), (y / _HEIGHT,) * 2, color=colour, linewidth=0.6))

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes whose lower left corner is at a place in points."""
        return self._sheet.add_axes((x / _WIDTH, y / _HEIGHT, width / _WIDTH, height / _HEIGHT))

    def picture(self, pixels: np.ndarray, x: float, y: float, width: float, height: float) -> None:
        """Sets a picture, pixel by pixel, whose lower left corner is at a place in points."""
        axes = self.axes(x, y, width, height)
        axes.imshow(pixels, interpolation="none", aspect="auto")
        axes.set_axis_off()


def _set(sheets: _Sheets, section: Section, pictures: Pictures) -> None:
    sheets.skip(16)
    sheets.need(_WITH_CURVES if section.curves else _WITH_FIGURE if section.figures else _WITH_TITLE)
    sheets.text(section.title, 12, weight="bold")
    sheets.skip(3)
    for text in section.text:
        sheets.text(text, _BODY, _MUTED)
        sheets.skip(3)
    for what, value in section.facts:
        _fact(sheets, what, value)
    if section.curves:
        _curves(sheets, section.curves)
    if section.table:
        sheets.skip(3)
        _table(sheets, section.table)
    for figure in section.figures:
        _figure(sheets, figure, pictures)
    for point in section.points:
        lines = wrapped(point, _BODY, _ROOM - 12)
        sheets.need(len(lines) * _BODY * _LINE)
        for index, line in enumerate(lines):
            y = sheets.take(_BODY * _LINE)
            sheets.put("–" * (index == 0), _LEFT, y, _BODY, _MUTED)
            sheets.put(line, _LEFT + 12, y, _BODY)


def _fact(sheets: _Sheets, what: str, value: str) -> None:
    keys, values = wrapped(what, _BODY, _KEY - 8), wrapped(value, _BODY, _ROOM - _KEY)
    sheets.need(max(len(keys), len(values)) * _BODY * _LINE + 4)
    for index in range(max(len(keys), len(values))):
        y = sheets.take(_BODY * _LINE)
        for lines, x, colour in ((keys, _LEFT, _MUTED), (values, _LEFT + _KEY, _INK)):
            if index < len(lines):
                sheets.put(lines[index], x, y, _BODY, colour)
    sheets.rule(_LEFT, _WIDTH - _LEFT, sheets.take(4))


def _curves(sheets: _Sheets, curves: Mapping[str, Summary]) -> None:
    y = sheets.take(170)
    axes = sheets.axes(_LEFT + 34, y + 34, 0.62 * _ROOM, 130)
    axes.axhline(THRESHOLD, color=_ALARM, linewidth=0.6)
    styles = zip(curves.items(), ("-", "--", ":", "-.", (0, (1, 4))), strict=False)
    for index, ((name, found), style) in enumerate(styles):
        if found.curve:
            colour, width = (_MUTED, 1) if index else (_INK, 2)
            axes.plot(frequencies(), np.maximum(found.curve, 0), style, color=colour, linewidth=width, label=name)
    axes.set_xlim(0, 0.5)
    axes.set_ylim(0, 1.04)
    axes.set_xlabel("frequency (cycles per pixel)", size=_SMALL, color=_MUTED)
    axes.set_ylabel("correlation with the original", size=_SMALL, color=_MUTED)
    axes.tick_params(labelsize=_SMALL, colors=_MUTED, width=0.5, length=2)
    for side in axes.spines.values():
        side.set(color=_RULE, linewidth=0.6)
    if axes.lines[1:]:
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=_SMALL, labelcolor=_INK)


def _table(sheets: _Sheets, table: Table) -> None:
    """Sets a table; the first column takes what the figures leave. A long one has its headings on each page."""
    size = _BODY if len(table.headings) <= 5 else 6.5
    step = size * _LINE
    widths = [
        max(text_width(text, size, "bold") for text in [*column, *heading.split(" ")]) + _GAP
        for heading, column in zip(table.headings, zip(*table.rows, strict=True), strict=True)
    ]
    widths[0] = _ROOM - sum(widths[1:])
    ends = [_LEFT + sum(widths[: index + 1]) for index in range(len(widths))]
    heads = [wrapped(text, size, width - _GAP, "bold") for text, width in zip(table.headings, widths, strict=True)]
    lines = [[*[""] * (max(map(len, heads)) - len(words)), *words] for words in heads]

    def row(cells: tuple[list[str], ...], weight: str, colour: str) -> None:
        for texts in zip_longest(*cells, fillvalue=""):
            y = sheets.take(step)
            for index, text in enumerate(texts):
                sheets.put(text, ends[index] if index else _LEFT, y, size, weight=weight, right=bool(index))
        sheets.rule(_LEFT, _WIDTH - _LEFT, sheets.take(4), colour)

    rows = [(wrapped(texts[0], size, widths[0] - _GAP), *([text] for text in texts[1:])) for texts in table.rows]
    whole = sum(len(cells[0]) * step + 4 for cells in rows) + len(lines[0]) * step + 4
    if whole < _WHOLE:
        sheets.need(whole)
    page = None
    for cells in rows:
        height = len(cells[0]) * step + 4
        sheets.need(height if page == sheets.page else height + len(lines[0]) * step + 4)
        if page != sheets.page:
            row(tuple(lines), "bold", _INK)
            page = sheets.page
        row(cells, "normal", _RULE)


def _figure(sheets: _Sheets, figure: Figure, pictures: Pictures) -> None:
    """Sets pictures side by side, all at the same scale: a pixel has 5/8 of a point at most."""
    lines = wrapped(figure.caption, _SMALL, _ROOM)
    width, height = figure.size
    gap = 8.0
    scale = min(0.625, (_ROOM - gap * (len(figure.pictures) - 1)) / (width * len(figure.pictures)))
    sheets.skip(6)
    y = sheets.take(_SMALL * _LINE * (len(lines) + 1) + height * scale + 6)
    for index, line in enumerate(lines):
        above = _SMALL * _LINE * (len(lines) - index) + 5
        sheets.put(line, _LEFT, y + height * scale + above, _SMALL)
    for index, (sha256, label) in enumerate(zip(figure.pictures, figure.labels, strict=True)):
        x = _LEFT + index * (width * scale + gap)
        pixels = np.asarray(Image.open(io.BytesIO(pictures[sha256])))
        sheets.picture(pixels, x, y + _SMALL * _LINE, width * scale, height * scale)
        sheets.put(label, x, y + 1, _SMALL, _MUTED)
