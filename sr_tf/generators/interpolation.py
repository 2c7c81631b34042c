"""Generators between a fine-tuned one and the one that its fine-tuning started from, without training.

Network interpolation (Wang et al. 2018, ESRGAN, arXiv 1809.00219, equation 4): every weight is
(1 − α) · pretrained + α · fine-tuned. α = 0 is the MSE generator, with the smallest error; α = 1 the fine-tuned one.
"""

from collections.abc import Callable

from sr_tf.errors import UserError
from sr_tf.generators.runs import pretrained_of


def interpolate(where: str, alpha: float, load: Callable, cards: dict[str, dict]):
    """Loads a fine-tuned generator and moves its weights towards the generator that fine-tuning started from.

    Args:
        where: a shipped name, a `.keras` file in a run's `best` folder, or a run folder.
        alpha: 0 for the generator that fine-tuning started from, 1 for the fine-tuned one.
        load: loads a generator by name or path.
        cards: the model cards of the shipped generators by name.

    Returns:
        `sr_tf.models.edsr.EDSR`.

    Raises:
        UserError: the start is unknown, cannot be loaded or has another architecture.
    """
    from sr_tf.models.edsr import architecture

    tuned = load(where)
    origin = cards[where].get("pretrained") if where in cards else pretrained_of(where)
    if not origin:
        raise UserError(f"{where}: was not fine-tuned from another generator, expected a generator of the gan phase")
    start = load(origin)
    if architecture(start) != architecture(tuned):
        raise UserError(
            f"{where}@{alpha}: its start {origin} has {architecture(start)}, expected {architecture(tuned)}"
        )
    tuned.set_weights(
        [(1 - alpha) * before + alpha * after for before, after in zip(start.weights, tuned.weights, strict=True)]
    )
    return tuned
