"""Matplotlib figures as inline SVG with the page's fonts, its light and dark colours, and text descriptions."""

import io
import re
from html import escape

import matplotlib
from matplotlib.figure import Figure

from sr_tf.evaluation.report.style import INK, MUTED, ROLES, RULE

_SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 10,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,
}


def settings():
    """The context of matplotlib settings in which the page's figures are drawn."""
    return matplotlib.rc_context(_SETTINGS)


def as_svg(figure: Figure, key: str, title: str, description: str) -> str:
    """Writes a figure as an `svg` element.

    Args:
        figure: a figure that was drawn within `settings`, in the colours of `sr_tf.evaluation.report.style`.
        key: a name that is unique on the page; all ids start with it.
        title: the title for screen readers.
        description: the description for screen readers.
    """
    buffer = io.StringIO()
    with settings():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{key}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    for colour, role in ROLES.items():
        svg = svg.replace(colour, f"var(--{role})")
    labels = f'role="img" aria-labelledby="{key}-title {key}-description"'
    head = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-description">{escape(description)}</desc>'
    return re.sub(r"<svg ([^>]*)>", lambda match: f"<svg {labels} {match[1]}>{head}", svg, count=1).strip()
