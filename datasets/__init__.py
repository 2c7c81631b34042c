"""TFDS builders, one in each folder, and the function that prepares a data set for reading."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sr_tf.errors import UserError, reason

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

    from sr_tf.config import TrainConfig

NAMES = ("chula_rbc12", "scene_folder", "synthetic_smear")


def prepare(
    name: str, source: str | Path | None = None, tfds_dir: str | Path | None = None, **options: object
) -> tfds.core.DatasetBuilder:
    """Prepares a data set, unless it was prepared before.

    Args:
        name: one of `NAMES`.
        source: the folder of the user's images, for builders that read one.
        tfds_dir: the folder for prepared data sets; None: TFDS's default, `~/tensorflow_datasets`.
        options: further fields of the builder's `Config`.

    Returns:
        The builder, ready for `as_dataset`.

    Raises:
        UserError: the name or an option is unknown, or the images cannot be used.
    """
    if name not in NAMES:
        raise UserError(f"data set {name!r}: unknown, expected one of {', '.join(NAMES)}")
    import tensorflow_datasets as tfds

    module = importlib.import_module(f"datasets.{name}.{name}_dataset_builder")
    if source is not None:
        options["source"] = str(source)
    try:
        # TFDS accepts a configuration that a builder lists only from the builder itself; None selects its first one.
        config = module.Config(**options) if options or not module.Builder.BUILDER_CONFIGS else None
    except TypeError as error:
        raise UserError(f"data set {name}: unknown option ({error})") from error
    try:
        builder = module.Builder(data_dir=tfds_dir, config=config)
    except UserError:
        raise
    except Exception as error:  # TFDS and protobuf raise many exception types for damaged JSON files
        folder = tfds_dir or tfds.core.constants.DATA_DIR
        raise UserError(
            f"{folder}: the description of the prepared data set {name} cannot be read ({reason(error)}), expected "
            "files that TFDS wrote; delete its folder to prepare it again"
        ) from error
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder.download_and_prepare()
    return builder


def prepare_for(config: TrainConfig) -> tfds.core.DatasetBuilder:
    """Prepares the data set that a configuration names; see `prepare`."""
    options = {}
    if config.dataset == "scene_folder":
        options = {"size": config.scene_size, "group_by": config.group_by, "strict": config.strict}
    return prepare(config.dataset, config.data_dir or None, config.tfds_dir or None, **options)
