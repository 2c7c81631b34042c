"""Tables of the PDF."""

from itertools import zip_longest

from sr_tf.certificate.lines import text_width, wrapped
from sr_tf.certificate.parts import Table
from sr_tf.certificate.sheets import BODY, INK, LEFT, LINE, ROOM, RULE, WIDTH, Sheets

_GAP = 9.0
_FEW, _SMALLER = 5, 6.5
"""Most columns in letters of usual size, and the size of more."""
_WHOLE = 240.0
"""Tables that take less are not divided."""
_UNDER = 4.0
"""Room for the rule below a row."""

Row = list[list[str]]
"""The lines of each cell."""


class TableLayout:
    """A table over the page's width: the first column takes what the figures leave."""

    def __init__(self, table: Table):
        self._size = BODY if len(table.headings) <= _FEW else _SMALLER
        widths = [
            max(text_width(text, self._size, "bold") for text in [*column, *heading.split(" ")]) + _GAP
            for heading, column in zip(table.headings, zip(*table.rows, strict=True), strict=True)
        ]
        widths[0] = ROOM - sum(widths[1:])
        self._ends = [LEFT + sum(widths[: index + 1]) for index in range(len(widths))]
        heads = [
            wrapped(text, self._size, width - _GAP, "bold") for text, width in zip(table.headings, widths, strict=True)
        ]
        most = max(map(len, heads))
        self._heads: Row = [[*[""] * (most - len(lines)), *lines] for lines in heads]
        self._rows: list[Row] = [
            [wrapped(texts[0], self._size, widths[0] - _GAP), *([text] for text in texts[1:])] for texts in table.rows
        ]

    @property
    def together(self) -> float:
        """The height that must not be divided: the whole table, or of a long one its headings and first row."""
        whole = self._height(self._heads) + sum(map(self._height, self._rows))
        return whole if whole < _WHOLE else self._height(self._heads) + self._height(self._rows[0])

    def set(self, sheets: Sheets) -> None:
        """Sets the table. A long one has its headings on each page."""
        sheets.need(self.together)
        page = None
        for row in self._rows:
            height = self._height(row)
            sheets.need(height if page == sheets.page else height + self._height(self._heads))
            if page != sheets.page:
                self._set_row(sheets, self._heads, "bold", INK)
                page = sheets.page
            self._set_row(sheets, row, "normal", RULE)

    def _height(self, row: Row) -> float:
        return max(map(len, row)) * self._size * LINE + _UNDER

    def _set_row(self, sheets: Sheets, row: Row, weight: str, colour: str) -> None:
        for texts in zip_longest(*row, fillvalue=""):
            y = sheets.take(self._size * LINE)
            for index, text in enumerate(texts):
                sheets.put(text, self._ends[index] if index else LEFT, y, self._size, weight=weight, right=bool(index))
        sheets.rule(LEFT, WIDTH - LEFT, sheets.take(_UNDER), colour)
