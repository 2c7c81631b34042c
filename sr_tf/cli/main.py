"""`sr-tf`: the commands for using generators and archives. Training and evaluation are train.py and evaluate.py."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from sr_tf import __version__
from sr_tf.cli import archive, assets, export, images, rate_distortion, serve, view
from sr_tf.errors import UserError
from sr_tf.messages import complain, exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: the arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0; 2 after an error that the user can correct, printed as one line on stderr; 130 when
        interrupted.
    """
    options = build_parser().parse_args(argv)
    return exit_code("sr-tf", lambda: options.command(options))


class _Parser(argparse.ArgumentParser):
    """Prints an error in one line, without the usage; parsers of commands are of this class too."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with exit code 2."""
        sys.exit(complain(self.prog, UserError(f"{message}; see {self.prog} --help")))


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser of `sr-tf` with all its commands."""
    parser = _Parser(
        prog="sr-tf",
        description="Stores slides in small archives, in which every restored tile was compared with the original, "
        "and restores reduced microscope images by generator networks. Research use only. Not a "
        "medical device.",
    )
    parser.add_argument("--version", action="version", version=f"sr-tf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for part in (archive, view, images, export, serve, rate_distortion, assets):
        part.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
