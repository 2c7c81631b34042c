"""The findings of the report: sentences that are computed from the scores."""

from sr_tf.evaluation.compare import Comparison
from sr_tf.evaluation.report.columns import (
    LATTICE,
    SHIFTS,
    difference_text,
    goodness,
    has_ratio,
    measured,
    perceptual,
    ranking,
    text,
    values,
    with_unit,
)
from sr_tf.evaluation.report.differences import Difference, difference
from sr_tf.evaluation.wording import counted, joined
from sr_tf.metrics.scores import SCORES, Score

REFERENCE = "bicubic"
"""The method that generators are compared with."""
SHIFT_LIMIT = 0.5
"""A mean colour shift of at least this many 8-bit levels is reported."""
_FEW = 3
"""At most this many scenes are named in a sentence."""


def summary(comparison: Comparison) -> list[str]:
    """The page's first paragraph: what was compared, the best method by each score, and which generators are worse."""
    count = len(next(iter(comparison.scores.values())))
    networks = generators(comparison)
    methods = f"interpolation ({joined(comparison.baselines)})"
    if networks:
        methods += f" and {counted(len(networks), 'generator network')} ({joined(networks)})"
    return [
        f"{counted(count, 'scene')} of {comparison.data} {'was' if count == 1 else 'were'} reduced {comparison.scale} "
        f"times in each direction and restored by {len(comparison.scores)} methods: {methods}. Each result was "
        "compared with its original.",
        _best_by_pixels(comparison),
        _best_by_perception(comparison),
        _verdict(comparison),
    ]


def losses(comparison: Comparison) -> list[str]:
    """Where generators are worse than bicubic interpolation, on average or on single scenes.

    Returns:
        A sentence for each score and kind of loss, and one for the scores without a loss.
    """
    networks = generators(comparison)
    if not networks:
        return ["The comparison has no generator."]
    in_means, on_scenes, nowhere = [], [], []
    for score in ranking(comparison):
        found = {method: difference(comparison, score, method, REFERENCE) for method in networks}
        in_mean = [_mean_loss(score, method, each) for method, each in found.items() if each.loses]
        on_some = [_scene_loss(method, each) for method, each in found.items() if each.worse_on and not each.loses]
        if in_mean:
            in_means.append(f"Worse on average by {score.heading}: {joined(in_mean)}.")
        if on_some:
            on_scenes.append(f"Worse only on single scenes by {score.heading}: {joined(on_some)}.")
        if not in_mean and not on_some:
            nowhere.append(score.heading)
    return in_means + on_scenes + ([f"Not worse on any scene by {joined(nowhere)}."] if nowhere else [])


def artefacts(comparison: Comparison) -> list[str]:
    """Sentences about the colour shift and lattice of the generators; none if neither was measured."""
    keys = {score.key for score in measured(comparison)}
    means = comparison.means()
    sentences = []
    if keys.issuperset(SHIFTS):
        shifted = []
        for method in generators(comparison):
            largest = max((means[method][key] for key in SHIFTS), key=abs)
            if abs(largest) >= SHIFT_LIMIT:
                shifted.append(f"{method} ({text(SCORES[SHIFTS[0]], largest)})")
        sentences.append(
            f"The mean colour of a channel is off by {SHIFT_LIMIT} or more of 255 levels for {joined(shifted)}."
            if shifted
            else f"No generator's mean colour is off by {SHIFT_LIMIT} or more of 255 levels in any channel."
        )
    if LATTICE in keys and generators(comparison):
        highest = {method: float(values(comparison, method, LATTICE).max()) for method in generators(comparison)}
        named = [f"{method} {_written(SCORES[LATTICE], value)}" for method, value in highest.items()]
        of_reference = _written(SCORES[LATTICE], float(values(comparison, REFERENCE, LATTICE).max()))
        sentences.append(
            f"The strongest lattice on any scene, relative to the original: {joined(named)}; {REFERENCE} has "
            f"{of_reference}. A pattern of one 8-bit level on every fourth pixel of every fourth row gives 12 dB or "
            "more."
        )
    return sentences


def best(comparison: Comparison, score: Score) -> str:
    """The method with the best mean of a score; of equal means, the first."""
    means = comparison.means()
    return max(means, key=lambda method: goodness(score, means[method][score.key]))


def generators(comparison: Comparison) -> list[str]:
    """The methods that are not interpolations."""
    return [method for method in comparison.scores if method not in comparison.baselines]


def _best_by_pixels(comparison: Comparison) -> str:
    means = comparison.means()
    named: dict[str, list[str]] = {}
    for key in ("psnr", "ssim"):
        score = SCORES[key]
        winner = best(comparison, score)
        value = f"{score.heading} {_written(score, means[winner][key])}"
        if winner != REFERENCE:
            value += f", {REFERENCE} {_written(score, means[REFERENCE][key])}"
        named.setdefault(winner, []).append(value)
    return f"Best by pixel scores: {_listed(named)}."


def _best_by_perception(comparison: Comparison) -> str:
    means = comparison.means()
    named: dict[str, list[str]] = {}
    for score in perceptual(comparison):
        winner = best(comparison, score)
        value, reference = means[winner][score.key], means["i-HR"][score.key]
        times = f", {value / reference:.2f} × i-HR" if has_ratio(score) and winner != "i-HR" else ""
        named.setdefault(winner, []).append(f"{score.heading} {_written(score, value)}{times}")
    if not named:
        return "Perceptual similarity was not measured: no perceptual score is among the results."
    return (
        f"Best by perceptual scores: {_listed(named)}{'' if len(named) == 1 else '; the perceptual scores disagree'}."
    )


def _verdict(comparison: Comparison) -> str:
    networks = generators(comparison)
    if not networks:
        return "The comparison has no generator."
    losers: dict[tuple[str, ...], list[str]] = {}
    for score in ranking(comparison):
        methods = tuple(m for m in networks if difference(comparison, score, m, REFERENCE).loses)
        losers.setdefault(methods, []).append(score.heading)
    losers.pop((), None)
    if not losers:
        return f"On average, no generator is worse than {REFERENCE} interpolation by any score."
    named = [
        f"{'every generator' if len(methods) == len(networks) > 1 else joined(methods)} by {joined(headings)}"
        for methods, headings in losers.items()
    ]
    return f"On average, {REFERENCE} interpolation is better than {joined(named)}."


def _mean_loss(score: Score, method: str, found: Difference) -> str:
    return f"{method} ({with_unit(score, difference_text(score, found.mean))}, on {_share(found)})"


def _scene_loss(method: str, found: Difference) -> str:
    names = f": {', '.join(found.worse_on)}" if len(found.worse_on) <= _FEW else ""
    return f"{method} ({_share(found)}{names})"


def _share(found: Difference) -> str:
    return f"{len(found.worse_on)} of {counted(found.scenes, 'scene')}"


def _written(score: Score, value: float) -> str:
    return with_unit(score, text(score, value))


def _listed(named: dict[str, list[str]]) -> str:
    return joined([f"{method} ({'; '.join(written)})" for method, written in named.items()])
