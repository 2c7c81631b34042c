"""What the numbers say, in sentences that are computed from them."""

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
SHIFT_LIMIT = 0.5
_FEW = 3


def summary(comparison: Comparison) -> list[str]:
    """The page's first paragraph, in plain words: what was compared, what is best at what, what loses."""
    count = len(next(iter(comparison.scores.values())))
    made = generators(comparison)
    ways = f"by interpolation ({joined(comparison.baselines)})"
    if made:
        ways += f" and by {counted(len(made), 'generator network')} ({joined(made)})"
    return [
        f"{counted(count, 'scene')} of {comparison.data} {'was' if count == 1 else 'were'} reduced {comparison.scale} "
        f"times in each direction and restored in {len(comparison.scores)} ways: {ways}. Each result was measured "
        "against its original.",
        _nearest_by_pixels(comparison),
        _nearest_by_look(comparison),
        _verdict(comparison),
    ]


def losses(comparison: Comparison) -> list[str]:
    """Where generators lose to bicubic interpolation, in the mean or on single scenes: a sentence for each score."""
    made = generators(comparison)
    if not made:
        return ["There is no generator among the methods."]
    in_means, on_scenes, nowhere = [], [], []
    for score in ranking(comparison):
        found = {method: difference(comparison, score, method, REFERENCE) for method in made}
        in_mean = [_mean_loss(score, method, each) for method, each in found.items() if each.loses]
        on_some = [_scene_loss(method, each) for method, each in found.items() if each.worse_on and not each.loses]
        if in_mean:
            in_means.append(f"In the mean by {score.heading}: {joined(in_mean)}.")
        if on_some:
            on_scenes.append(f"Not in the mean but on single scenes by {score.heading}: {joined(on_some)}.")
        if not in_mean and not on_some:
            nowhere.append(score.heading)
    return in_means + on_scenes + ([f"On no scene: by {joined(nowhere)}."] if nowhere else [])


def artefacts(comparison: Comparison) -> list[str]:
    """What colour shift and lattice say of each generator; nothing where neither was measured."""
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
            f"The mean colour is off by {SHIFT_LIMIT} of 255 levels or more in a channel with {joined(shifted)}."
            if shifted
            else f"No generator's mean colour is off by {SHIFT_LIMIT} of 255 levels or more in any channel."
        )
    if LATTICE in keys and generators(comparison):
        highest = {method: float(values(comparison, method, LATTICE).max()) for method in generators(comparison)}
        named = [f"{method} {_written(SCORES[LATTICE], value)}" for method, value in highest.items()]
        usual = _written(SCORES[LATTICE], float(values(comparison, REFERENCE, LATTICE).max()))
        sentences.append(
            f"The strongest lattice on any scene, beyond the original's own: {joined(named)}; {REFERENCE} has {usual}. "
            "A pattern of one 8-bit level on every fourth pixel of every fourth row gives 12 dB and more."
        )
    return sentences


def best(comparison: Comparison, score: Score) -> str:
    """The method with the best mean; the first of equals."""
    means = comparison.means()
    return max(means, key=lambda method: goodness(score, means[method][score.key]))


def generators(comparison: Comparison) -> list[str]:
    """The methods that are no interpolation."""
    return [method for method in comparison.scores if method not in comparison.baselines]


def _nearest_by_pixels(comparison: Comparison) -> str:
    means = comparison.means()
    named: dict[str, list[str]] = {}
    for key in ("psnr", "ssim"):
        score = SCORES[key]
        winner = best(comparison, score)
        value = f"{score.heading} {_written(score, means[winner][key])}"
        if winner != REFERENCE:
            value += f", {REFERENCE} {_written(score, means[REFERENCE][key])}"
        named.setdefault(winner, []).append(value)
    return f"Nearest to the originals pixel by pixel: {_listed(named)}."


def _nearest_by_look(comparison: Comparison) -> str:
    means = comparison.means()
    named: dict[str, list[str]] = {}
    for score in perceptual(comparison):
        winner = best(comparison, score)
        value, reference = means[winner][score.key], means["i-HR"][score.key]
        times = f", {value / reference:.2f} times i-HR's" if has_ratio(score) and winner != "i-HR" else ""
        named.setdefault(winner, []).append(f"{score.heading} {_written(score, value)}{times}")
    if not named:
        return "How alike the images look was not measured: no perceptual score is among the results."
    return f"Nearest in look: {_listed(named)}{'' if len(named) == 1 else '; the perceptual scores disagree'}."


def _verdict(comparison: Comparison) -> str:
    made = generators(comparison)
    if not made:
        return "No generator was among the methods."
    losers: dict[tuple[str, ...], list[str]] = {}
    for score in ranking(comparison):
        methods = tuple(m for m in made if difference(comparison, score, m, REFERENCE).loses)
        losers.setdefault(methods, []).append(score.heading)
    losers.pop((), None)
    if not losers:
        return f"In the mean, no generator loses to {REFERENCE} interpolation in any score."
    named = [
        f"{'every generator' if len(methods) == len(made) > 1 else joined(methods)} by {joined(headings)}"
        for methods, headings in losers.items()
    ]
    return f"In the mean, {REFERENCE} interpolation is better than {joined(named)}."


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
