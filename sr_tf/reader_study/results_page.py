"""The page of `sr-tf reader-results`: one HTML file that shows the images of the kit beside it."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

from sr_tf.pages.common import common_parts, table_row
from sr_tf.reader_study.concordance import Concordance, Pair
from sr_tf.reader_study.key import READER_FOLDER, Key
from sr_tf.reader_study.results import HEADINGS, facts, protocol, row, shortfalls

_PAGE, _STYLE = (Path(__file__).with_name(f"results.{kind}") for kind in ("html", "css"))


def to_html(
    key: Key, sealed: str, found: Sequence[Concordance], pairs: Mapping[str, Sequence[Pair]], images: str
) -> str:
    """Returns the page.

    Args:
        key: the study's key.
        sealed: its SHA-256.
        found: the agreement of each reader, and of all together if there are several; at least one.
        pairs: the answers by reader.
        images: how the page's folder leads to the study's, "" or a path that ends in a slash.
    """
    differing = [(reader, pair) for reader, own in pairs.items() for pair in own if not pair.same]
    differing.sort(key=lambda one: one[1].case.number)
    folder = f"{images}{READER_FOLDER}/images/"
    return Template(_PAGE.read_text("utf-8")).substitute(
        title=escape(f"Reader study {key.study}"),
        **common_parts(_STYLE, facts(found, key), HEADINGS),
        rows="\n".join(table_row(row(one, key)) for one in found),
        shortfalls="\n".join(f'<p class="short">{escape(line)}.</p>' for line in shortfalls(found)),
        protocol=escape(protocol(key)),
        tables=_table(found[-1], key),
        count=len(differing),
        differing="\n".join(_figure(reader, pair, folder) for reader, pair in differing),
        seal=sealed,
    )


def _table(found: Concordance, key: Key) -> str:
    """Findings in the original by those in the restored image."""
    headings = "".join(f'<th scope="col">{escape(category)}</th>' for category in key.categories)
    rows = "\n".join(
        table_row([category, *map(str, counts)]) for category, counts in zip(key.categories, found.table, strict=True)
    )
    return (
        f'<div class="wide"><table class="cross"><caption>{escape(found.reader)}: original (rows), restored (columns)'
        f"</caption><thead><tr><td></td>{headings}</tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _figure(reader: str, pair: Pair, folder: str) -> str:
    case = pair.case
    psnr = "equal pixels" if case.psnr is None else f"PSNR {case.psnr:.1f} dB"
    shown = "".join(
        f'<a href="{escape(folder)}{image}.png"><img loading="lazy" src="{escape(folder)}{image}.png" alt="{which}">'
        f"<span>{which}: {escape(answer.finding)}, confidence {answer.confidence}, quality {answer.quality}</span></a>"
        for which, image, answer in (
            ("original", case.original, pair.original),
            ("restored", case.restored, pair.restored),
        )
    )
    where = f"{case.archive}, at {case.x}, {case.y}, {psnr}"
    return (
        f"<li><figure><div>{shown}</div><figcaption>Case {case.number}, {escape(reader)}. {escape(where)}"
        "</figcaption></figure></li>"
    )
