"""Pictures of rate–distortion curves: thick lines for reduced images, thin lines with names for full-size codecs."""

import io
import math

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sr_tf.evaluation.rate_curves import RateCurve, common_range, crossing, mean_at
from sr_tf.evaluation.rate_methods import REFINED
from sr_tf.evaluation.rate_results import AVIF, BEST, RateDistortion
from sr_tf.evaluation.wording import counted
from sr_tf.metrics.scores import SCORES

_INK, _MUTED, _RULE, _PAPER = "#1b2430", "#5a6573", "#e3e7ec", "#ffffff"
_REDUCED = ("#7a8699", "#0056a0", "#309980", "#c23b52", "#8a63c9", "#5c6b1e")
_DASHES = (("-", "--"), ("-.", ":"))
"""Line styles of plain and refined methods; the second pair is for methods beyond the number of colours."""
_FULL = {
    AVIF: ("#e08a3c", "-", 2.2),
    "AVIF 4:4:4": ("#8a4208", (0, (5, 2)), 1.0),
    "AVIF 4:2:0": ("#8a4208", (0, (1, 1.5)), 1.2),
    "AVIF 4:4:4, 10 bits": ("#8a4208", (0, (3, 1, 1, 1)), 1.0),
    "JPEG XL": ("#7c6a9c", (0, (6, 1.5, 1, 1.5)), 1.2),
    "JPEG 2000": ("#6b7f3a", (0, (8, 2)), 1.2),
    "WebP": ("#3f8796", (0, (3, 1.2)), 1.2),
    "JPEG": ("#8b929d", "-", 1.2),
}
"""Colour, line style and width of the full-size codecs."""
_TICKS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 0.7, 1)
_LEFT, _RIGHT = 0.02, 0.4  # bit/pixel
_POINTS = 300
_LINE = 13.0  # least distance between names, in points
_WIDTH, _HEIGHT, _ROW = 9.6, 6.2, 0.24  # inches: the picture without its legend, and one row of the legend
_SETTINGS = {"font.size": 10, "axes.unicode_minus": True, "text.parse_math": False}


def picture(result: RateDistortion, key: str) -> bytes:
    """Draws the mean curves of one score over the rates that every image covers.

    A ring marks where full-size AVIF catches up with a reduced method; the legend gives the rate.

    Args:
        result: the measured points.
        key: the key of one of its scores.

    Returns:
        The bytes of a PNG file.
    """
    curves, better = result.curves(key), SCORES[key].better
    lines = {method: _mean_line(images, better) for method, images in curves.items()}
    lines = {method: line for method, line in lines.items() if line is not None}
    reduced = [method for method in result.restored() if method in lines]
    with matplotlib.rc_context(_SETTINGS):
        legend = _ROW * math.ceil(len(reduced) / 2)
        height = _HEIGHT + legend
        figure = Figure(figsize=(_WIDTH, height), dpi=160, facecolor=_PAPER)
        # Fixed margins: the right margin holds the names, whose places are computed from the final layout.
        bottom, top = (legend + 0.56) / height, 1 - 0.71 / height
        axes = figure.subplots(gridspec_kw={"left": 0.08, "right": 0.76, "top": top, "bottom": bottom})
        _frame(axes, result, key)
        _limit(axes, [line[1] for line in lines.values()], better)
        ends = []
        for method in (method for method in lines if method not in reduced):
            colour, dashes, width = _FULL[method]
            axes.plot(*lines[method], color=colour, linestyle=dashes, linewidth=width, zorder=3)
            ends.append((method, colour, lines[method][0][-1], lines[method][1][-1]))
        styles = _styles(reduced)
        for method in reduced:
            colour, dashes = styles[method]
            label = method + _ring(axes, curves, method, better, colour)
            axes.plot(*lines[method], color=colour, linestyle=dashes, linewidth=2.6, zorder=4, label=label)
        if reduced:
            # The legend goes below the plot because many curves leave no corner free.
            figure.legend(
                loc="lower left", bbox_to_anchor=(0.06, 0), ncols=2, columnspacing=1.2, borderaxespad=0.2,
                frameon=False, labelcolor="linecolor", fontsize=9, handlelength=2.4,
            )  # fmt: skip
        _names(axes, ends)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _styles(reduced: list[str]) -> dict[str, tuple[str, str]]:
    """The colour and line style of each method; a method with refined LRs has its plain method's colour, dashed."""
    plain = list(dict.fromkeys(method.removesuffix(REFINED) for method in reduced))
    styles = {}
    for method in reduced:
        cycle, place = divmod(plain.index(method.removesuffix(REFINED)), len(_REDUCED))
        colour = _INK if method == BEST else _REDUCED[place]
        styles[method] = colour, _DASHES[cycle % len(_DASHES)][method.endswith(REFINED)]
    return styles


def _frame(axes: Axes, result: RateDistortion, key: str) -> None:
    score = SCORES[key]
    axes.set_facecolor(_PAPER)
    axes.set_xscale("log")
    axes.set_xlim(_LEFT, _RIGHT)
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axes.grid(color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_RULE)
    axes.tick_params(colors=_MUTED, length=0)
    axes.set_xlabel("bits per original pixel, all bytes of the file (logarithmic)", color=_MUTED)
    axes.set_ylabel(f"mean {score.title}{', lower is better' if score.better < 0 else ''}", color=_MUTED)
    title = f"{score.heading} at equal bytes, {result.data}, {counted(len(result.sizes), 'image')}"
    axes.set_title(title, loc="left", color=_INK, fontsize=12, fontweight="bold", pad=22)
    axes.annotate(
        "Thick lines: coded by AVIF, then restored. Thin lines: coded at full size. Ring: where full-size AVIF "
        "catches up. Research use only.",
        (0, 1), xytext=(0, 7), xycoords="axes fraction", textcoords="offset points", color=_MUTED, fontsize=8.5,
    )  # fmt: skip


def _mean_line(images: list[RateCurve], better: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The rates and mean scores inside the frame; None if the images have no rates in common there."""
    span = common_range(images)
    if span is None or span[0] >= _RIGHT or span[1] <= _LEFT:
        return None
    rates = np.geomspace(max(span[0], _LEFT), min(span[1], _RIGHT), _POINTS)[1:-1]
    return rates, better * mean_at(images, rates)


def _ring(axes: Axes, curves: dict[str, list[RateCurve]], method: str, better: int, colour: str) -> str:
    """Marks where AVIF catches up with a method, and returns the text for the legend."""
    place = crossing(curves[AVIF], curves[method]) if AVIF in curves else None
    if place is None:
        return ""
    height = better * float(mean_at(curves[method], np.array([place]))[0])
    axes.plot(place, height, "o", markersize=9, color=_PAPER, markeredgecolor=colour, markeredgewidth=1.8, zorder=6)
    return f": ahead of AVIF up to {place:.3f} bit/pixel"


def _limit(axes: Axes, heights: list[np.ndarray], better: int) -> None:
    """Limits the vertical axis: cuts off the worst part of the weakest codecs so that the others are legible."""
    if not heights:
        return
    low, high = min(h.min() for h in heights), max(h.max() for h in heights)
    typical = np.median([h[0] for h in heights])
    if better > 0:
        low = max(low, typical - 0.6 * (high - typical))
    else:
        high = min(high, typical + 0.6 * (typical - low))
    margin = 0.05 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    if better < 0:
        axes.invert_yaxis()


def _names(axes: Axes, ends: list[tuple[str, str, float, float]]) -> None:
    """Writes names in the right margin, without overlap, each with a line to the end of its curve.

    Args:
        axes: the axes, with their final limits.
        ends: (name, colour, rate, score) of the right end of each curve.
    """
    pixels_per_point = axes.figure.dpi / 72
    edge = axes.transAxes.transform((1, 0))[0] / pixels_per_point + 12
    spots = [axes.transData.transform((rate, score)) / pixels_per_point for _, _, rate, score in ends]
    top = axes.transAxes.transform((0, 1))[1] / pixels_per_point
    order = sorted(range(len(ends)), key=lambda i: spots[i][1])
    # Each name leaves room for the names above it, so that none reaches the subtitle above the frame.
    wanted = [
        min(spots[i][1], top - _LINE * above) for above, i in zip(reversed(range(len(order))), order, strict=True)
    ]
    for i, centre in zip(order, _apart(wanted, _LINE), strict=True):
        name, colour, rate, score = ends[i]
        axes.annotate(
            name, (rate, score), xytext=(edge - spots[i][0], centre - spots[i][1]), textcoords="offset points",
            color=colour, fontsize=9, va="center", ha="left", annotation_clip=False, zorder=2,
            arrowprops={
                "arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6, "shrinkA": 1, "shrinkB": 1,
                "relpos": (0, 0.5),
            },
        )  # fmt: skip


def _apart(wanted: list[float], distance: float) -> list[float]:
    """Moves heights apart until neighbours have a least distance; those too close are spread around their mean.

    Args:
        wanted: the wanted heights, in rising order.
        distance: the least distance between neighbours.

    Returns:
        The heights in the same order.
    """
    groups: list[list[float]] = []
    for height in wanted:
        groups.append([height])
        while len(groups) > 1 and _spread(groups[-1], distance)[0] - _spread(groups[-2], distance)[-1] < distance:
            groups[-2:] = [groups[-2] + groups[-1]]
    return [height for group in groups for height in _spread(group, distance)]


def _spread(group: list[float], distance: float) -> list[float]:
    start = float(np.mean(group)) - distance * (len(group) - 1) / 2
    return [start + distance * i for i in range(len(group))]
