"""The page of a certificate: one HTML file without scripts or other files, with its record in it."""

import base64
import re
from html import escape
from pathlib import Path
from string import Template

import msgspec

from sr_tf.certificate import content
from sr_tf.certificate.parts import Figure, Section, Table
from sr_tf.certificate.record import Certificate, Pictures, keep
from sr_tf.pages.common import heading_cells, shared_style, table_row
from sr_tf.validation.detail import curves_chart

_PAGE, _STYLE = (Path(__file__).with_name(f"page.{kind}") for kind in ("html", "css"))
_FEW = 5
"""Most columns of a table in letters of usual size."""
_RECORD_BEGINS, _RECORD_ENDS = '<script type="application/json" id="record">', "</script>"
_PICTURE = re.compile(r'<img src="data:image/png;base64,([A-Za-z0-9+/=]*)"')


def to_html(certificate: Certificate, pictures: Pictures) -> str:
    """Returns the page; the same for the same certificate and pictures."""
    return Template(_PAGE.read_text("utf-8")).substitute(
        style=shared_style(_STYLE),
        title=escape(content.title(certificate)),
        machine_date=certificate.made,
        date=content.date(certificate),
        verdict=escape(content.verdict(certificate)),
        sections="\n".join(_section(one, pictures) for one in content.sections(certificate)),
        check=re.sub("`(.*?)`", r"<code>\1</code>", escape(content.how_to_check(certificate))),
        record=f"{_RECORD_BEGINS}{_json(certificate)}{_RECORD_ENDS}",
    )


def record_of(page: str) -> bytes | None:
    """The record in a page as JSON; None if there is none."""
    start = page.find(_RECORD_BEGINS)
    end = page.find(_RECORD_ENDS, start)
    return page[start + len(_RECORD_BEGINS) : end].encode() if 0 <= start < end else None


def pictures_of(page: str) -> Pictures:
    """The pictures in a page.

    Raises:
        ValueError: one is not in Base64.
    """
    pictures: Pictures = {}
    for found in _PICTURE.finditer(page):
        keep(pictures, base64.b64decode(found[1], validate=True))
    return pictures


def _json(certificate: Certificate) -> str:
    # Nothing in the record can end the element that holds it.
    return msgspec.json.encode(certificate).decode("utf-8").replace("<", "\\u003c")


def _section(section: Section, pictures: Pictures) -> str:
    parts = [f"<section>\n<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(text)}</p>" for text in section.text]
    if section.facts:
        opening = '<dl class="codes">' if section.codes else "<dl>"
        parts += [opening, *(f"<dt>{escape(what)}</dt><dd>{escape(value)}</dd>" for what, value in section.facts)]
        parts.append("</dl>")
    if section.curves:
        parts.append(curves_chart(section.curves))
    if section.table:
        parts.append(_table(section.title, section.table))
    parts += [_figure(figure, pictures) for figure in section.figures]
    if section.points:
        parts += ["<ul>", *(f"<li>{escape(point)}</li>" for point in section.points), "</ul>"]
    return "\n".join([*parts, "</section>"])


def _table(name: str, table: Table) -> str:
    rows = "\n".join(table_row(row) for row in table.rows)
    kind = "many" if len(table.headings) > _FEW else "few"
    return (
        f'<div class="wide {kind}" tabindex="0" role="region" aria-label="{escape(name)}">\n<table>\n'
        f"<thead><tr>{heading_cells(table.headings)}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _figure(figure: Figure, pictures: Pictures) -> str:
    width, height = figure.size
    images = "\n".join(
        f'<div><img src="data:image/png;base64,{base64.b64encode(pictures[sha256]).decode("ascii")}" width="{width}" '
        f'height="{height}" alt="{escape(label)}"><small>{escape(label)}</small></div>'
        for sha256, label in zip(figure.pictures, figure.labels, strict=True)
    )
    return (
        f'<figure>\n<figcaption>{escape(figure.caption)}</figcaption>\n<div class="row">\n{images}\n</div>\n</figure>'
    )
