"""Checkpoints: a run's state as a file of arrays, the same on both backends, so that either can continue the run."""

from pathlib import Path

import numpy as np

from sr_tf.disk.arrays import ArrayFile
from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError

_KEPT = 2

State = dict[str, list[np.ndarray]]


def save_state(folder: Path, state: State) -> Path:
    """Writes a checkpoint and removes all but the two newest.

    Args:
        folder: the folder for checkpoints.
        state: lists of arrays by network or optimizer; `step` holds the step number.

    Returns:
        The file, for instance `step-00000500.npz`.
    """
    arrays = {f"{name}/{i:04d}": np.asarray(value) for name, values in state.items() for i, value in enumerate(values)}
    path = folder / f"step-{int(state['step'][0]):08d}.npz"
    replace_atomically(path, lambda temporary: np.savez(temporary, **arrays))
    for older in checkpoints(folder)[:-_KEPT]:
        older.unlink()
    return path


def newest_state(folder: Path, first: State) -> State:
    """Reads the newest checkpoint.

    Args:
        folder: the folder that `save_state` wrote to.
        first: the state before the first step, returned if there is no checkpoint yet.

    Raises:
        UserError: the newest checkpoint is damaged, belongs to another model, or was written by a version before 0.2.
    """
    paths = checkpoints(folder)
    if not paths:
        older = sorted(folder.glob("ckpt-*.index"))
        if older:
            raise UserError(
                f"{older[-1]}: a checkpoint of a version before 0.2, expected step-….npz; finish the run with that "
                "version or choose another --run_dir"
            )
        return first
    path = paths[-1]
    expected = (
        f"expected a checkpoint of this run; choose another --run_dir, or remove {folder} to start this run again"
    )
    count = sum(map(len, first.values()))
    with ArrayFile(path, expected, most=count) as arrays:
        if len(arrays.names) != count:
            raise UserError(f"{path}: cannot be read ({len(arrays.names)} arrays, not {count}), {expected}")
        state = {
            name: [arrays.read(f"{name}/{i:04d}", value.dtype, value.shape) for i, value in enumerate(values)]
            for name, values in first.items()
        }
    if int(state["step"][0]) < 0:
        raise UserError(f"{path}: cannot be read (step {int(state['step'][0])}), {expected}")
    return state


def checkpoints(folder: Path) -> list[Path]:
    """Lists the checkpoints in a folder, the newest last."""
    return sorted(folder.glob("step-*.npz"))
