"""`sr-tf view`: arguments, help and action."""

import argparse
import re
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
        "Other programs read the same tiles by IIIF Image API 3 (iiif/restored/info.json, of a slide "
        "iiif/original/info.json), Deep Zoom (deepzoom/restored.dzi, deepzoom/original.dzi) and DICOMweb (dicomweb). "
        "Research use only, not for diagnosis.",
        "sr-tf view slide.sr.zip --original slide.svs",
    )
    command.add_argument(
        "slide",
        type=Path,
        metavar="ARCHIVE_OR_SLIDE",
        help="an archive, a slide (a folder with one DICOM series is one), an image, or a folder of them",
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
    command.add_argument(
        "--allow-origin",
        type=_site,
        metavar="SITE",
        help="let web pages of this site read the images by IIIF, Deep Zoom and DICOMweb, for instance "
        "https://viewer.example; * for all sites (default: none)",
    )
    command.add_argument("--no-browser", action="store_true", help="print the address without opening a browser")
    arguments.add_own_models(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def _site(text: str) -> str:
    """A site as browsers name it, scheme://host or scheme://host:port, or *."""
    if text != "*" and not re.fullmatch(
        r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?", text
    ):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected https://HOST, http://HOST:PORT or *")
    return text


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
