"""The certificate as a PDF of A4 pages, by Matplotlib: the same sections as on the page."""

import io
import warnings
from collections.abc import Mapping
from datetime import datetime

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_pdf import PdfPages
from PIL import Image

from sr_tf.certificate import content
from sr_tf.certificate.lines import wrapped
from sr_tf.certificate.parts import Figure, Section
from sr_tf.certificate.pdf_table import TableLayout
from sr_tf.certificate.record import NOTE, Certificate, Pictures
from sr_tf.certificate.sheets import ALARM, BODY, INK, LEFT, LINE, MUTED, ROOM, RULE, SMALL, WIDTH, Sheets
from sr_tf.metrics.ring_correlation import THRESHOLD, frequencies
from sr_tf.validation.detail import Summary

_KEY = 130.0
"""Width of the column of the facts' names."""
_CURVES = 170.0
"""Height of the chart."""
_PIXEL = 0.625
"""Largest size of a pixel of a picture, in points."""
_TITLE, _SPACE, _BESIDE = 12.0, 3.0, 8.0
"""Size of a section's title, room between its parts, and between pictures."""
_OTHERS = 40.0
"""Room for the first of other things, so that no title is alone at the foot of a page."""
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
        sheets = Sheets(pages, f"{NOTE} {content.date(certificate)}. {content.title(certificate)}")
        sheets.text(NOTE, 10, ALARM, "bold")
        sheets.skip(4)
        sheets.text("sr-tf certificate: an archive compared with its slide", SMALL, MUTED)
        sheets.text(content.title(certificate), 19, weight="bold")
        sheets.skip(4)
        sheets.text(content.date(certificate), SMALL, MUTED)
        sheets.skip(8)
        sheets.text(content.verdict(certificate), 10.5)
        for section in content.sections(certificate):
            _set(sheets, section, pictures)
        sheets.skip(16)
        sheets.text(_COPY, SMALL, MUTED)
        sheets.text(content.how_to_check(certificate).replace("`", ""), SMALL, MUTED)
        sheets.close()
    return file.getvalue()


def _set(sheets: Sheets, section: Section, pictures: Pictures) -> None:
    table = TableLayout(section.table) if section.table else None
    sheets.skip(16)
    sheets.need(_together(section, table))
    sheets.text(section.title, _TITLE, weight="bold")
    sheets.skip(_SPACE)
    for text in section.text:
        sheets.text(text, BODY, MUTED)
        sheets.skip(_SPACE)
    for what, value in section.facts:
        _fact(sheets, what, value)
    if section.curves:
        _curves(sheets, section.curves)
    if table:
        sheets.skip(_SPACE)
        table.set(sheets)
    for figure in section.figures:
        _figure(sheets, figure, pictures)
    for point in section.points:
        lines = wrapped(point, BODY, ROOM - 12)
        sheets.need(len(lines) * BODY * LINE)
        for index, line in enumerate(lines):
            y = sheets.take(BODY * LINE)
            sheets.put("–" * (index == 0), LEFT, y, BODY, MUTED)
            sheets.put(line, LEFT + 12, y, BODY)


def _together(section: Section, table: TableLayout | None) -> float:
    """The height of a section's title, its text and the first thing after them, which stand on one page."""
    lines = sum(len(wrapped(text, BODY, ROOM)) for text in section.text)
    height = _TITLE * LINE + lines * BODY * LINE + (len(section.text) + 2) * _SPACE
    if section.curves:
        return height + _CURVES
    if table:
        return height + table.together
    if section.figures:
        return height + _figure_height(section.figures[0])
    return height + _OTHERS


def _fact(sheets: Sheets, what: str, value: str) -> None:
    keys, values = wrapped(what, BODY, _KEY - 8), wrapped(value, BODY, ROOM - _KEY)
    sheets.need(max(len(keys), len(values)) * BODY * LINE + 4)
    for index in range(max(len(keys), len(values))):
        y = sheets.take(BODY * LINE)
        for lines, x, colour in ((keys, LEFT, MUTED), (values, LEFT + _KEY, INK)):
            if index < len(lines):
                sheets.put(lines[index], x, y, BODY, colour)
    sheets.rule(LEFT, WIDTH - LEFT, sheets.take(4))


def _curves(sheets: Sheets, curves: Mapping[str, Summary]) -> None:
    y = sheets.take(_CURVES)
    axes = sheets.axes(LEFT + 34, y + 34, 0.62 * ROOM, 130)
    axes.axhline(THRESHOLD, color=ALARM, linewidth=0.6)
    styles = zip(curves.items(), ("-", "--", ":", "-.", (0, (1, 4))), strict=False)
    for index, ((name, found), style) in enumerate(styles):
        if found.curve:
            colour, width = (MUTED, 1) if index else (INK, 2)
            axes.plot(frequencies(), np.maximum(found.curve, 0), style, color=colour, linewidth=width, label=name)
    axes.set_xlim(0, 0.5)
    axes.set_ylim(0, 1.04)
    axes.set_xlabel("frequency (cycles per pixel)", size=SMALL, color=MUTED)
    axes.set_ylabel("correlation with the original", size=SMALL, color=MUTED)
    axes.tick_params(labelsize=SMALL, colors=MUTED, width=0.5, length=2)
    for side in axes.spines.values():
        side.set(color=RULE, linewidth=0.6)
    if axes.lines[1:]:
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=SMALL, labelcolor=INK)


def _figure(sheets: Sheets, figure: Figure, pictures: Pictures) -> None:
    """Sets pictures side by side, all at the same scale."""
    lines = wrapped(figure.caption, SMALL, ROOM)
    scale = _scale(figure)
    width, height = (scale * side for side in figure.size)
    sheets.skip(6)
    y = sheets.take(_figure_height(figure))
    for index, line in enumerate(lines):
        above = SMALL * LINE * (len(lines) - index) + 5
        sheets.put(line, LEFT, y + height + above, SMALL)
    for index, (sha256, label) in enumerate(zip(figure.pictures, figure.labels, strict=True)):
        x = LEFT + index * (width + _BESIDE)
        pixels = np.asarray(Image.open(io.BytesIO(pictures[sha256])))
        sheets.picture(pixels, x, y + SMALL * LINE, width, height)
        sheets.put(label, x, y + 1, SMALL, MUTED)


def _figure_height(figure: Figure) -> float:
    lines = len(wrapped(figure.caption, SMALL, ROOM)) + 1
    return SMALL * LINE * lines + figure.size[1] * _scale(figure) + 6


def _scale(figure: Figure) -> float:
    """Points for a pixel."""
    count = len(figure.pictures)
    return min(_PIXEL, (ROOM - _BESIDE * (count - 1)) / (figure.size[0] * count))
