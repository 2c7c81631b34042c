"""`sr-tf upscale`, `reduce`, `smear`, `pack` and `models`: arguments, help and actions."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.outputs import PNG, check_outputs
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.names import parse_model
from sr_tf.messages import load_tensorflow

_SCALES, _DEGRADATIONS = (2, 4, 8), ("study", "antialiased")


def add_commands(commands: Commands) -> None:
    """Adds `upscale`, `reduce`, `smear`, `pack` and `models`."""
    command = add_command(
        commands,
        "upscale",
        _upscale,
        "restore LR images to four times their size",
        "Restores an LR image, or every image of a folder, to a PNG with the same stem. The shipped generators enlarge "
        "4 or 2 times in each direction.",
        "sr-tf upscale lr_scenes/ restored/",
    )
    _add_files(command)
    arguments.add_model(command, ensembles=True)
    command.add_argument(
        "--tile",
        type=arguments.positive,
        default=192,
        metavar="PIXELS",
        help="side of the tiles in LR pixels (default 192); smaller tiles need less memory and give the same result",
    )
    arguments.add_engine(command)
    command.add_argument(
        "--serving",
        metavar="ADDRESS",
        help="restore on a server that speaks TF Serving's protocol, grpc://host:port or http://host:port; --model is "
        "then the generator's name on that server",
    )

    command = add_command(
        commands,
        "reduce",
        _reduce,
        "reduce HR images, four times by default",
        "Reduces an image, or every image of a folder, to a PNG with the same stem, by the reduction "
        "that the generators were trained for. Sizes that are no multiple of the scale are rounded up; the PNG stores "
        "the original size, and `sr-tf upscale` cuts to it.",
        "sr-tf reduce scenes/ lr_scenes/",
    )
    _add_files(command)
    _add_reduction(command)

    command = add_command(
        commands,
        "smear",
        _smear,
        "draw synthetic blood-smear scenes",
        "Draws peripheral-blood scenes of 700×700 pixels for tests and trials, as OUT/smear-SEED.png. A seed always "
        "gives the same scene.",
        "sr-tf smear scenes/ --count 3",
    )
    command.add_argument("output", type=Path, metavar="OUT", help="a folder")
    command.add_argument("--seed", type=arguments.whole, default=0, help="seed of the first scene (default 0)")
    command.add_argument("--count", type=arguments.positive, default=1, help="number of scenes (default 1)")
    arguments.add_overwrite(command, "scenes")

    command = add_command(
        commands,
        "pack",
        _pack,
        "pack HR images and their LRs for training elsewhere",
        "Writes the images of a folder and their LRs to one .npz file, for `python train.py --dataset=packed` on a "
        "machine without TensorFlow and codecs. Training expects train.npz and validation.npz in one folder.",
        "sr-tf pack scenes/train packed/train.npz",
    )
    command.add_argument("images", type=Path, metavar="FOLDER", help="HR images, searched with its sub-folders")
    command.add_argument("output", type=Path, metavar="OUT", help="the .npz file")
    _add_reduction(command, 1)
    command.add_argument("--reducer", default="", metavar="NAME", help="reduce by the reducer of this generator")
    command.add_argument(
        "--lr-qualities",
        default="",
        metavar="Q,Q…",
        help="AVIF qualities, 0 to 100: every scene gets an LR at each quality (default: LRs are not compressed)",
    )
    arguments.add_strict(command)
    arguments.add_overwrite(command)

    add_command(
        commands, "models", _models, "list the shipped generators", "Lists the shipped generators.", "sr-tf models"
    )


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument("input", type=Path, metavar="IN", help="an image, or a folder searched with its sub-folders")
    command.add_argument("output", type=Path, metavar="OUT", help="a folder, or a .png file if IN is one image")
    arguments.add_strict(command)
    arguments.add_overwrite(command, "PNG files")


def _add_reduction(command: argparse.ArgumentParser, *more_scales: int) -> None:
    at_full_size = "; 1: coded at full size, to train a filter" if more_scales else ""
    command.add_argument(
        "--scale",
        type=int,
        choices=(*more_scales, *_SCALES),
        default=4,
        help=f"factor between HR and LR in each direction (default 4){at_full_size}",
    )
    command.add_argument(
        "--degradation",
        choices=_DEGRADATIONS,
        default="study",
        help="study: OpenCV's INTER_CUBIC; antialiased: INTER_AREA (default study)",
    )


def _upscale(options: argparse.Namespace) -> None:
    files = (options.input, options.output)
    if options.serving:
        if options.alpha is not None or options.engine != DEFAULT_ENGINE:
            raise UserError("--serving: the server decides how to restore; leave out --alpha and --engine")
        if options.serving.startswith("grpc:"):
            load_tensorflow()
        from sr_tf.cli.image_commands import upscale_files_on_server

        written = upscale_files_on_server(
            *files, options.serving, options.model, options.tile, options.strict, options.overwrite
        )
    else:
        model = parse_model(options.model, options.alpha)
        from sr_tf.cli.image_commands import upscale_files

        written = upscale_files(*files, model, options.tile, options.strict, options.engine, options.overwrite)
    print(*written, sep="\n")


def _reduce(options: argparse.Namespace) -> None:
    from sr_tf.cli.image_commands import reduce_files

    how = options.scale, options.degradation, options.strict, options.overwrite
    print(*reduce_files(options.input, options.output, *how), sep="\n")


def _smear(options: argparse.Namespace) -> None:
    from sr_tf.data.smear import render_smear
    from sr_tf.images.reading import write_png

    paths = {seed: options.output / f"smear-{seed}.png" for seed in range(options.seed, options.seed + options.count)}
    check_outputs(paths.values(), PNG, {}, options.overwrite)
    for seed, path in paths.items():
        write_png(path, render_smear(seed))
        print(path)


def _pack(options: argparse.Namespace) -> None:
    from sr_tf.cli.pack import pack_folder

    print(
        pack_folder(
            options.images,
            options.output,
            options.scale,
            options.degradation,
            options.reducer,
            options.lr_qualities,
            options.strict,
            options.overwrite,
        )
    )


def _models(options: argparse.Namespace) -> None:
    from sr_tf.generators.load import shipped

    for name, card in shipped().items():
        print(f"{name}: {card['summary']}")
