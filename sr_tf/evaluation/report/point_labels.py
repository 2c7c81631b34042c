"""Names next to the points of a plot, placed so that they overlap as little as possible."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_FAR = 11
_NEAR = 8
_STEPS = 9
_PLACES = (
    (_FAR, 0, "left", "center"),
    (-_FAR, 0, "right", "center"),
    (0, _FAR, "center", "bottom"),
    (0, -_FAR, "center", "top"),
    (_NEAR, _NEAR, "left", "bottom"),
    (_NEAR, -_NEAR, "left", "top"),
    (-_NEAR, _NEAR, "right", "bottom"),
    (-_NEAR, -_NEAR, "right", "top"),
)


def place(figure: Figure, axes: Axes, points: list[tuple[str, tuple[float, float]]]) -> None:
    """Writes a name next to each point, one after another, where it overlaps least with points, lines and names.

    Args:
        figure: the figure, complete except for the names.
        axes: the axes of the points.
        points: (name, (x, y)) of each point, in data units.
    """
    figure.draw_without_rendering()
    where = axes.transData.transform([point for _, point in points])
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in (*where, *_along(axes))]
    for name, point in points:
        candidates = [
            axes.annotate(
                name, point, xytext=(dx, dy), textcoords="offset points", ha=across, va=along, fontsize=9.5, zorder=6
            )
            for dx, dy, across, along in _PLACES
        ]
        boxes = [candidate.get_window_extent() for candidate in candidates]
        cost = [_overlap(box, taken, axes.bbox) for box in boxes]
        chosen = cost.index(min(cost))
        taken.append(boxes[chosen])
        for i, candidate in enumerate(candidates):
            if i != chosen:
                candidate.remove()


def _along(axes: Axes) -> np.ndarray:
    """Evenly spaced points on the lines of the axes, in pixels, float [N, 2]."""
    steps = np.linspace(0, 1, _STEPS)[:, None]
    corners = [axes.transData.transform(line.get_xydata()) for line in axes.lines]
    pieces = [a + steps * (b - a) for line in corners for a, b in pairwise(line)]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def _overlap(box: Bbox, taken: list[Bbox], inside: Bbox) -> float:
    """The area in pixels² that a box shares with others, plus its area outside the axes."""
    outside = box.width * box.height - _shared(box, inside)
    return outside + sum(_shared(box, other) for other in taken)


def _shared(first: Bbox, second: Bbox) -> float:
    both = Bbox.intersection(first, second)
    return both.width * both.height if both is not None else 0.0
