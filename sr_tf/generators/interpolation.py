"""Generators between a fine-tuned one and the one it started from, without training.

Network interpolation (Wang et al. 2018, ESRGAN, arXiv 1809.00219, equation 4): every weight is
(1 − α) · pretrained + α · fine-tuned. α = 0 is the MSE generator, with the least error; α = 1 the fine-tuned one.
"""

import json
from collections.abc import Callable
from pathlib import Path

from sr_tf.errors import UserError


def split_alpha(where: str) -> tuple[str, float]:
    """Splits `NAME@ALPHA`, as `m3@0.5`.

    Args:
        where: a name or path; one that exists as it stands is taken whole, whatever it contains.

    Returns:
        Name or path, and α; 1 where none is given.

    Raises:
        UserError: α is no number from 0 to 1.
    """
    name, separator, text = where.rpartition("@")
    if not separator or Path(where).exists():
        return where, 1.0
    try:
        alpha = float(text)
    except ValueError:
        alpha = -1.0
    if not 0 <= alpha <= 1:
        raise UserError(f"{where}: found alpha {text!r}, expected a number from 0 to 1, as in m3@0.5")
    return name, alpha


def interpolate(where: str, alpha: float, load: Callable, cards: dict[str, dict]):
    """Loads a fine-tuned generator and moves it towards the one it started from.

    Args:
        where: shipped name, `.keras` file in a run's `best` folder, or run folder.
        alpha: 0 for the generator that fine-tuning started from, 1 for the fine-tuned one.
        load: loads a generator by name or path.
        cards: model cards of the shipped generators.

    Returns:
        `sr_tf.models.edsr.EDSR`.

    Raises:
        UserError: what it started from is unknown, gone or of another architecture.
    """
    from sr_tf.models.edsr import architecture

    tuned = load(where)
    origin = _origin(where, cards)
    start = load(origin)
    if architecture(start) != architecture(tuned):
        raise UserError(
            f"{where}@{alpha}: its start {origin} has {architecture(start)}, expected {architecture(tuned)}"
        )
    tuned.set_weights(
        [(1 - alpha) * before + alpha * after for before, after in zip(start.weights, tuned.weights, strict=True)]
    )
    return tuned


def _origin(where: str, cards: dict[str, dict]) -> str:
    if where in cards:
        origin = cards[where].get("pretrained")
    else:
        path = Path(where)
        config = (path if path.is_dir() else path.parents[1]) / "config.json"
        try:
            found = json.loads(config.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{where}: interpolation needs the run's {config}, which cannot be read") from error
        origin = found.get("pretrained") if found.get("phase") == "gan" else None
    if not origin:
        raise UserError(f"{where}: was not fine-tuned from another generator, expected one of the gan phase")
    return origin
