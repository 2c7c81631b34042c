"""What is kept of the detail of a slide, in figures for tables and records; see `sr_tf.metrics.ring_correlation`."""

import msgspec
import numpy as np

from sr_tf.metrics.ring_correlation import PATCH, THRESHOLD, Detail, frequencies
from sr_tf.pages.line_chart import line_chart

HEADINGS = (
    "stored as", "kept to (cycles/pixel)", "finest detail", "lowest 5 %", "original", "lost", "invented", "flagged",
)  # fmt: skip
EXPLANATION = (
    f"Each patch of {PATCH}×{PATCH} pixels is compared with the original frequency by frequency. Its detail is kept as "
    f"far as the correlation is at least {THRESHOLD:g}: the median of all patches is shown, the length of one cycle "
    "there, what 95 % of the patches reach, and how far the original itself has detail. Lost is what the original has "
    "beyond; invented is what the stored form has there that is not the original's; both in levels of 255. Flagged are "
    "patches in which that is more than the original had."
)
_LOW = 5
"""Percent of the patches that keep less than `Summary.kept_low`."""
_SQUARE = 0.01
"""Largest relative difference of µm per pixel in x and y at which a frequency has a length."""


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The detail of many patches; figures are None if there is no patch with detail.

    Attributes:
        patches: number of patches with detail.
        blank: number of patches without.
        kept_median: median over patches of the frequency up to which detail is kept, in cycles per pixel.
        kept_low: what 95 % of the patches reach, likewise.
        limit_median: median of the highest frequency at which the original has detail.
        lost: root mean square of the patches' lost detail, in 8-bit levels.
        invented: likewise.
        flagged: number of flagged patches.
        curve: the correlation of all patches together at 1/128, 2/128 … 64/128 cycles per pixel.
    """

    patches: int
    blank: int
    kept_median: float | None
    kept_low: float | None
    limit_median: float | None
    lost: float | None
    invented: float | None
    flagged: int
    curve: list[float]


def summary(detail: Detail) -> Summary:
    """The figures of a set of patches."""
    if not len(detail.kept):
        return Summary(0, detail.blank, None, None, None, None, None, 0, [])
    return Summary(
        patches=len(detail.kept),
        blank=detail.blank,
        kept_median=_rounded(np.median(detail.kept)),
        kept_low=_rounded(np.percentile(detail.kept, _LOW)),
        limit_median=_rounded(np.median(detail.limits)),
        lost=_rounded(np.sqrt(np.mean(detail.lost**2))),
        invented=_rounded(np.sqrt(np.mean(detail.invented**2))),
        flagged=int(detail.flagged.sum()),
        curve=[_rounded(value) for value in detail.curve()],
    )


def row(name: str, found: Summary, mpp: tuple[float, float] | None) -> list[str]:
    """One way to store the slide, as texts in the order of `HEADINGS`.

    Args:
        name: of the way.
        found: its figures.
        mpp: the slide's µm per pixel; None if they are not known.
    """
    return [
        name,
        _number(found.kept_median),
        length(found.kept_median, mpp),
        _number(found.kept_low),
        _number(found.limit_median),
        _number(found.lost, ".2f"),
        _number(found.invented, ".2f"),
        f"{found.flagged:,} of {found.patches:,}",
    ]


def length(frequency: float | None, mpp: tuple[float, float] | None) -> str:
    """The length of one cycle in pixels, and in µm if the slide's pixels are square and their size is known."""
    if frequency is None:
        return "–"
    if frequency < 1 / PATCH:
        return f"none below {PATCH} px"
    pixels = f"{1 / frequency:.1f} px"
    if mpp is None or abs(mpp[0] - mpp[1]) > _SQUARE * max(mpp):
        return pixels
    return f"{pixels} = {(mpp[0] + mpp[1]) / 2 / frequency:.2f} µm"


def curves_chart(found: dict[str, Summary]) -> str:
    """The curves of several ways to store the slide as an SVG drawing; the first is the main one."""
    curves = {name: one.curve for name, one in found.items() if one.curve}
    return line_chart(
        frequencies().tolist(), curves, THRESHOLD, "frequency (cycles per pixel)", "correlation with the original"
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _number(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else format(value, form)
