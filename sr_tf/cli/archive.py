"""The archive commands' arguments and help."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.messages import load_tensorflow

DEFAULT_MODELS = ("archive4", "archive2")


def add_archive_commands(commands: argparse._SubParsersAction) -> None:
    """Adds `archive`, `restore`, `verify` and `info`."""
    command = commands.add_parser(
        "archive",
        help="store a slide small; every tile's restoration is measured",
        description="Archives a whole-slide image (SVS, NDPI and all else that OpenSlide reads, tiled TIFF, OME-TIFF) "
        "or a plain image. Each block is stored in the fewest bytes whose restored pixels pass the gate: reduced 4 or "
        "2 times and restored by interpolation or a generator, at full size by AVIF or JPEG XL, or exactly. OUT is a "
        "ZIP file that any tool opens, with a preview and all that was known of the slide. An interrupted call goes "
        "on when it is repeated.",
        epilog="qualities: visual: every tile of 256×256 pixels PSNR ≥ 34 dB and SSIM ≥ 0.90, for looking at cells; "
        "fine grain is lost. diagnostic: ≥ 38 dB and ≥ 0.95, near the camera's noise. lossless: every pixel, and JPEG "
        "tiles byte by byte. Names are names: none of them was validated for diagnosis. example: sr-tf archive "
        "slide.svs slide.sr.zip --quality visual",
    )
    command.add_argument("slide", type=Path, metavar="SLIDE", help="a slide or an image")
    command.add_argument("output", type=Path, metavar="OUT", help="the archive, for instance slide.sr.zip")
    command.add_argument(
        "--quality", choices=("visual", "diagnostic", "lossless"), default="visual",
        help="the gate that every tile must pass (default visual)",
    )  # fmt: skip
    command.add_argument("--min-psnr", type=float, metavar="DB", help="another least PSNR of a tile, dB")
    command.add_argument("--min-ssim", type=float, metavar="SSIM", help="another least SSIM of a tile")
    command.add_argument(
        "--max-enl0", type=float, metavar="DISTANCE",
        help="largest ENL0 distance of a tile; needs `sr-tf assets fetch efficientnet_lite0` (default: not measured)",
    )  # fmt: skip
    command.add_argument(
        "--models", type=arguments.names, default=list(DEFAULT_MODELS), metavar="NAMES",
        help="generators, separated by commas, one for each scale; empty: interpolation only "
        f"(default {','.join(DEFAULT_MODELS)})",
    )  # fmt: skip
    command.add_argument(
        "--refine", action="store_true",
        help="change each LR by gradient descent until its generator restores it better for the same bytes: smaller "
        "archives, several times the time; restoring stays as it is",
    )  # fmt: skip
    command.add_argument(
        "--associated", choices=("keep", "strip"), default="keep",
        help="label, macro and thumbnail images (default keep)",
    )  # fmt: skip
    command.add_argument(
        "--deidentify", action="store_true", help="strip identifying properties, label and macro, and say which"
    )
    command.add_argument(
        "--price", type=float, default=arguments.PRICE_PER_GB_MONTH, metavar="MONEY",
        help="of storing 10⁹ bytes for a month, for the report (default "
        f"{arguments.PRICE_PER_GB_MONTH}: USD, Amazon S3 Standard, US East, first 50 TB, list price of 2024)",
    )  # fmt: skip
    arguments.add_engine(command)
    _add_workers(command)
    command.set_defaults(command=_run("archive"))

    command = commands.add_parser(
        "restore",
        help="give an archived slide back",
        description="Writes a pyramidal, tiled OME-TIFF that OpenSlide and other programs read, lossless unless a "
        "JPEG quality is given; or, with --region, a part of the slide as a PNG. An interrupted call goes on when it "
        "is repeated.",
        epilog="example: sr-tf restore slide.sr.zip slide.ome.tif",
    )
    _add_archive(command)
    command.add_argument("output", type=Path, metavar="OUT", help="a .tif file, or a .png with --region")
    command.add_argument(
        "--region",
        type=arguments.region,
        metavar="X,Y,W,H",
        help="a rectangle in pixels of full size, from the upper left corner",
    )
    command.add_argument(
        "--jpeg-quality", type=arguments.percent, metavar="1…100",
        help="write JPEG tiles: much smaller, but no longer exactly the pixels that were measured (default lossless)",
    )  # fmt: skip
    _add_models(command)
    arguments.add_engine(command)
    _add_workers(command)
    command.set_defaults(command=_run("restore"))

    command = commands.add_parser(
        "verify",
        help="check that an archive is as it was written",
        description="Hashes every byte and decodes every block. With --against, restores every block and measures it "
        "again beside the original. Exit code 2 where anything is not as it should be.",
        epilog="example: sr-tf verify slide.sr.zip --against slide.svs",
    )
    _add_archive(command)
    command.add_argument("--against", type=Path, metavar="SLIDE", help="the original")
    _add_models(command)
    arguments.add_engine(command)
    _add_workers(command)
    command.set_defaults(command=_run("verify"))

    command = commands.add_parser(
        "info",
        help="say what is in an archive",
        description="Tells what an archive holds, what was measured, where its bytes are and what they cost.",
        epilog="example: sr-tf info slide.sr.zip --map map.png",
    )
    _add_archive(command)
    command.add_argument("--map", type=Path, metavar="PNG", help="draw which block is stored how")
    command.set_defaults(command=_run("info"))


def _run(name: str) -> Callable[[argparse.Namespace], None]:
    def run(options: argparse.Namespace) -> None:
        load_tensorflow()
        from sr_tf.cli import archive_commands as commands

        getattr(commands, name)(options)

    return run


def _add_archive(command: argparse.ArgumentParser) -> None:
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="a file that `sr-tf archive` wrote")


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--models", type=arguments.names, default=[], metavar="NAMES",
        help="names or paths of the archive's generators, where it was made with others than those that ship",
    )  # fmt: skip


def _add_workers(command: argparse.ArgumentParser) -> None:
    count = os.cpu_count() or 1
    command.add_argument("--workers", type=arguments.positive, default=count, help=f"threads (default {count})")
