"""Loads generators by name or path: shipped ones and a user's own. Writes new shipped ones."""

import json
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically, write_atomically
from sr_tf.errors import UserError
from sr_tf.generators.interpolation import interpolate
from sr_tf.generators.keras_files import read_keras
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
        UserError: the generator does not exist, the file contains something else, or a self-ensemble, a filter or a
            generator that is told the codec's quality is named.
    """
    network = load_network(where)
    if network.channels != 3:
        what = "a filter for images that are stored at full size" if network.scale == 1 else "for coded LRs"
        raise UserError(f"{where}: is {what} and has to be told their quality, expected a generator that is not")
    return network


def load_network(where: str | Path | ModelName):
    """Loads any generator, also one that is told the codec's quality, or a filter.

    Args:
        where: as for `load_generator`.

    Returns:
        `sr_tf.models.edsr.EDSR` or `sr_tf.models.coded_filter.CodedFilter` in float32.
    """
    name = require_generator(where).single()
    load_backend()
    return interpolate(name.where, name.alpha, _load, shipped()) if name.alpha < 1 else _load(name.where)


def require_generator(where: str | Path | ModelName) -> ModelName:
    """Finds a generator without loading it, so that a wrong name is an error before a framework is loaded.

    Returns:
        The generator's name.

    Raises:
        UserError: there is no such generator.
    """
    name = where if isinstance(where, ModelName) else parse_model(str(where))
    if name.where not in shipped():
        _existing_file(name.where)
    return name


def build_generator(architecture: dict, weights: list[np.ndarray]):
    """Makes a generator of given weights.

    Args:
        architecture: the constructor arguments of `sr_tf.models.edsr.EDSR`, or at scale 1 of `CodedFilter`.
        weights: float32, in the order of the layers.

    Returns:
        The network in float32.
    """
    load_backend()
    return _build(_network(architecture), architecture, weights)


def load_reducer(where: str | Path):
    """Loads the reducer that a generator was trained with.

    Args:
        where: as for `load_generator`. In a run folder the reducer's file lies beside its generator's.

    Returns:
        `sr_tf.models.reducer.Reducer` in float32, or None: the generator was trained with means of pixels.

    Raises:
        UserError: the generator does not exist, or its reducer cannot be read.
    """
    if not has_reducer(where):
        return None
    load_backend()
    from sr_tf.models.reducer import Reducer

    where, cards = parse_model(str(where)).single().where, shipped()
    if where in cards:
        return _build(Reducer, cards[where]["reducer"], read_weights(ZOO / where / "reducer.npz"))
    return _build(Reducer, *read_keras(reducer_path(_existing_file(where)), "Reducer"))


def has_reducer(where: str | Path) -> bool:
    """Whether a generator was trained with a reducer; imports no framework. Arguments and errors of `load_reducer`."""
    where, cards = parse_model(str(where)).single().where, shipped()
    if where in cards:
        return "reducer" in cards[where]
    return reducer_path(_existing_file(where)).is_file()


def save_shipped(generator, folder: Path, card: dict, reducer=None) -> None:
    """Writes a generator in the form that ships: `weights.npz` in float16 and `card.json`.

    Args:
        generator: `sr_tf.models.edsr.EDSR` or `sr_tf.models.coded_filter.CodedFilter`.
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
    cards = shipped()
    if where in cards:
        shape = cards[where]["architecture"]
        return _build(_network(shape), shape, read_weights(ZOO / where / "weights.npz"))
    # Built in float32 also if the file is from a mixed-precision run, whose model would compute in bfloat16.
    shape, weights = read_keras(_existing_file(where), "EDSR", "CodedFilter")
    return _build(_network(shape), shape, weights)


def _network(shape: dict) -> type:
    from sr_tf.models.coded_filter import CodedFilter
    from sr_tf.models.edsr import EDSR

    return CodedFilter if shape["scale"] == 1 else EDSR


def _existing_file(where: str) -> Path:
    path = keras_file(where)
    if not path.is_file():
        names = ", ".join(shipped()) or "none yet"
        raise UserError(f"{where}: no such generator; expected a shipped name ({names}), a .keras file or a run folder")
    return path


def _write_weights(path: Path, model) -> None:
    arrays = {f"{i:03d}": np.asarray(weight, np.float16) for i, weight in enumerate(model.get_weights())}
    replace_atomically(path, lambda draft: np.savez_compressed(draft, **arrays))


def read_weights(path: Path) -> list[np.ndarray]:
    """Reads weights in the form that ships, float32 in the order of the layers."""
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[key].astype(np.float32) for key in sorted(arrays)]


def _build(network: type, shape: dict, weights: list[np.ndarray]):
    model = network(**shape, dtype="float32")
    model.build((None, None, None, getattr(model, "channels", 3)))
    model.set_weights(weights)
    return model
