"""What people read on a terminal: messages on stderr, and tables."""

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
    """A table in aligned columns: the first column to the left, the others to the right, two spaces between them.

    Args:
        rows: the cells of each row, the headings first; every row has the same length.

    Returns:
        One line for each row, without a newline at the end.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown: the first column aligned to the left, the others to the right.

    Args:
        rows: the cells of each row, the headings first; every row has the same length.

    Returns:
        One line for each row and one below the headings, without a newline at the end.
    """
    below = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], below, *rows[1:]))


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


def load_backend() -> None:
    """Imports what Keras computes with: TensorFlow, or JAX where the environment variable KERAS_BACKEND says so.

    Raises:
        UserError: it names another one.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        load_tensorflow()
    elif backend != "jax":
        raise UserError(f"KERAS_BACKEND={backend}: expected tensorflow or jax")


def load_tensorflow() -> None:
    """Imports TensorFlow and finds its devices without its native start-up messages, and mutes its warnings.

    The first are written before any log level takes effect, and on a machine without a GPU they look like errors; the
    others tell programmers that several generators or sizes of tile were compiled, which here is meant.
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
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
