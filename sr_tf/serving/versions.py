"""The folder of a servable: its name is the model's name, its numbered sub-folders are the versions."""

import re
from pathlib import Path

from sr_tf.errors import UserError

SAVED_MODEL = "saved_model.pb"


def model_name(folder: Path) -> str:
    """The name under which a servable is served, which is the name of its folder.

    Raises:
        UserError: the name cannot be part of a URL.
    """
    name = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UserError(
            f"{folder}: the folder's name becomes the model's; expected only letters, digits, '_', '-' and '.', "
            "and no '-' or '.' at the start"
        )
    return name


def newest_version(folder: Path) -> Path:
    """The folder of a servable's version with the highest number.

    Raises:
        UserError: the folder contains no version.
    """
    versions = [path for path in _numbered(folder) if (path / SAVED_MODEL).is_file()]
    if not versions:
        raise UserError(f"{folder}: contains no version of a model, expected a folder written by `sr-tf export`")
    return max(versions, key=lambda path: int(path.name))


def next_version(folder: Path) -> Path:
    """The folder for a servable's next version, which does not exist yet."""
    return folder / str(max((int(path.name) for path in _numbered(folder)), default=0) + 1)


def _numbered(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.name.isdecimal()]
