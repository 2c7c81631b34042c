"""`sr-tf view`: arguments and help."""

import argparse
import os
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.errors import missing_extra
from sr_tf.messages import load_tensorflow


def add_view_command(commands: argparse._SubParsersAction) -> None:
    """Adds `view`."""
    command = commands.add_parser(
        "view",
        help="look at an archive or a slide in the browser",
        description="Opens a deep-zoom page. An archive's tiles are restored while one pans, and can be compared with "
        "the original or with plain interpolation under a slider. Only this machine can reach it, unless --host is "
        "given: then a browser needs the token that is printed. Research use only, not for diagnosis.",
        epilog="example: sr-tf view slide.sr.zip --original slide.svs",
    )
    command.add_argument(
        "slide", type=Path, metavar="ARCHIVE_OR_SLIDE", help="an archive of `sr-tf archive`, a slide or an image"
    )
    command.add_argument("--original", type=Path, metavar="SLIDE", help="the slide that was archived, to compare with")
    command.add_argument(
        "--serving", metavar="grpc://HOST:PORT",
        help="let TF Serving run the archive's generators, there by the names that `sr-tf info` tells",
    )  # fmt: skip
    command.add_argument(
        "--host", metavar="HOST", help="listen at this address, for other machines (default: this machine only)"
    )
    command.add_argument("--port", type=_port, default=0, metavar="PORT", help="default: any that is free")
    command.add_argument("--no-browser", action="store_true", help="only tell the address")
    command.add_argument(
        "--models", type=arguments.names, default=[], metavar="NAMES",
        help="names or paths of the archive's generators, where it was made with others than those that ship",
    )  # fmt: skip
    arguments.add_engine(command)
    count = os.cpu_count() or 1
    command.add_argument(
        "--workers", type=arguments.positive, default=count, help=f"threads that make tiles (default {count})"
    )
    command.set_defaults(command=_view)


def _port(text: str) -> int:
    number = arguments.whole(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 0 to 65535")
    return number


def _view(options: argparse.Namespace) -> None:
    load_tensorflow()
    try:
        from sr_tf.viewer.server import view
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise missing_extra("view", error) from error
    view(options)
