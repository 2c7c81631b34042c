"""Lines for people, on stderr, that do not tear a progress bar."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm

from sr_tf.errors import UserError


def tell(line: str) -> None:
    """Writes one line to stderr."""
    tqdm.write(line, file=sys.stderr)


def complain(program: str, error: Exception) -> int:
    """Tells an error that the user can put right, in one line; returns the exit code, 2."""
    print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def exit_code(program: str, action: Callable[[], object]) -> int:
    """Does it, and returns what the process should exit with: 0, 2 after a `UserError`, 130 when interrupted."""
    try:
        action()
    except UserError as error:
        return complain(program, error)
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        return 130
    return 0


def load_tensorflow() -> None:
    """Imports TensorFlow and finds its devices without its native start-up messages, and mutes its warnings.

    The first are written before any log level takes effect, and on a machine without a GPU they look like errors; the
    others tell programmers that several generators or sizes of tile were compiled, which here is meant.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_muted():
        import tensorflow as tf

        tf.config.list_logical_devices()
    tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _native_stderr_muted() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
