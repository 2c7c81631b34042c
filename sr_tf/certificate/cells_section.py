"""The section of cells or nuclei: counted in the slide and in what is stored."""

from sr_tf.certificate.parts import Section, Table
from sr_tf.certificate.record import CellFacts, CellsOfMethod, GatedCells
from sr_tf.validation.finder_words import SAME_FINDER


def cells_section(cells: CellFacts, gated: GatedCells | None) -> Section:
    """Counts and types in the archive beside other ways to store the slide, and what the finder is worth.

    Args:
        cells: the counts.
        gated: how red cells were kept when the slide was archived; None if they were not.
    """
    rows = [
        (
            one.name,
            f"{one.bits_per_pixel:.3f}",
            f"{one.original:,}",
            f"{one.stored:,}",
            number(one.bias_percent, "+.2f"),
            interval(one.limits_of_agreement, "+.2f"),
            f"{one.only_in_original:,}",
            f"{one.only_in_stored:,}",
            *(_types(one) if cells.typed else ()),
        )
        for one in cells.methods
    ]
    headings = (
        *("stored as", "bit/pixel", "original", "stored", "bias (%)", "limits of agreement", "only in original"),
        *("only in stored", *(("same type", "κ of types", "95 % interval") if cells.typed else ())),
    )
    text = [
        f"Counted by {cells.made_by}. A finder makes errors of its own; agreement says what storing changed, not "
        "whether either count is right. Equal counts can hide what is in one finding only. Limits of agreement: of the "
        f"counts by block, mean difference ± 1.96 standard deviations; {cells.methods[0].places:,} blocks have any.",
        f"The finder: {cells.finder_errors}",
        *([SAME_FINDER] if gated and gated.finder_sha256 == cells.finder_sha256 else []),
    ]
    title = f"{cells.counted.capitalize()}, counted{' and typed' if cells.typed else ''}"
    return Section(title, text, table=Table(headings, rows))


def _types(one: CellsOfMethod) -> tuple[str, ...]:
    kappa, ends = number(one.kappa, ".3f"), interval(one.kappa_interval, ".3f")
    return f"{one.same:,} of {one.pairs:,}", kappa, ends


def number(value: float | None, form: str) -> str:
    """A figure, or a dash where it is not defined."""
    return "–" if value is None else format(value, form)


def interval(ends: tuple[float | None, float | None], form: str) -> str:
    """Two figures, or a dash where they are not defined."""
    return "–" if None in ends else f"{ends[0]:{form}} to {ends[1]:{form}}"
