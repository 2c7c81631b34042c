"""One colour and one marker for each method, in every plot and next to every name."""

from sr_tf.evaluation.compare import Comparison

# Plots are drawn in the colours of the light scheme; the page replaces them by variables of its style sheet. The first
# four generators have colours that are distinguishable with every kind of colour blindness; a test checks this.
INK, MUTED, RULE, PAPER = "#1b2430", "#5a6573", "#d8dde4", "#fefefe"
ROLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper"}
_BASELINES = (("#8b929d", "s"), ("#454c58", "D"), ("#6c7582", "v"))
_GENERATORS = (
    ("#0056a0", "o"),
    ("#309980", "^"),
    ("#ba6117", "P"),
    ("#792c3e", "X"),
    ("#8a63c9", "p"),
    ("#5c6b1e", "h"),
)
ROLES |= {colour: f"baseline-{i}" for i, (colour, _) in enumerate(_BASELINES)}
ROLES |= {colour: f"generator-{i}" for i, (colour, _) in enumerate(_GENERATORS)}


def parent(method: str) -> tuple[str, float]:
    """Splits the name of interpolated weights: `m3@0.5` → (`m3`, 0.5); other names have an alpha of 1."""
    name, at, alpha = method.rpartition("@")
    try:
        return (name, float(alpha)) if at else (method, 1.0)
    except ValueError:
        return method, 1.0


def is_interpolated(method: str) -> bool:
    """Whether the method is a generator with interpolated weights."""
    return parent(method)[0] != method


def colours(comparison: Comparison) -> dict[str, str]:
    """The colour of each method, a key of `ROLES`; interpolated weights have the colour of their generator."""
    return {method: colour for method, (colour, _) in _marks(comparison).items()}


def markers(comparison: Comparison) -> dict[str, str]:
    """The matplotlib marker of each method."""
    return {method: marker for method, (_, marker) in _marks(comparison).items()}


def _marks(comparison: Comparison) -> dict[str, tuple[str, str]]:
    marks: dict[str, tuple[str, str]] = {}
    families: list[str] = []
    for method in comparison.scores:
        if method in comparison.baselines:
            marks[method] = _BASELINES[comparison.baselines.index(method) % len(_BASELINES)]
            continue
        family, _ = parent(method)
        if family not in families:
            families.append(family)
        marks[method] = _GENERATORS[families.index(family) % len(_GENERATORS)]
    return marks
