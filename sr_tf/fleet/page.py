"""The page of a fleet: the table and its totals as one HTML file without scripts or other files."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from sr_tf.fleet.record import Record
from sr_tf.fleet.table import COLUMNS, row, totals
from sr_tf.pages.common import common_parts, table_row

_STYLE = Path(__file__).with_name("page.css")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{title} – sr_tf fleet</title>
<style>
{style}</style>
</head>
<body>
<p class="warning" role="note"><b>Research use only. Not a medical device.</b> Restored images show likely detail, not
measured detail. Never use them for diagnosis.</p>
<main>
<p class="kind">sr_tf fleet</p>
<h1>{title}</h1>
<p class="date"><time datetime="{machine_date}">{date}</time></p>
<dl>
{facts}
</dl>
<div class="wide" tabindex="0" role="region" aria-label="slides">
<table>
<thead><tr>{headings}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<p class="note">Totals are those of complete archives. Ratio: bytes of the slide's files by bytes of its archive.
Worst tile: of 256×256 pixels, as measured when the slide was archived; exact: every pixel is equal. Seconds: of all
tries that ended while the program ran; those of slides that ran at the same time overlap. Saved: at {price:g} per
10⁹ bytes and month. The quality names are labels; none is clinically validated.</p>
</main>
</body>
</html>
"""


def to_html(folder: str, records: Mapping[str, Record], price: float) -> str:
    """Returns the page.

    Args:
        folder: the name of the fleet's folder.
        records: the slides by the names of their archives.
        price: of 10⁹ bytes per month.
    """
    return _PAGE.format(
        title=escape(folder),
        **common_parts(_STYLE, facts(records, price), COLUMNS),
        rows="\n".join(_row(name, record) for name, record in records.items()),
        price=price,
    )


def facts(records: Mapping[str, Record], price: float) -> list[tuple[str, str]]:
    """The totals for people, by what they are."""
    all_ = totals(records, price)
    return [
        ("slides archived", f"{all_.done:,}"),
        ("failed", f"{all_.failed:,}"),
        ("megapixels", f"{all_.pixels / 1e6:,.2f}"),
        ("source bytes", f"{all_.source_bytes:,}"),
        ("archive bytes", f"{all_.archive_bytes:,}"),
        ("ratio", f"{all_.ratio:.2f}" if all_.archive_bytes else "–"),
        ("seconds of work", f"{all_.seconds:,.0f}"),
        ("saved a year", f"{all_.saved:.3g}"),
    ]


def _row(name: str, record: Record) -> str:
    return table_row(row(name, record), ' class="failed"' if record.state == "failed" else "")
