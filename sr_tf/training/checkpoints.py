"""A run's state as a file of arrays, the same on both backends: a run can go on where the other one stopped."""

import zipfile
from pathlib import Path

import numpy as np

from sr_tf.disk.files import replace_atomically
from sr_tf.errors import UserError

_KEPT = 2

State = dict[str, list[np.ndarray]]


def save_state(folder: Path, state: State) -> Path:
    """Writes the state of a step and removes all checkpoints but the two newest.

    Args:
        folder: of the checkpoints.
        state: arrays by owner; `step` holds the number of the step.

    Returns:
        The file, `step-00000500.npz`.
    """
    arrays = {f"{name}/{i:04d}": np.asarray(value) for name, values in state.items() for i, value in enumerate(values)}
    path = folder / f"step-{int(state['step'][0]):08d}.npz"
    replace_atomically(path, lambda temporary: np.savez(temporary, **arrays))
    for older in checkpoints(folder)[:-_KEPT]:
        older.unlink()
    return path


def newest_state(folder: Path, first: State) -> State:
    """The state to go on from.

    Args:
        folder: that `save_state` wrote to.
        first: the state before the first step, returned where there is no checkpoint yet.

    Raises:
        UserError: the newest checkpoint is damaged, of another model or of a version before 0.2.
    """
    paths = checkpoints(folder)
    if not paths:
        older = sorted(folder.glob("ckpt-*.index"))
        if older:
            raise UserError(
                f"{older[-1]}: a checkpoint of a version before 0.2, expected step-….npz; finish the run with that "
                "version or name another --run_dir"
            )
        return first
    path = paths[-1]
    try:
        with np.load(path, allow_pickle=False) as arrays:
            state = {name: [arrays[f"{name}/{i:04d}"] for i in range(len(first[name]))] for name in first}
            if len(arrays.files) != sum(map(len, first.values())):
                raise ValueError(f"{len(arrays.files)} arrays, not {sum(map(len, first.values()))}")
        for name, values in first.items():
            for found, expected in zip(state[name], values, strict=True):
                if found.shape != expected.shape or found.dtype != expected.dtype:
                    raise ValueError(
                        f"{name}: {found.dtype} {list(found.shape)}, not {expected.dtype} {list(expected.shape)}"
                    )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: cannot be restored ({reason}), expected a checkpoint of this run; name another --run_dir or, to "
            f"start this one anew, remove {folder}"
        ) from error
    return state


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest last."""
    return sorted(folder.glob("step-*.npz"))
