"""`sr-tf`: the commands for using generators and archives. Training and evaluation are train.py and evaluate.py."""

from __future__ import annotations

import sys

# Everything else is imported in functions, so that Ctrl-C meets a handler from the start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: the arguments without the program's name; by default those of the process, which Ctrl-C then ends within
            two seconds whatever it does.

    Returns:
        The exit code: 0; 2 after an error that the user can correct, printed as one line on stderr; 130 when
        interrupted.
    """
    try:
        from sr_tf.cli.interrupt import prompt_stop
        from sr_tf.messages import exit_code

        with prompt_stop(argv is None):
            return exit_code("sr-tf", lambda: _run(argv))
    except KeyboardInterrupt:
        print("sr-tf: stopped", file=sys.stderr)
        return 130


def _run(argv: Sequence[str] | None) -> None:
    options = build_parser().parse_args(argv)

    from sr_tf.cli.paths import check_paths
    from sr_tf.disk.spool import require_file_locks

    require_file_locks()
    check_paths(options)
    options.command(options)


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser of `sr-tf` with all its commands."""
    from sr_tf import __version__
    from sr_tf.cli import (
        archive,
        assets,
        certificate,
        doctor,
        export,
        fleet,
        images,
        rate_distortion,
        reader_study,
        serve,
        validate,
        view,
    )
    from sr_tf.cli.arguments import OneLineParser

    parser = OneLineParser(
        prog="sr-tf",
        description="Stores slides in small archives, in which every restored tile was compared with the original, "
        "and restores reduced microscope images by generator networks. Research use only. Not a "
        "medical device.",
    )
    parser.add_argument("--version", action="version", version=f"sr-tf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    evidence = validate, certificate, reader_study
    for part in (archive, *evidence, fleet, view, images, export, serve, rate_distortion, assets, doctor):
        part.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
