"""Loads generators by name or path: shipped ones and a user's own. Writes new shipped ones."""

import json
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically, write_atomically
from sr_tf.errors import UserError, reason
from sr_tf.generators.interpolation import interpolate
from sr_tf.generators.names import ModelName, parse_model
from sr_tf.generators.runs import keras_file, reducer_path
from sr_tf.messages import load_backend

ZOO = Path(__file__).parents[1] / "zoo"


def shipped() -> dict[str, dict]:
    """The model cards of the shipped generators by name."""
    cards = sorted(ZOO.glob("*/card.json"))
    return {path.parent.name: json.loads(path.read_text("utf-8")) for path in cards}


def load_generator(where: str | Path | ModelName):
    """Loads a generator.

    Args:
        where: a single generator, see `sr_tf.generators.names`; a run folder stands for its best generator on
            validation.

    Returns:
        `sr_tf.models.edsr.EDSR` in float32.

    Raises:
        UserError: the generator does not exist, the file contains something else, or a self-ensemble is named.
    """
    load_backend()
    name = where if isinstance(where, ModelName) else parse_model(str(where))
    name = name.single()
    return interpolate(name.where, name.alpha, _load, shipped()) if name.alpha < 1 else _load(name.where)


def load_reducer(where: str | Path | ModelName):
    """Loads the reducer that a generator was trained with.

    Args:
        where: as for `load_generator`. In a run folder the reducer's file lies beside its generator's.

    Returns:
        `sr_tf.models.reducer.Reducer` in float32, or None: the generator was trained with means of pixels.

    Raises:
        UserError: the generator does not exist, or its reducer cannot be read.
    """
    load_backend()
    from sr_tf.models.reducer import Reducer

    name = where if isinstance(where, ModelName) else parse_model(str(where))
    where, cards = name.single().where, shipped()
    if where in cards:
        shape = cards[where].get("reducer")
        return None if shape is None else _build(Reducer, shape, _read_weights(ZOO / where / "reducer.npz"))
    path = reducer_path(_existing_file(where))
    if not path.is_file():
        return None
    model = _read_keras(path, Reducer)
    return _build(Reducer, {"scale": model.scale, "filters": model.filters}, model.get_weights())


def save_shipped(generator, folder: Path, card: dict, reducer=None) -> None:
    """Writes a generator in the form that ships: `weights.npz` in float16 and `card.json`.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: created if absent.
        card: what a reader should know; the architecture is added to it.
        reducer: the `sr_tf.models.reducer.Reducer` that it was trained with, written as `reducer.npz`, or None.
    """
    from sr_tf.models.edsr import architecture

    _write_weights(folder / "weights.npz", generator)
    shapes = {"architecture": architecture(generator)}
    if reducer is not None:
        _write_weights(folder / "reducer.npz", reducer)
        shapes["reducer"] = {"scale": reducer.scale, "filters": reducer.filters}
    write_card(folder, {**shapes, **card})


def write_card(folder: Path, card: dict) -> None:
    """Writes a generator's model card into its folder, `ZOO / name`."""
    write_atomically(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")


def _load(where: str):
    from sr_tf.models.edsr import EDSR, architecture

    cards = shipped()
    if where in cards:
        return _build(EDSR, cards[where]["architecture"], _read_weights(ZOO / where / "weights.npz"))
    model = _read_keras(_existing_file(where), EDSR)
    # Rebuilt in float32: a model from a mixed-precision run would compute in bfloat16.
    return _build(EDSR, architecture(model), model.get_weights())


def _existing_file(where: str) -> Path:
    path = keras_file(where)
    if not path.is_file():
        names = ", ".join(shipped()) or "none yet"
        raise UserError(f"{where}: no such generator; expected a shipped name ({names}), a .keras file or a run folder")
    return path


def _write_weights(path: Path, model) -> None:
    arrays = {f"{i:03d}": np.asarray(weight, np.float16) for i, weight in enumerate(model.get_weights())}
    replace_atomically(path, lambda draft: np.savez_compressed(draft, **arrays))


def _read_weights(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[key].astype(np.float32) for key in sorted(arrays)]


def _read_keras(path: Path, expected: type):
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many exception types for an unreadable file.
        raise UserError(f"{path}: cannot be read as a .keras file ({reason(error)})") from error
    if not isinstance(model, expected):
        kind = "an EDSR generator" if expected.__name__ == "EDSR" else f"a {expected.__name__}"
        raise UserError(f"{path}: contains a {type(model).__name__}, expected {kind}")
    return model


def _build(network: type, shape: dict, weights: list[np.ndarray]):
    model = network(**shape, dtype="float32")
    model.build((None, None, None, 3))
    model.set_weights(weights)
    return model
