"""The model cards of the generators in the report."""

from sr_tf.generators.interpolation import split_alpha
from sr_tf.generators.load import shipped
from sr_tf.generators.restorer import ENSEMBLE, SPEEDS
from sr_tf.models.edsr import architecture


def model_card(where: str, generator) -> dict:
    """The model card of a generator.

    Args:
        where: the name or path that was given to `sr_tf.generators.restorer.load_restorer`.
        generator: the generator that it loaded.

    Returns:
        For a shipped generator, its card without the scores, which belong to other evaluations. For a user's file or
        run, its path and architecture. The summary names interpolated weights and self-ensembles.
    """
    where = SPEEDS.get(where, where)
    name, alpha = split_alpha(where.removesuffix(ENSEMBLE))
    if where.endswith(ENSEMBLE):
        generator = generator.restorer
    card = shipped().get(name)
    if card is None:
        card = {
            "summary": f"A generator of the user without a model card; {generator.count_params():,} weights.",
            "file": name,
            "architecture": architecture(generator),
        }
    card = {key: value for key, value in card.items() if key != "scores"}
    if alpha < 1:
        start = card.get("pretrained", "the generator before fine-tuning")
        card["summary"] = f"Weights interpolated between {start} (0) and {name} (1), at {alpha:g}. {card['summary']}"
    if where.endswith(ENSEMBLE):
        card["summary"] = f"Self-ensemble: the mean over eight flips and rotations. {card['summary']}"
    return card
