"""A run's state as a file of arrays."""

import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError
from sr_tf.training_jax.steps import State

_KEPT = 2


def save_state(folder: Path, state: State) -> Path:
    """Writes the state of a step and removes all but the two newest.

    Returns:
        The file, `step-00000500.npz`.
    """
    arrays = {f"{name}/{i:04d}": np.asarray(value) for name, values in state.items() for i, value in enumerate(values)}
    path = folder / f"step-{int(state['step'][0]):08d}.npz"
    replace_atomically(path, lambda temporary: np.savez(temporary, **arrays))
    for older in _checkpoints(folder)[:-_KEPT]:
        older.unlink()
    return path


def newest_state(folder: Path, first: State) -> State:
    """The state to go on from.

    Args:
        folder: that `save_state` wrote to.
        first: the state before the first step, returned where there is no file yet.

    Raises:
        UserError: the newest file is damaged or of another model.
    """
    paths = _checkpoints(folder)
    if not paths:
        return first
    try:
        with np.load(paths[-1], allow_pickle=False) as arrays:
            state = {name: [arrays[f"{name}/{i:04d}"] for i in range(len(first[name]))] for name in first}
            if len(arrays.files) != sum(map(len, first.values())):
                raise ValueError("it holds more")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _wrong(paths[-1], str(error)) from error
    for name, values in first.items():
        for found, expected in zip(state[name], values, strict=True):
            if found.shape != expected.shape or found.dtype != expected.dtype:
                raise _wrong(paths[-1], f"{name}: {found.dtype} {found.shape}, not {expected.dtype} {expected.shape}")
    return {name: [jnp.asarray(value) for value in values] for name, values in state.items()}


def _wrong(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: cannot be restored ({reason}), expected a checkpoint of this run; name another --run_dir"
    )


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.npz"))
