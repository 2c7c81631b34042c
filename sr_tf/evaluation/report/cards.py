"""The model cards of the generators in the report."""

from sr_tf.generators.load import shipped
from sr_tf.generators.names import parse_model
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
    name = parse_model(where)
    if name.ensemble:
        generator = generator.restorer
    card = shipped().get(name.where)
    if card is None:
        card = {
            "summary": f"A generator of the user without a model card; {generator.count_params():,} weights.",
            "file": name.where,
            "architecture": architecture(generator),
        }
    card = {key: value for key, value in card.items() if key != "scores"}
    if name.alpha < 1:
        start = card.get("pretrained", "the generator before fine-tuning")
        card["summary"] = (
            f"Weights interpolated between {start} (0) and {name.where} (1), at {name.alpha:g}. {card['summary']}"
        )
    if name.ensemble:
        card["summary"] = f"Self-ensemble: the mean over eight flips and rotations. {card['summary']}"
    return card
