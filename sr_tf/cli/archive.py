"""`sr-tf archive`, `restore`, `verify` and `info`: arguments and help."""

import argparse
from collections.abc import Callable
from pathlib import Path

from sr_tf.archive.effort import DEFAULT_EFFORT
from sr_tf.cells.names import AGREEMENTS, SAME_TYPES
from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command


def add_commands(commands: Commands) -> None:
    """Adds `archive`, `restore`, `verify` and `info`."""
    _add_archive(commands)
    _add_restore(commands)
    _add_verify(commands)
    _add_info(commands)


def _add_archive(commands: Commands) -> None:
    command = add_command(
        commands,
        "archive",
        _run("archive"),
        "store a slide in a small archive; every restored tile is measured",
        "Archives a whole-slide image or a plain image. Supported inputs: SVS, NDPI and other formats that OpenSlide "
        "reads, tiled TIFF, OME-TIFF, PNG, JPEG. Each block is stored in the smallest form whose restored pixels pass "
        "the quality gate: reduced 4 or 2 times and restored by interpolation or a generator, at full size by AVIF or "
        "JPEG XL, or losslessly. Only the quality study has no gate. OUT is a ZIP file with a preview and all metadata "
        "of the slide. Repeat the command to continue an interrupted run.",
        "sr-tf archive slide.svs slide.sr.zip --quality visual",
        notes="qualities: visual: every tile of 256×256 pixels has PSNR ≥ 34 dB and SSIM ≥ 0.90; blood and tissue "
        "cells can be viewed, fine grain is lost. diagnostic: ≥ 38 dB and ≥ 0.95, near the camera's noise, and small "
        "details are kept: every detail cell of 32×32 pixels has local SSIM ≥ 0.8 and local error ≤ 20 of 255. "
        "lossless: every pixel is kept, and JPEG tiles byte by byte. study: the published scheme; every block is "
        "reduced 4 times by bicubic interpolation, stored without loss and restored by one generator of scale 4, "
        "whatever comes out. Nothing is promised of any tile: PSNR, SSIM, shift and LPIPS of each are measured "
        "and kept in the archive; needs `sr-tf assets fetch lpips_imagenet`. The quality names are labels; none "
        "is clinically validated.",
    )
    command.add_argument(
        "slide", type=Path, metavar="SLIDE", help="a slide, an image or a folder with one DICOM series"
    )
    command.add_argument("output", type=Path, metavar="OUT", help="the archive, for instance slide.sr.zip")
    add_choices(command)
    arguments.add_overwrite(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def add_choices(command: argparse.ArgumentParser) -> None:
    """Adds what decides how a slide is archived, except the engine and the number of threads."""
    command.add_argument(
        "--quality",
        choices=("visual", "diagnostic", "lossless", "study"),
        default="visual",
        help="the quality gate that every tile must pass, or study: no gate, errors are only measured (default visual)",
    )
    command.add_argument(
        "--min-psnr", type=float, metavar="DB", help="lowest PSNR of a tile, instead of the gate's, in dB"
    )
    command.add_argument("--min-ssim", type=float, metavar="SSIM", help="lowest SSIM of a tile, instead of the gate's")
    command.add_argument(
        "--max-enl0",
        type=float,
        metavar="DISTANCE",
        help="largest ENL0 distance of a tile; needs `sr-tf assets fetch efficientnet_lite0` (default: not measured)",
    )
    command.add_argument(
        "--min-local-ssim",
        type=float,
        metavar="SSIM",
        help="lowest SSIM of a detail cell of 32×32 pixels, so that no letter or platelet is lost in a tile that "
        "passes by its mean (default: 0.8 at diagnostic, none at visual)",
    )
    command.add_argument(
        "--max-local-error",
        type=float,
        metavar="LEVELS",
        help="largest error of a detail cell of 32×32 pixels, averaged over 5×5 pixels, in levels of 255 (default: 20 "
        "at diagnostic, none at visual)",
    )
    command.add_argument(
        "--cells",
        nargs="?",
        const=SAME_TYPES,
        choices=AGREEMENTS,
        help="for blood smears at 1000×: store a block larger until a network finds the same red cells in it as in the "
        "original. count: none lost or added. types (--cells without a word): also none of another type; many red "
        "cells lie at the border between two types, so this takes many times the bytes and the time. `sr-tf validate` "
        "judges by the same network: its agreement then is no evidence (default: red cells are not looked for)",
    )
    arguments.add_archive_models(command, by_quality=True)
    command.add_argument(
        "--models-by-reference",
        action="store_true",
        help="store only the hash of a generator of your own, which is then needed to restore (default: the archive "
        "contains its weights if a block needs it)",
    )
    command.add_argument(
        "--effort",
        type=arguments.effort,
        default=DEFAULT_EFFORT,
        metavar="1…9",
        help="how long to search for fewer bytes: 1 takes least time, 9 tries every form of a block at several levels, "
        "and takes 4 to 25 times as long as the default; 1 to 8 predict the form and its level, 1 to 4 use no network, "
        "5 none for blocks that are rich in detail. "
        f"Every tile is measured at each (default {DEFAULT_EFFORT})",
    )
    command.add_argument(
        "--refine",
        action="store_true",
        help="optimise each LR by gradient descent, so that its generator restores it better at the same size: smaller "
        "archives, several times slower to write; restoring does not change",
    )
    command.add_argument(
        "--associated",
        choices=("keep", "strip"),
        default="keep",
        help="keep or remove label, macro and thumbnail images (default keep)",
    )
    arguments.add_max_magnification(
        command,
        "detail is lost for good, the archive says what the slide had, and every tile is measured against the reduced "
        "pixels, not the slide's",
    )
    command.add_argument(
        "--deidentify",
        action="store_true",
        help="keep only metadata that is known to be safe: no label, macro, thumbnail or other associated image, no "
        "file name, hash or path, and only technical properties in the expected form; list what was removed",
    )
    command.add_argument(
        "--price",
        type=arguments.money,
        default=arguments.PRICE_PER_GB_MONTH,
        metavar="MONEY",
        help="storage price of 10⁹ bytes per month, for the report (default "
        f"{arguments.PRICE_PER_GB_MONTH}: USD, Amazon S3 Standard, US East, first 50 TB, list price of 2024)",
    )


def _add_restore(commands: Commands) -> None:
    command = add_command(
        commands,
        "restore",
        _run("restore"),
        "restore an archived slide",
        "Writes a pyramidal, tiled OME-TIFF that OpenSlide and other programs read, with --to svs a TIFF laid out "
        "like Aperio's, with --to dicom a folder of DICOM files. Says the estimated size of a TIFF first and stops if "
        "the disk has no room for twice as much. It is lossless unless a JPEG quality, --to svs or --max-bytes says "
        "else. With --region, writes a part of the slide as a PNG. Repeat the command to continue an interrupted run.",
        "sr-tf restore slide.sr.zip slide.ome.tif",
    )
    _add_archive_file(command)
    command.add_argument(
        "output", type=Path, metavar="OUT", help="a .tif file, a .png file with --region, or a folder with --to dicom"
    )
    command.add_argument(
        "--region",
        type=arguments.region,
        metavar="X,Y,W,H",
        help="a rectangle in full-size pixels; X and Y are its upper left corner",
    )
    command.add_argument(
        "--jpeg-quality",
        type=arguments.percent,
        metavar="1…100",
        help="write JPEG tiles: much smaller, but not exactly the pixels that were measured (default: lossless)",
    )
    command.add_argument(
        "--to",
        choices=("ome-tiff", "svs", "dicom"),
        help="ome-tiff (default): read by OpenSlide, tiffslide, tifffile and others. svs: OpenSlide takes it for "
        "Aperio's and finds objective power, label, macro and thumbnail; JPEG of quality 90 unless the archive keeps "
        "JPEG or JPEG 2000 tiles, which are copied, or --compression or --jpeg-quality says else; the file says that "
        "sr_tf wrote it. dicom: a folder with a VL Whole Slide Microscopy image for each level; JPEG tiles, and JPEG "
        "2000 tiles in RGB, are copied, other frames are JPEG 2000 without loss, or JPEG with --jpeg-quality",
    )
    command.add_argument(
        "--compression",
        choices=("zstd", "deflate", "jpegxl", "jpeg"),
        help="of all tiles; none is copied then. zstd (default of ome-tiff), deflate: lossless, read by OpenSlide and "
        "nearly everything. jpegxl: lossless and smaller, TIFF compression 50002; tifffile reads it, OpenSlide and "
        "programs that use it do not. jpeg: see --jpeg-quality",
    )
    command.add_argument(
        "--max-bytes",
        type=arguments.size,
        metavar="BYTES",
        help="write a file that is not larger, for instance 500MB: as without this flag if that fits, otherwise JPEG "
        "of the highest quality (95 to 30) that fits, otherwise nothing",
    )
    arguments.add_max_magnification(command, "µm per pixel and objective power are scaled, and no tile is copied")
    arguments.add_overwrite(command)
    arguments.add_own_models(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def _add_verify(commands: Commands) -> None:
    command = add_command(
        commands,
        "verify",
        _run("verify"),
        "check that an archive is undamaged",
        "Hashes every byte, decodes every block and checks that `sr-tf restore` has what it needs: generators of the "
        "recorded weights, the engine, JPEG tiles that can be copied. With --against, restores every block and "
        "compares it with the original again; a second decoder reads a sample of the original's tiles, and copied JPEG "
        "tiles are compared by their hashes. Red cells are compared again if they were when the slide was archived. "
        "Exit code 2 if anything is wrong.",
        "sr-tf verify slide.sr.zip --against slide.svs",
    )
    _add_archive_file(command)
    command.add_argument("--against", type=Path, metavar="SLIDE", help="the original slide")
    command.add_argument(
        "--second-reader",
        action="store_true",
        help="with --against: read all of the original with the second decoder too (default: a sample of its tiles)",
    )
    arguments.add_own_models(command)
    arguments.add_engine(command)
    arguments.add_workers(command)


def _add_info(commands: Commands) -> None:
    command = add_command(
        commands,
        "info",
        _run("info"),
        "describe an archive",
        "Prints an archive's contents, its measured quality, the sizes of its parts and their storage cost.",
        "sr-tf info slide.sr.zip --map map.png",
    )
    _add_archive_file(command)
    command.add_argument("--map", type=Path, metavar="PNG", help="write a picture that shows how each block is stored")
    arguments.add_overwrite(command, "PNG")


def _run(name: str) -> Callable[[argparse.Namespace], None]:
    def run(options: argparse.Namespace) -> None:
        from sr_tf.cli import archive_commands

        getattr(archive_commands, name)(options)

    return run


def _add_archive_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="a file that `sr-tf archive` wrote")
