"""The files of a training run: `config.json`, and the kept generators in `best/` with their scores."""

import re
from pathlib import Path
from typing import Literal

import msgspec

from sr_tf.disk.json_files import read_json
from sr_tf.errors import UserError

_KEPT = "expected the JSON list of kept generators"
_MOST = 1 << 60
"""Steps and scores are smaller."""
_FILE = re.compile(r"[\w.+@ -]{1,200}\.keras")
"""The name of a file in `best/`; no path, since files that are no longer kept are deleted by it."""


class _Config(msgspec.Struct):
    """What is read of a run's `config.json`."""

    phase: Literal["pretrain", "gan"]
    pretrained: str = ""


def kept_generators(folder: Path) -> list[dict]:
    """Reads the list of kept generators, best first.

    Args:
        folder: the `best` folder of a run.

    Returns:
        The entries of `scores.json`, each with `file`, `step` and the validation scores; empty if the file is missing.

    Raises:
        UserError: `scores.json` cannot be read, or contains something else.
    """
    path = folder / "scores.json"
    if not path.exists():
        return []
    kept = read_json(path, list[dict[str, int | float | str]], _KEPT)
    for entry in kept:
        file, step, *scores = entry.get("file"), entry.get("step"), *(entry[key] for key in entry.keys() - {"file"})
        if not (isinstance(file, str) and _FILE.fullmatch(file) and type(step) is int and 0 <= step < _MOST):
            raise UserError(f"{path}: {_KEPT}, each with the `file` name.keras and the number `step`")
        if not all(isinstance(score, int | float) and -_MOST < score < _MOST for score in scores):
            raise UserError(f"{path}: {_KEPT}, each score a number")
    return kept


def keras_file(where: str) -> Path:
    """The `.keras` file of a generator.

    Args:
        where: a run folder, which stands for its best generator, or a file, which is returned unchecked.

    Raises:
        UserError: the folder contains no kept generator.
    """
    path = Path(where)
    if not path.is_dir():
        return path
    kept = kept_generators(path / "best")
    if not kept:
        raise UserError(f"{path}: contains no best/scores.json, expected the folder of a training run")
    return path / "best" / kept[0]["file"]


def reducer_path(generator: Path) -> Path:
    """The reducer's file beside a generator's: `step-00001000.reducer.keras` for `step-00001000.keras`."""
    return generator.with_suffix(".reducer.keras")


def pretrained_of(where: str) -> str | None:
    """The generator from which a run's fine-tuning started.

    Args:
        where: a run folder, or a `.keras` file in its `best` folder.

    Returns:
        A name or path for `sr_tf.generators.load.load_generator`; None if the run was not of the gan phase.

    Raises:
        UserError: the run's `config.json` cannot be read.
    """
    path = Path(where)
    # Made absolute first: a file's name alone has no folder above its own.
    config = (path if path.is_dir() else path.absolute().parents[1]) / "config.json"
    try:
        found = read_json(config, _Config, "expected the configuration of a run")
    except UserError as error:
        raise UserError(f"{where}: interpolation needs the run's {config}, which cannot be read ({error})") from error
    return found.pretrained if found.phase == "gan" else None
