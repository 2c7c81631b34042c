"""How generators are named: in `--model` and `--models`, and in tables.

    MODEL = fast | best | NAME | NAME@ALPHA | NAME+ | NAME@ALPHA+

NAME is a shipped generator, a `.keras` file or the folder of a training run. `@ALPHA`, 0 to 1, moves a fine-tuned
generator towards the one that its fine-tuning started from. `+` is the self-ensemble. `fast` and `best` are short for
`mixed` and `mixed+`. A path that exists is taken as it is, whatever characters it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sr_tf.errors import UserError

DEFAULT_GENERATOR = "mixed"
"""The default for uncoded LRs: at least as good as bicubic interpolation in every domain that was measured."""
ARCHIVE_GENERATORS = ("told4", "told2", "filter")
"""The generators that archives use by default, one for each scale; the last is a filter for images at full size."""
STUDY_GENERATOR = "m2"
"""The generator that archives of the quality `study` use by default."""
ENSEMBLE = "+"
SPEEDS = {"fast": DEFAULT_GENERATOR, "best": DEFAULT_GENERATOR + ENSEMBLE}
"""Short names for uncoded LRs: the fastest generator that is worth using, and the one with the best quality."""


@dataclass(frozen=True)
class ModelName:
    """A generator as a user names it; `str` gives the name back in its full form.

    Attributes:
        where: a shipped name, a `.keras` file or a run folder.
        alpha: 0 for the generator that fine-tuning started from, 1 for the generator itself.
        ensemble: whether its self-ensemble is meant.
    """

    where: str
    alpha: float = 1.0
    ensemble: bool = False

    def __str__(self) -> str:
        return self.where + f"@{self.alpha:.12g}" * (self.alpha != 1) + ENSEMBLE * self.ensemble

    def single(self) -> "ModelName":
        """The same, where a self-ensemble cannot be used.

        Raises:
            UserError: it is a self-ensemble.
        """
        if self.ensemble:
            one = replace(self, ensemble=False)
            raise UserError(f"{self}: a self-ensemble can only restore images; expected a single generator, as {one}")
        return self


def parse_model(text: str, alpha: float | None = None) -> ModelName:
    """Reads a generator's name.

    Args:
        text: MODEL as in the description of this module.
        alpha: of `--alpha`, if given.

    Raises:
        UserError: ALPHA is not a number from 0 to 1, is given twice, or stands behind the `+`.
    """
    name = ModelName(text)
    if not Path(text).exists():
        where = SPEEDS.get(text, text)
        ensemble = where.endswith(ENSEMBLE)
        where, separator, number = where.removesuffix(ENSEMBLE).rpartition("@")
        if not separator:
            where, number = number, "1"
        name = ModelName(where, _share(text, number), ensemble)
        if where.endswith(ENSEMBLE):
            raise UserError(f"{text}: expected the + at the end: {where.removesuffix(ENSEMBLE)}@{number}+")
        if separator and alpha is not None:
            raise UserError(f"--model={text} --alpha={alpha:g}: alpha is given twice; leave one out")
    return name if alpha is None else replace(name, alpha=alpha)


def _share(text: str, number: str) -> float:
    try:
        alpha = float(number)
    except ValueError:
        alpha = -1.0
    if not 0 <= alpha <= 1:
        raise UserError(f"{text}: found alpha {number!r}, expected a number from 0 to 1, for instance m3@0.5")
    return alpha


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


def listed_models(models: Iterable[str]) -> list[str]:
    """Names as a list.

    Raises:
        UserError: it is a single text, which would be taken for its letters.
    """
    if isinstance(models, str):
        raise UserError(f"models={models!r}: expected a list of names")
    return list(models)


def archive_models(given: Sequence[str] | None, quality: str) -> list[str]:
    """The generators of an archive: those that were given, or the quality's default."""
    if given is not None:
        return list(given)
    return [STUDY_GENERATOR] if quality == "study" else list(ARCHIVE_GENERATORS)


def model_files(models: Iterable[str]) -> list[Path]:
    """The generators among `models` that are files or folders, which no output may replace."""
    return [Path(parse_model(model).where) for model in models]
