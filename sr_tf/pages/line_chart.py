"""A line chart as an SVG drawing, in the colours of the page that it stands in."""

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 14, 44
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 5")
_LEGEND_LINE = 20


def line_chart(
    x: Sequence[float], curves: Mapping[str, Sequence[float]], threshold: float, x_title: str, y_title: str
) -> str:
    """Draws curves over the same x, with values from 0 to 1; lower ones are drawn at 0.

    Args:
        x: rising, the last is the right end.
        curves: values by name; the first is drawn thick, the others dashed. At most five.
        threshold: a value that gets a line of its own.
        x_title: of the x axis.
        y_title: of the y axis.
    """
    span_x, span_y = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(across: float, value: float) -> tuple[float, float]:
        return round(_LEFT + span_x * across / x[-1], 1), round(_TOP + span_y * (1 - min(max(value, 0), 1)), 1)

    parts = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        left, y = place(0, value)
        parts.append(f'<path class="grid" d="M{left} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{value:g}</text>')
        along, bottom = place(value * x[-1], 0)
        parts.append(f'<text x="{along}" y="{bottom + 18}" text-anchor="middle">{value * x[-1]:.3g}</text>')
    left, y = place(0, threshold)
    parts.append(f'<path class="threshold" d="M{left} {y}H{_WIDTH - _RIGHT}"/>')
    for index, (name, values) in reversed(list(enumerate(curves.items()))):
        points = " ".join(f"{a},{b}" for a, b in (place(*pair) for pair in zip(x, values, strict=True)))
        parts.append(f'<polyline class="{_kind(index)}" points="{points}"{_dashed(index)}/>')
        line = _HEIGHT + 6 + _LEGEND_LINE * index
        parts.append(f'<path class="{_kind(index)}" d="M{_LEFT} {line}h36"{_dashed(index)}/>')
        parts.append(f'<text x="{_LEFT + 46}" y="{line + 4}">{escape(name)}</text>')
    middle = _TOP + span_y / 2
    parts.append(f'<text x="{_LEFT + span_x / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_title)}</text>')
    parts.append(f'<text transform="translate(13 {middle}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>')
    height = _HEIGHT + _LEGEND_LINE * len(curves)
    label = escape(f"{y_title} by {x_title}: {', '.join(curves)}")
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _kind(index: int) -> str:
    return "other" if index else "main"


def _dashed(index: int) -> str:
    return f' stroke-dasharray="{_DASHES[index]}"' if _DASHES[index] else ""
