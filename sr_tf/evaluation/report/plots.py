"""The report's plots: the scores of every scene, and perceptual scores against PSNR."""

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import SHIFTS, direction, text, values
from sr_tf.evaluation.report.findings import SHIFT_LIMIT
from sr_tf.evaluation.report.point_labels import place
from sr_tf.evaluation.report.style import INK, MUTED, PAPER, RULE, colours, is_interpolated, markers, parent
from sr_tf.evaluation.report.svg import as_svg, settings
from sr_tf.metrics.scores import Score

MOST_POINTS = 120
"""With more scenes, only those in the outer tenth have points."""
_ARROWS = {1: "better →", -1: "← better", 0: "best at 0"}
_LABEL = 22
_GOLDEN = (5**0.5 - 1) / 2


def distribution(comparison: Comparison, score: Score) -> str:
    """Plots one score on every scene: for each method the points, the band between the quartiles, and the median.

    With more than `MOST_POINTS` scenes, only those in the outer tenth have points.

    Args:
        comparison: the scores.
        score: one of the measured scores.

    Returns:
        An `svg` element.
    """
    methods = list(comparison.scores)
    with settings():
        figure = Figure(figsize=(4.0, 0.85 + 0.3 * len(methods)), layout="constrained")
        axes = figure.subplots()
        for row, method in enumerate(methods):
            _strip(axes, row, values(comparison, method, score.key), colours(comparison)[method])
        _rows(axes, methods)
        axes.set_title(score.title, loc="left", fontsize=11, fontweight="bold")
        axes.set_xlabel(_ARROWS[score.better])
        axes.grid(axis="x")
        if score.key in SHIFTS:
            axes.axvspan(-SHIFT_LIMIT, SHIFT_LIMIT, color=RULE, alpha=0.5, linewidth=0, zorder=0)
    medians = [f"{method} {text(score, np.median(values(comparison, method, score.key)))}" for method in methods]
    description = f"{direction(score)}; medians: {', '.join(medians)}"
    return as_svg(figure, f"distribution-{score.key}", f"{score.title} of every scene, by method", description)


def perception_distortion(comparison: Comparison, score: Score, starts: dict[str, str]) -> str:
    """Plots mean PSNR against a mean perceptual score, with the better values at the top and to the right.

    Args:
        comparison: the scores.
        score: the perceptual score.
        starts: for each fine-tuned generator, the generator before fine-tuning, where its line of interpolated weights
            begins.

    Returns:
        An `svg` element.
    """
    means = comparison.means()
    points = {
        method: (means[method]["psnr"], means[method][score.key])
        for method in comparison.scores
        if np.isfinite((means[method]["psnr"], means[method][score.key])).all()
    }
    with settings():
        figure = Figure(figsize=(5.6, 4.5), layout="constrained")
        axes = figure.subplots()
        for family in dict.fromkeys(parent(method)[0] for method in points):
            _curve(axes, comparison, family, starts.get(family), points)
        for method, point in points.items():
            axes.plot(*point, **_marker(comparison, method), zorder=3)
        axes.margins(0.12, 0.14)
        if score.better < 0:
            axes.invert_yaxis()
        axes.grid()
        axes.tick_params(axis="y", labelcolor=MUTED)
        axes.set(xlabel="PSNR (dB)  →  less pixel error", ylabel=f"{score.title}  →  perceptually closer")
        place(figure, axes, [(_short(method), point) for method, point in points.items()])
    description = "; ".join(
        f"{method}: PSNR {x:.2f} dB, {score.heading} {text(score, y)}" for method, (x, y) in points.items()
    )
    return as_svg(figure, f"tradeoff-{score.key}", f"PSNR against {score.heading}, means by method", description)


def _strip(axes: Axes, row: int, numbers: np.ndarray, colour: str) -> None:
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return
    low, median, high = np.percentile(numbers, (25, 50, 75))
    axes.plot((low, high), (row, row), color=colour, alpha=0.28, linewidth=11, solid_capstyle="butt", zorder=2)
    if len(numbers) > MOST_POINTS:
        outer = np.percentile(numbers, (5, 95))
        numbers = numbers[(numbers < outer[0]) | (numbers > outer[1])]
    heights = row + 0.44 * (np.arange(1, len(numbers) + 1) * _GOLDEN % 1 - 0.5)
    axes.plot(numbers, heights, "o", color=colour, markersize=4, alpha=0.8, markeredgewidth=0, zorder=3)
    axes.plot((median, median), (row - 0.3, row + 0.3), color=PAPER, linewidth=4, solid_capstyle="butt", zorder=4)
    axes.plot((median, median), (row - 0.3, row + 0.3), color=INK, linewidth=1.8, solid_capstyle="butt", zorder=5)


def _rows(axes: Axes, methods: list[str]) -> None:
    axes.set_yticks(range(len(methods)), [fill(method, _LABEL) for method in methods])
    axes.set_ylim(len(methods) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _curve(
    axes: Axes, comparison: Comparison, family: str, start: str | None, points: dict[str, tuple[float, float]]
) -> None:
    """Draws a line through the interpolated weights of one generator, in the order of interpolation."""
    members = [method for method in points if parent(method)[0] == family]
    if members == [family]:
        return
    members.sort(key=lambda method: parent(method)[1])
    at_start = [start] if start in points and parent(members[0])[1] > 0 else []
    x, y = zip(*(points[method] for method in (*at_start, *members)), strict=True)
    axes.plot(x, y, color=colours(comparison)[members[0]], linewidth=1.4, alpha=0.7, zorder=2)


def _marker(comparison: Comparison, method: str) -> dict:
    colour, between = colours(comparison)[method], is_interpolated(method)
    return {
        "marker": "o" if between else markers(comparison)[method],
        "markersize": 6 if between else 10,
        "color": PAPER if between else colour,
        "markeredgecolor": colour if between else PAPER,
        "markeredgewidth": 1.6 if between else 1,
        "linestyle": "none",
    }


def _short(method: str) -> str:
    """The name next to a point: `0.5` for `m3@0.5`, because its line leads to `m3`."""
    return method.rpartition("@")[2] if is_interpolated(method) else method
