"""Flags, help and errors of `train.py` and `evaluate.py`."""

import dataclasses
import os
import sys
from collections.abc import Callable

from absl import app, flags, logging

from sr_tf.cli.early_interrupt import stop_in_order
from sr_tf.cli.interrupt import prompt_stop
from sr_tf.config import TrainConfig
from sr_tf.errors import UserError
from sr_tf.messages import complain, exit_code

DATA_FIELDS = ("dataset", "data_dir", "tfds_dir", "scene_size", "group_by", "strict", "degradation")


def define_config_flags(names: tuple[str, ...] | None = None) -> None:
    """Defines an absl flag without default for each field of `TrainConfig`, or for the named fields only."""
    for field in dataclasses.fields(TrainConfig):
        if names and field.name not in names:
            continue
        name, text, choices = field.name, field.metadata["help"], field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(name, None, list(choices), text)
        elif field.type is bool:
            flags.DEFINE_bool(name, None, text)
        elif field.type is int:
            flags.DEFINE_integer(name, None, text)
        elif field.type is float:
            flags.DEFINE_float(name, None, text)
        else:
            flags.DEFINE_string(name, None, text)


def given_config_flags() -> dict:
    """Returns the fields of `TrainConfig` that were given on the command line."""
    values = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(TrainConfig)
        if field.name in flags.FLAGS
    }
    return {name: value for name, value in values.items() if value is not None}


def run(main: Callable[[], None], usage: str) -> None:
    """Parses flags and calls `main`; a `UserError` becomes one line on stderr and exit code 2, Ctrl-C exit code 130.

    Args:
        main: the function that does the work; it imports heavy modules itself, so that `--help` is quick.
        usage: the text that `--help` shows above the flags.
    """
    name = os.path.basename(sys.argv[0])
    if {"-h", "--help", "-help"} & set(sys.argv[1:]):
        about = flags.FLAGS.module_help(sys.modules["__main__"]) + flags.FLAGS.module_help("sr_tf.cli.flags")
        sys.exit(exit_code(name, lambda: print(f"{usage}\n\n{about}")))
    try:
        rest = flags.FLAGS(sys.argv)
        if rest[1:]:
            raise UserError(f"{rest[1]}: unexpected; everything is given by flags, see --help")
    except (flags.Error, UserError) as error:
        sys.exit(complain(name, error))
    logging.set_verbosity(logging.WARNING)
    stop_in_order()
    with prompt_stop(True, name):
        app.run(lambda _: exit_code(name, main), argv=sys.argv)
