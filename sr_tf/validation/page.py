"""The page of `sr-tf validate`: one HTML file without scripts or other files."""

import base64
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from sr_tf.cells.finder import TYPES
from sr_tf.images.reading import encode_png
from sr_tf.pages.common import common_parts, heading_cells, table_row
from sr_tf.validation import detail
from sr_tf.validation.finder_words import SAME_FINDER, finder_text
from sr_tf.validation.results import Difference, Validation
from sr_tf.validation.table import HEADINGS, headings, row

_PAGE, _STYLE = (Path(__file__).with_name(f"page.{kind}") for kind in ("html", "css"))
_KINDS = {
    "lost": "Found in the original only",
    "gained": "Found in the restored slide only",
    "changed": "Found in both, with another type",
}


def to_html(validation: Validation) -> str:
    """Returns the page."""
    restored = validation.methods[0]
    return Template(_PAGE.read_text("utf-8")).substitute(
        title=escape(validation.archive),
        **common_parts(_STYLE, _facts(validation), headings(validation.typed)),
        rows="\n".join(
            table_row(row(method.name, method.rate, method.tally, validation.typed)) for method in validation.methods
        ),
        **_detail(validation),
        protocol=escape(validation.protocol),
        finder=escape(finder_text(validation.finder)),
        differences="\n".join(_section(kind, restored.differences, validation.typed) for kind in _KINDS),
        archive_sha256=validation.archive_sha256,
        slide_sha256=validation.source_sha256 or "not recorded, the archive was de-identified",
        counted=validation.counted,
        gated=f'<p class="note"><b>{escape(SAME_FINDER)}</b></p>\n' if validation.gated else "",
        and_typed=" and typed" if validation.typed else "",
        finder_hash=_finder_hash(validation),
        settings="\n".join(f"<li>{escape(one.name)}: {escape(one.settings)}</li>" for one in validation.methods),
    )


def _detail(validation: Validation) -> dict[str, str]:
    found = {method.name: method.detail() for method in validation.methods}
    return {
        "detail_explained": escape(detail.EXPLANATION),
        "detail_chart": detail.curves_chart(found),
        "detail_headings": heading_cells(detail.HEADINGS),
        "detail_rows": "\n".join(table_row(detail.row(name, one, validation.mpp)) for name, one in found.items()),
    }


def _finder_hash(validation: Validation) -> str:
    sha256 = validation.finder.get("weights_sha256")
    return f"<br>Finder, weights SHA-256 <code>{sha256}</code>" if sha256 else ""


def _facts(validation: Validation) -> list[tuple[str, str]]:
    method = validation.methods[0]
    texts = dict(zip(HEADINGS, row(method.name, method.rate, method.tally), strict=True))
    types = [("agreement of types, κ", texts["κ"]), ("95 % interval", texts["95 % interval"])]
    return [
        (f"{validation.counted} in the original", texts["found, original"]),
        ("in the restored slide", texts["found, stored"]),
        ("bias", f"{texts['bias (%)']} %"),
        ("only in the original", texts["only in original"]),
        ("only in the restored slide", texts["only in stored"]),
        *(types if validation.typed else []),
        ("gate", validation.gate),
    ]


def _section(kind: str, differences: list[Difference], typed: bool) -> str:
    if kind == "changed" and not typed:
        return ""
    own = [difference for difference in differences if difference.kind == kind]
    shown = [difference for difference in own if difference.pictures]
    said = f"{len(own):,}" + (f", the first {len(shown):,} are shown" if len(shown) < len(own) else "")
    figures = "\n".join(_figure(difference, typed) for difference in shown)
    return (
        f"<h2>{_KINDS[kind]}: {said}</h2>\n"
        + ('<p class="note">Left the original, right the restored slide.</p>\n' if shown else "")
        + f'<ul class="cells">\n{figures}\n</ul>'
    )


def _figure(difference: Difference, typed: bool) -> str:
    names = [TYPES[kind] for kind in (difference.original, difference.other) if kind is not None]
    images = "".join(
        f'<img src="{_data_url(picture)}" alt="{which}">'
        for which, picture in zip(("original", "restored"), difference.pictures, strict=True)
    )
    types = f"{' → '.join(names)}, " if typed else ""
    place = f"{types}at {difference.x:.0f}, {difference.y:.0f}"
    return f"<li><figure>{images}<figcaption>{place}</figcaption></figure></li>"


def _data_url(picture: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(encode_png(picture)).decode('ascii')}"
