"""Checks a command's paths before work begins: named pipes, devices and sockets, and names that are not UTF-8."""

import argparse
from pathlib import Path

from sr_tf.disk.paths import check_name, refuse_special


def check_paths(options: argparse.Namespace) -> None:
    """Checks every path of a command.

    Args:
        options: its parsed options.

    Raises:
        UserError: a path is neither a file nor a folder, or its name is not UTF-8.
    """
    for value in vars(options).values():
        for path in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(path, Path):
                check_name(path)
                refuse_special(path)
