"""What pages that are one HTML file share: the style, facts, and rows of a table."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path

_SHARED = Path(__file__).with_name("common.css")


def shared_style(style: Path) -> str:
    """The shared style sheet, followed by a page's own."""
    return _SHARED.read_text("utf-8") + style.read_text("utf-8")


def common_parts(style: Path, facts: Iterable[tuple[str, str]], headings: Iterable[str]) -> dict[str, str]:
    """The parts of a page's template that every page has.

    Args:
        style: the page's own style sheet, which follows the shared one.
        facts: (what, value), shown large above the table.
        headings: of the table.

    Returns:
        The texts for `style`, `machine_date`, `date`, `facts` and `headings`.
    """
    now = datetime.now(UTC)
    return {
        "style": shared_style(style),
        "machine_date": now.isoformat(timespec="seconds"),
        "date": now.strftime("%d %B %Y, %H:%M UTC"),
        "facts": "\n".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts),
        "headings": heading_cells(headings),
    }


def heading_cells(headings: Iterable[str]) -> str:
    """The cells of a table's head."""
    return "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)


def table_row(texts: Iterable[str], mark: str = "") -> str:
    """A row of the table, whose first cell is its heading; `mark` is an attribute with a space before it."""
    first, *rest = map(escape, texts)
    return f'<tr{mark}><th scope="row">{first}</th>{"".join(f"<td>{text}</td>" for text in rest)}</tr>'
