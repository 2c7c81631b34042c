"""Messages on stderr, exit codes, text tables, and the quiet import of TensorFlow."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from tqdm import tqdm

from sr_tf.errors import UserError


def tell(line: str) -> None:
    """Writes one line to stderr."""
    tqdm.write(line, file=sys.stderr)


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Formats a table in columns, two spaces apart: the first aligned to the left, the others to the right.

    Args:
        rows: the cells of each row, the headings first; every row has the same length.

    Returns:
        One line for each row, without a newline at the end.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Formats a table in Markdown: the first column aligned to the left, the others to the right.

    Args:
        rows: the cells of each row, the headings first; every row has the same length.

    Returns:
        One line for each row and one below the headings, without a newline at the end.
    """
    below = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], below, *rows[1:]))


def complain(program: str, error: Exception) -> int:
    """Prints an error that the user can correct as one line on stderr; returns the exit code, 2."""
    print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def exit_code(program: str, action: Callable[[], object]) -> int:
    """Runs an action and returns the exit code: 0, 2 after a `UserError`, 130 when interrupted."""
    try:
        action()
    except UserError as error:
        return complain(program, error)
    except KeyboardInterrupt:
        print(f"{program}: stopped", file=sys.stderr)
        return 130
    return 0


def load_backend() -> None:
    """Checks the Keras backend named by the environment variable KERAS_BACKEND, and imports TensorFlow if it is chosen.

    TensorFlow is the default; JAX is the other choice, and Keras imports it itself.

    Raises:
        UserError: KERAS_BACKEND names another backend.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        load_tensorflow()
    elif backend != "jax":
        raise UserError(f"KERAS_BACKEND={backend}: expected tensorflow or jax")


def load_tensorflow() -> None:
    """Imports TensorFlow and lists its devices, without TensorFlow's start-up messages and warnings.

    The start-up messages are written before any log level takes effect, and on a machine without a GPU they look like
    errors. The warnings report repeated compilation, which is intended here: generators and tile sizes differ.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_muted():
        import tensorflow as tf

        tf.config.list_logical_devices()
    tf.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def _native_stderr_muted() -> Iterator[None]:
    sys.stderr.flush()
    stderr = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
