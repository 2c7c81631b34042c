"""Generators by name or path: those that ship with the package, and a user's own."""

import json
from pathlib import Path

import numpy as np

from sr_tf.errors import UserError
from sr_tf.zoo.interpolation import interpolate, split_alpha

ZOO = Path(__file__).parent


def shipped() -> dict[str, dict]:
    """The model card of each shipped generator, by name."""
    cards = sorted(ZOO.glob("*/card.json"))
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in cards}


def load_generator(where: str | Path):
    """Loads a generator.

    Args:
        where: the name of a shipped generator, a `.keras` file, or a run folder, whose best generator on validation is
            taken. `@ALPHA` behind it moves a fine-tuned generator towards its start, see `interpolation`.

    Returns:
        `sr_tf.models.edsr.EDSR` in float32.

    Raises:
        UserError: nothing there, or something else.
    """
    where, alpha = split_alpha(str(where))
    return interpolate(where, alpha, _load, shipped()) if alpha < 1 else _load(where)


def _load(where: str):
    if where in shipped():
        return _load_shipped(where)
    path = Path(where)
    if path.is_dir():
        from sr_tf.training.selection import kept_generators

        kept = kept_generators(path / "best")
        if not kept:
            raise UserError(f"{path}: holds no best/scores.json, expected the folder of a training run")
        path = path / "best" / kept[0]["file"]
    if not path.is_file():
        names = ", ".join(shipped()) or "none yet"
        raise UserError(f"{where}: no such generator; expected a shipped name ({names}), a .keras file or a run folder")
    return _load_keras(path)


def save_shipped(generator, folder: Path, card: dict) -> None:
    """Writes a generator the way it ships: `weights.npz` in float16 and `card.json`.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: created if absent.
        card: what a reader should know; the architecture is added to it.
    """
    from sr_tf.files import replace_atomically, write_atomically
    from sr_tf.models.edsr import architecture

    arrays = {f"{i:03d}": np.asarray(weight, np.float16) for i, weight in enumerate(generator.get_weights())}
    replace_atomically(folder / "weights.npz", lambda path: np.savez_compressed(path, **arrays))
    card = {"architecture": architecture(generator), **card}
    write_atomically(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")


def _load_shipped(name: str):
    with np.load(ZOO / name / "weights.npz", allow_pickle=False) as arrays:
        weights = [arrays[key].astype(np.float32) for key in sorted(arrays)]
    return _float32_generator(shipped()[name]["architecture"], weights)


def _load_keras(path: Path):
    import keras

    from sr_tf.models.edsr import EDSR, architecture

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds here; each means that the file is not what it should be.
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be read as a .keras file ({reason})") from error
    if not isinstance(model, EDSR):
        raise UserError(f"{path}: holds a {type(model).__name__}, expected an EDSR generator")
    # A file of a mixed-precision run would compute in bfloat16.
    return _float32_generator(architecture(model), model.get_weights())


def _float32_generator(shape: dict, weights: list[np.ndarray]):
    from sr_tf.models.edsr import EDSR

    generator = EDSR(**shape, dtype="float32")
    generator.build((None, None, None, 3))
    generator.set_weights(weights)
    return generator
