"""Lines for people, on stderr, that do not tear a progress bar."""

import contextlib
import os
import sys
from collections.abc import Iterator

from tqdm import tqdm


def tell(line: str) -> None:
    """Writes one line to stderr."""
    tqdm.write(line, file=sys.stderr)


def load_tensorflow() -> None:
    """Imports TensorFlow and finds its devices without its native start-up messages.

    Those are written before any log level takes effect, and on a machine without a GPU they look like errors.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_muted():
        import tensorflow as tf

        tf.config.list_logical_devices()


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
