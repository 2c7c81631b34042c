"""`sr-tf view`: arguments, help and action."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.errors import missing_extra
from sr_tf.messages import load_tensorflow


def add_commands(commands: Commands) -> None:
    """Adds `view`."""
    command = add_command(
        commands,
        "view",
        _view,
        "view an archive, a slide or a folder of them in the browser",
        "Opens a deep-zoom page; of a folder, a page with all its slides and archives. The tiles of an archive are "
        "restored while you pan, and can be compared with the original or with plain interpolation under a slider. "
        "Only this machine can reach the page, unless --host is given; the browser then needs the printed token. "
        "Research use only, not for diagnosis.",
        "sr-tf view slide.sr.zip --original slide.svs",
    )
    command.add_argument(
        "slide", type=Path, metavar="ARCHIVE_OR_SLIDE", help="an archive, a slide or an image; or a folder of them"
    )
    command.add_argument("--original", type=Path, metavar="SLIDE", help="the slide that was archived, to compare with")
    command.add_argument(
        "--serving",
        metavar="grpc://HOST:PORT",
        help="run the archive's generators on TF Serving; its names must be those that `sr-tf info` prints. Filters "
        "and generators that are told the codec's quality run here",
    )
    command.add_argument(
        "--host", metavar="HOST", help="listen at this address, for other machines (default: this machine only)"
    )
    command.add_argument(
        "--port", type=arguments.port, default=0, metavar="PORT", help="port of the page (default: any free port)"
    )
    command.add_argument("--no-browser", action="store_true", help="print the address without opening a browser")
    arguments.add_own_models(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def _view(options: argparse.Namespace) -> None:
    if options.serving:
        load_tensorflow()
    try:
        from sr_tf.viewer.server import view
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise missing_extra("view", error) from error
    view(options)
