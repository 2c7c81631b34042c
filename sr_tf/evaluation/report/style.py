"""One colour and one marker for each method, in every plot and beside every name."""

from sr_tf.evaluation.compare import Comparison

# Drawn in the light scheme's colours; the page's style sheet puts its own variables in their place. The first four
# generators' colours are told apart under every colour blindness too: a test computes it.
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
    """The generator whose weights were interpolated, and how far: `m3@0.5` → (`m3`, 0.5); others count as 1."""
    name, at, alpha = method.rpartition("@")
    try:
        return (name, float(alpha)) if at else (method, 1.0)
    except ValueError:
        return method, 1.0


def is_interpolated(method: str) -> bool:
    """Whether the method is a generator's weights moved towards its start."""
    return parent(method)[0] != method


def colours(comparison: Comparison) -> dict[str, str]:
    """The colour of each method, as in `ROLES`; interpolated weights have their generator's."""
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
