"""Arguments that several commands share, and the conversion of their texts to values."""

import argparse
import contextlib
import math
from collections.abc import Callable
from typing import NoReturn

from sr_tf.disk.cores import usable_cores
from sr_tf.disk.outputs import OVERWRITE
from sr_tf.errors import UserError, install_extra
from sr_tf.generators.engines import DEFAULT_ENGINE, ENGINES
from sr_tf.generators.names import ARCHIVE_GENERATORS, DEFAULT_GENERATOR, STUDY_GENERATOR
from sr_tf.messages import complain

Commands = argparse._SubParsersAction
PRICE_PER_GB_MONTH = 0.023
"""USD for 10⁹ bytes per month: Amazon S3 Standard, US East, first 50 TB, list price of 2024."""
_SYNTAX = (
    "NAME is a shipped generator (see `sr-tf models`), a .keras file or the folder of a training run; NAME@ALPHA, 0 to "
    "1, interpolates between the generator that fine-tuning started from (0) and the fine-tuned one (1)"
)


class OneLineParser(argparse.ArgumentParser):
    """Prints an error in one line, without the usage; the parsers of its commands are of this class too."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        raise SystemExit(complain(self.prog, UserError(f"{message}; see {self.prog} --help")))


def whole(text: str, least: int = 0) -> int:
    """Converts a text to a whole number of at least `least`."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least {least}")
    return int(text)


def positive(text: str) -> int:
    """Converts a text to a whole number of at least 1."""
    return whole(text, least=1)


def percent(text: str) -> int:
    """Converts a text to a whole number from 1 to 100."""
    return _from_one(text, 100)


def effort(text: str) -> int:
    """Converts a text to a whole number from 1 to 9."""
    return _from_one(text, 9)


def _from_one(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 to {most}")
    return int(text)


def share(text: str) -> float:
    """Converts a text to a number from 0 to 1."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 1")


def money(text: str) -> float:
    """A price: a finite number of at least 0."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of at least 0")


def size(text: str) -> int:
    """Converts a number of bytes, with or without kB, MB or GB, to a whole number."""
    number, unit = text.strip(), 1
    for suffix, factor in (("kb", 10**3), ("mb", 10**6), ("gb", 10**9), ("tb", 10**12)):
        if number.lower().endswith(suffix):
            number, unit = number[: -len(suffix)], factor
    with contextlib.suppress(ValueError):
        if 1 <= float(number) * unit < math.inf:
            return int(float(number) * unit)
    raise argparse.ArgumentTypeError(f"found {text!r}, expected bytes, for instance 500000000, 500MB or 1.5GB")


def magnification(text: str) -> float:
    """Converts a text, with or without ×, to a number above 0."""
    with contextlib.suppress(ValueError):
        if 0 < float(text.rstrip("x×")) < math.inf:
            return float(text.rstrip("x×"))
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a magnification, for instance 20")


def add_max_magnification(command: argparse.ArgumentParser, what: str) -> None:
    """Adds `--max-magnification`; `what`: the end of its help."""
    command.add_argument(
        "--max-magnification",
        type=magnification,
        metavar="POWER",
        help=f"reduce a slide of a higher objective power 2, 4 or 8 times by averaging; {what}",
    )


def names(text: str) -> list[str]:
    """Splits a text at commas into names."""
    return [name for name in text.split(",") if name]


def band(text: str) -> tuple[float, float]:
    """Converts LOW,HIGH to two numbers above 0, the second larger."""
    with contextlib.suppress(ValueError):
        low, high = map(float, text.split(","))
        if 0 < low < high < math.inf:
            return low, high
    raise argparse.ArgumentTypeError(f"found {text!r}, expected two rising rates above 0, for instance 0.07,0.12")


def region(text: str) -> tuple[int, int, int, int]:
    """Converts X,Y,W,H to a rectangle in pixels."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts) or not all(map(int, parts[2:])):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected X,Y,W,H: four whole numbers, W and H above 0")
    x, y, width, height = map(int, parts)
    return x, y, width, height


def port(text: str) -> int:
    """Converts a text to a TCP port from 0 to 65535."""
    number = whole(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 0 to 65535")
    return number


def add_model(command: argparse.ArgumentParser, ensembles: bool) -> None:
    """Adds `--model` and `--alpha`; `ensembles`: whether the command can use a self-ensemble."""
    ensemble_help = (
        "; a + at the end (m3+, m3@0.5+) averages over eight flips and rotations, which is a little better and eight "
        "times slower; fast and best stand for mixed and mixed+"
        if ensembles
        else ""
    )
    command.add_argument(
        "--model",
        default=DEFAULT_GENERATOR,
        metavar="NAME",
        help=f"{_SYNTAX}{ensemble_help} (default {DEFAULT_GENERATOR})",
    )
    command.add_argument(
        "--alpha",
        type=share,
        metavar="0…1",
        help="the same as --model NAME@ALPHA; towards 0 less error, towards 1 more detail",
    )


def add_archive_models(command: argparse.ArgumentParser, by_quality: bool = False) -> None:
    """Adds `--models` to a command that tries generators on reduced images.

    Args:
        command: the command's parser.
        by_quality: whether the default depends on the quality, see `sr_tf.generators.names.archive_models`; it is None
            then.
    """
    of_study = f"; with --quality study {STUDY_GENERATOR}" if by_quality else ""
    command.add_argument(
        "--models",
        type=names,
        default=None if by_quality else list(ARCHIVE_GENERATORS),
        metavar="NAMES",
        help="generators to try, separated by commas; empty: interpolation only. " + _SYNTAX + f" (default "
        f"{','.join(ARCHIVE_GENERATORS)}{of_study})",
    )


def add_own_models(command: argparse.ArgumentParser) -> None:
    """Adds `--models` to a command that reads an archive."""
    command.add_argument(
        "--models",
        type=names,
        default=[],
        metavar="NAMES",
        help="the archive's generators, if they are not shipped ones: .keras files or run folders, separated by commas",
    )


def add_engine(command: argparse.ArgumentParser) -> None:
    """Adds `--engine` to a command that runs generators."""
    command.add_argument(
        "--engine",
        choices=ENGINES,
        default=DEFAULT_ENGINE,
        help="the library that runs the generators; openvino is faster on CPUs, its pixels can differ by 1 of 255, and "
        f"it needs the extra openvino: {install_extra('openvino')} (default {DEFAULT_ENGINE})",
    )


def add_workers(command: argparse.ArgumentParser) -> None:
    """Adds `--workers`."""
    count = usable_cores()
    command.add_argument(
        "--workers",
        type=positive,
        default=count,
        metavar="N",
        help=f"number of threads (default: the {count} usable CPU cores)",
    )


def add_overwrite(command: argparse.ArgumentParser, what: str = "OUT") -> None:
    """Adds `--overwrite` to a command that writes files."""
    command.add_argument(
        OVERWRITE,
        action="store_true",
        help=f"replace existing {what}; files of another kind than this command writes are never replaced",
    )


def add_strict(command: argparse.ArgumentParser) -> None:
    """Adds `--strict` to a command that reads many images."""
    command.add_argument("--strict", action="store_true", help="stop at an unreadable image instead of skipping it")


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], None],
    summary: str,
    description: str,
    example: str,
    notes: str = "",
) -> argparse.ArgumentParser:
    """Adds a command to a parser.

    Args:
        commands: the sub-parsers to add the command to.
        name: the command's name.
        run: the function to call with the parsed options; it imports heavy modules itself, so that `--help` is quick.
        summary: one line for the list of commands.
        description: the description in the command's own help.
        example: an example command line, at the end of the help.
        notes: text before the example.

    Returns:
        The command's parser.
    """
    epilog = f"{notes} example: {example}".strip()
    command = commands.add_parser(name, help=summary, description=description, epilog=epilog)
    command.set_defaults(command=run)
    return command
