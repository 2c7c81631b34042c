"""Checkpoints of a run: everything that the next step depends on."""

from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from sr_tf.errors import UserError
from sr_tf.training.phases import Phase


def restored_manager(
    folder: Path, model: Phase, averaged: Sequence[keras.Model], step: tf.Variable
) -> tf.train.CheckpointManager:
    """Puts everything back to the newest checkpoint, if there is one.

    Args:
        folder: of the checkpoints; the two newest are kept.
        model: of the phase, compiled.
        averaged: the networks' moving averages.
        step: the run's step.

    Returns:
        The manager that writes the next checkpoints.

    Raises:
        UserError: the newest checkpoint is damaged or of another model.
    """
    # Networks as lists of variables: a checkpoint does not see into the lists in which Keras models hold layers.
    variables = [variable for network in averaged for variable in network.variables]
    checkpoint = tf.train.Checkpoint(**model.checkpointed(), averaged=variables, step=step)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=2)
    newest = manager.latest_checkpoint
    if newest:
        try:
            checkpoint.restore(newest).assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, IndexError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"{newest}: cannot be restored ({reason}), expected a checkpoint of this run; name another --run_dir "
                f"or, to start this one anew, remove {folder}"
            ) from error
    return manager
