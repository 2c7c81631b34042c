"""Generators by name or path: those that ship with the package, and a user's own."""

import json
from pathlib import Path

import numpy as np

from sr_tf.errors import UserError
from sr_tf.generators.interpolation import interpolate, split_alpha

ZOO = Path(__file__).parents[1] / "zoo"
DEFAULT_GENERATOR = "mixed"
"""For uncoded LRs, where none is named: at least as good as bicubic interpolation in every domain that was measured."""


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


def load_reducer(where: str | Path):
    """Loads the reduction that a generator was trained with.

    Args:
        where: as for `load_generator`; in a run folder the reducer lies beside its generator.

    Returns:
        `sr_tf.models.reducer.Reducer` in float32, or None: this generator takes means of pixels.

    Raises:
        UserError: no such generator, or its reducer cannot be read.
    """
    where, _ = split_alpha(str(where))
    if where in shipped():
        shape = shipped()[where].get("reducer")
        return None if shape is None else _built(_reducer_class(), shape, _read_weights(ZOO / where / "reducer.npz"))
    path = reducer_path(_keras_path(where))
    if not path.is_file():
        return None
    model = _read_keras(path, _reducer_class())
    return _built(_reducer_class(), {"scale": model.scale, "filters": model.filters}, model.get_weights())


def reducer_path(generator: Path) -> Path:
    """Where the reducer of a `.keras` file lies: `step-00001000.reducer.keras` beside `step-00001000.keras`."""
    return generator.with_suffix(".reducer.keras")


def _load(where: str):
    if where in shipped():
        return _float32_generator(shipped()[where]["architecture"], _read_weights(ZOO / where / "weights.npz"))
    return _load_keras(_keras_path(where))


def _keras_path(where: str) -> Path:
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
    return path


def save_shipped(generator, folder: Path, card: dict, reducer=None) -> None:
    """Writes a generator the way it ships: `weights.npz` in float16 and `card.json`.

    Args:
        generator: `sr_tf.models.edsr.EDSR`.
        folder: created if absent.
        card: what a reader should know; the architecture is added to it.
        reducer: `sr_tf.models.reducer.Reducer` that it was trained with, written as `reducer.npz`.
    """
    from sr_tf.disk.files import write_atomically
    from sr_tf.models.edsr import architecture

    _write_weights(folder / "weights.npz", generator)
    shapes = {"architecture": architecture(generator)}
    if reducer is not None:
        _write_weights(folder / "reducer.npz", reducer)
        shapes["reducer"] = {"scale": reducer.scale, "filters": reducer.filters}
    write_atomically(folder / "card.json", json.dumps({**shapes, **card}, indent=2, ensure_ascii=False) + "\n")


def _write_weights(path: Path, model) -> None:
    from sr_tf.disk.files import replace_atomically

    arrays = {f"{i:03d}": np.asarray(weight, np.float16) for i, weight in enumerate(model.get_weights())}
    replace_atomically(path, lambda draft: np.savez_compressed(draft, **arrays))


def _read_weights(path: Path) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[key].astype(np.float32) for key in sorted(arrays)]


def _load_keras(path: Path):
    from sr_tf.models.edsr import EDSR, architecture

    model = _read_keras(path, EDSR)
    # A file of a mixed-precision run would compute in bfloat16.
    return _float32_generator(architecture(model), model.get_weights())


def _read_keras(path: Path, expected: type):
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds here; each means that the file is not what it should be.
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be read as a .keras file ({reason})") from error
    if not isinstance(model, expected):
        kind = "an EDSR generator" if expected.__name__ == "EDSR" else f"a {expected.__name__}"
        raise UserError(f"{path}: holds a {type(model).__name__}, expected {kind}")
    return model


def _reducer_class() -> type:
    from sr_tf.models.reducer import Reducer

    return Reducer


def _float32_generator(shape: dict, weights: list[np.ndarray]):
    from sr_tf.models.edsr import EDSR

    return _built(EDSR, shape, weights)


def _built(network: type, shape: dict, weights: list[np.ndarray]):
    model = network(**shape, dtype="float32")
    model.build((None, None, None, 3))
    model.set_weights(weights)
    return model
