"""`sr-tf rate-distortion`: arguments and help."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.generators.load import require_generator
from sr_tf.messages import load_tensorflow


def add_commands(commands: Commands) -> None:
    """Adds `rate-distortion`."""
    command = add_command(
        commands,
        "rate-distortion",
        _rate_distortion,
        "compare full-size codecs with restored small images at equal size",
        "Compresses every image of a folder at many rates: at full size by AVIF, JPEG XL, JPEG 2000, WebP and JPEG, "
        "and reduced by AVIF, then restored by bicubic interpolation and by generators. Writes curves, tables, "
        "Bjøntegaard deltas and the results of every image to DIR. Repeat the command to continue an interrupted run.",
        "sr-tf rate-distortion scenes/ --out runs/rates --scores lpips_alex,ssimulacra2",
    )
    command.add_argument("images", type=Path, metavar="IMAGES", help="a folder, searched with its sub-folders")
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the results")
    arguments.add_archive_models(command)
    command.add_argument(
        "--refine",
        type=arguments.names,
        default=(),
        metavar="NAMES",
        help="generators among --models that are also measured with refined LRs, see `sr-tf archive --refine`; takes "
        "a minute or more for each image",
    )
    command.add_argument(
        "--scores",
        type=arguments.names,
        metavar="NAMES",
        help="scores besides PSNR and SSIM, by their names in evaluate.py: lpips_alex, ssimulacra2, … (default "
        "lpips_alex if `sr-tf assets fetch lpips_imagenet` was run)",
    )
    command.add_argument(
        "--band",
        type=arguments.band,
        default=(0.07, 0.12),
        metavar="LOW,HIGH",
        help="range of rates in bit/pixel over which the gain is averaged (default 0.07,0.12)",
    )
    arguments.add_workers(command)
    arguments.add_strict(command)


def _rate_distortion(options: argparse.Namespace) -> None:
    for model in options.models:
        require_generator(model)
    load_tensorflow()
    from sr_tf.cli.rate_distortion_command import compare_rates

    compare_rates(
        options.images,
        options.out,
        options.models,
        options.refine,
        options.scores,
        options.band,
        options.workers,
        options.strict,
    )
