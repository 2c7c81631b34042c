"""The model cards of the generators in the report."""

from sr_tf.generators.interpolation import split_alpha
from sr_tf.generators.load import shipped
from sr_tf.generators.restorer import ENSEMBLE, SPEEDS
from sr_tf.models.edsr import architecture


def model_card(where: str, generator) -> dict:
    """What is known of a generator.

    Args:
        where: as given to `sr_tf.generators.restorer.load_restorer`.
        generator: what it loaded.

    Returns:
        The shipped card without its scores, which are those of other evaluations; for a user's own file or run, where
        it lies and how it is built. For interpolated weights, how far they are from their start.
    """
    where = SPEEDS.get(where, where)
    name, alpha = split_alpha(where.removesuffix(ENSEMBLE))
    if where.endswith(ENSEMBLE):
        generator = generator.restorer
    card = shipped().get(name)
    if card is None:
        card = {
            "summary": f"A generator of the user's own, {generator.count_params():,} weights; it has no model card.",
            "file": name,
            "architecture": architecture(generator),
        }
    between = {}
    if alpha < 1:
        start = card.get("pretrained", "the generator that it started from")
        between = {"summary": f"Weights between {start} (0) and {name} (1), at {alpha:g}. {card['summary']}"}
    told = {key: value for key, value in card.items() if key != "scores"} | between
    if where.endswith(ENSEMBLE):
        told["summary"] = f"Self-ensemble, the mean of eight flips and rotations. {told['summary']}"
    return told
