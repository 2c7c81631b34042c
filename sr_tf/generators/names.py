"""What generators are called in tables."""

from collections.abc import Iterable
from pathlib import Path

from sr_tf.errors import UserError


def labels(wheres: Iterable[str]) -> dict[str, str]:
    """The name of each generator in tables, and where the generator is.

    Args:
        wheres: shipped names, `.keras` files and run folders, as `--models` takes them.

    Returns:
        Each of `wheres` by its label, in their order. The label is `RUN/STEP` for a kept generator, as
        `small-gan/step-00001000` for `runs/small-gan/best/step-00001000.keras`; otherwise the last part of the path.

    Raises:
        UserError: two have the same label.
    """
    wheres = list(wheres)
    by_label = {_label(where): where for where in wheres}
    if len(by_label) < len(wheres):
        raise UserError(f"--models={','.join(wheres)}: two have the same name in the table; rename one")
    return by_label


def _label(where: str) -> str:
    path = Path(where)
    if path.suffix != ".keras":
        return path.name
    run = path.parent.parent.name
    return f"{run}/{path.stem}" if run else path.stem
