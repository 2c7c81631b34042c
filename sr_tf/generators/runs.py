"""The files of a training run: `config.json`, and the kept generators in `best/` with their scores."""

import json
from pathlib import Path

from sr_tf.errors import UserError


def kept_generators(folder: Path) -> list[dict]:
    """Reads the list of kept generators, best first.

    Args:
        folder: the `best` folder of a run.

    Returns:
        The entries of `scores.json`, each with `file`, `step` and the validation scores; empty if the file is missing.

    Raises:
        UserError: `scores.json` cannot be read.
    """
    path = folder / "scores.json"
    if not path.exists():
        return []
    try:
        kept = json.loads(path.read_text("utf-8"))
        if not all({"file", "step"} <= set(entry) for entry in kept):
            raise ValueError("an entry lacks `file` or `step`")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: expected the JSON list of kept generators ({error})") from error
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
    config = (path if path.is_dir() else path.parents[1]) / "config.json"
    try:
        found = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{where}: interpolation needs the run's {config}, which cannot be read") from error
    return found.get("pretrained") if found.get("phase") == "gan" else None
