"""`sr-tf export`: arguments, help and action."""

import argparse
from pathlib import Path

from sr_tf.cli import arguments
from sr_tf.cli.arguments import Commands, add_command
from sr_tf.disk.files import make_folder
from sr_tf.generators.load import load_generator, require_generator
from sr_tf.generators.names import parse_model
from sr_tf.messages import load_tensorflow
from sr_tf.serving.versions import model_name


def add_commands(commands: Commands) -> None:
    """Adds `export`."""
    command = add_command(
        commands,
        "export",
        _export,
        "write a SavedModel for TF Serving",
        "Writes OUT/1 (or the next free number): a SavedModel with the signatures serving_default (float32 [N, h, w, "
        "3] in [0, 255]) and encoded (PNG or JPEG files in, PNG files out), with warm-up requests. The model is read "
        "again and compared with the generator. In OUT it also writes a configuration for TensorFlow Serving and a "
        "Compose file, unless they exist. The name of OUT is the model's name.",
        "sr-tf export export/mixed",
    )
    command.add_argument("output", type=Path, metavar="OUT", help="folder for the versions of the exported model")
    arguments.add_model(command, ensembles=False)


def _export(options: argparse.Namespace) -> None:
    model = parse_model(options.model, options.alpha).single()
    require_generator(model)
    model_name(options.output)
    make_folder(options.output)
    load_tensorflow()
    from sr_tf.serving.export import export

    version = export(load_generator(model), options.output)
    print(f"{version}: SavedModel; its signatures were read again and give the Keras model's pixels")
