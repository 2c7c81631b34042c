"""Messages on stderr, exit codes, text tables, and the quiet import of TensorFlow."""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TextIO

from tqdm import tqdm

from sr_tf.errors import UserError, missing_extra, reason

RESEARCH_ONLY = "Research use only. Not a medical device."

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that a terminal or an editor obeys instead of showing them, except tab and newline."""

_PROGRESS = re.compile("(\r|\x1b\\[A)")
"""What tqdm moves the cursor with: to the line's start and one line up."""


def printable(text: str) -> str:
    """Replaces control characters, for instance of a file's name or metadata, by escapes."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def tell(line: str) -> None:
    """Writes one line to stderr."""
    tqdm.write(printable(" ".join(line.splitlines())), file=sys.stderr)


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
    print(f"{program}: error: {printable(' '.join(str(error).split()))}", file=sys.stderr)
    return 2


def exit_code(program: str, action: Callable[[], object]) -> int:
    """Runs an action and returns the exit code: 0, 2 after a `UserError`, 130 when interrupted.

    What is printed meanwhile reaches any terminal: see `_Output`. Standard output that cannot be written is an error.
    """
    with _safe_outputs():
        try:
            try:
                action()
            finally:
                sys.stdout.flush()
        except UserError as error:
            return complain(program, error)
        except KeyboardInterrupt:
            print(f"{program}: stopped", file=sys.stderr)
            return 130
    return 0


class _Output:
    """A text stream that escapes control characters and replaces what its encoding lacks.

    Args:
        stream: where the text goes.
        name: of the stream, for the error; None: what cannot be written is dropped, since nobody could be told.
    """

    def __init__(self, stream: TextIO, name: str | None):
        self._stream, self._name = stream, name

    def __getattr__(self, attribute: str) -> object:
        return getattr(self._stream, attribute)

    def write(self, text: str) -> int:
        """Writes text. Raises a `UserError` if the stream has a name and cannot be written."""
        parts = [text] if self._name else _PROGRESS.split(text)
        shown = "".join(part if index % 2 else printable(part) for index, part in enumerate(parts))
        encoding = self._stream.encoding or "utf-8"
        with self._named_errors():
            self._stream.write(shown.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered. Raises the error of `write`."""
        with self._named_errors():
            self._stream.flush()

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What is still buffered would fail once more when the process ends.
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            if self._name:
                raise UserError(f"{self._name}: cannot be written ({reason(error)})") from error


@contextlib.contextmanager
def _safe_outputs() -> Iterator[None]:
    open_closed_streams()
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Output(sys.stdout, "standard output"), _Output(sys.stderr, None)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = kept


def open_closed_streams() -> None:
    """Gives a process that was started without standard streams (`>&-`) some, lest a file gets their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # Standard output cannot be written then, and what is printed there becomes an error.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (it lives as long as the process)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


Progress = Callable[[int, int], object]
"""What a caller gives to be told how far long work is: called with the steps done and the steps in total."""


class Steps:
    """Counts the steps of long work, phase by phase: with a bar at the terminal for each, or for a caller.

    Args:
        phases: the number of steps of each phase by its name, in their order.
        progress: called as steps are done, over all phases, by one thread at a time; an exception that it raises ends
            the work. None: bars.
    """

    def __init__(self, phases: Mapping[str, int], progress: Progress | None = None):
        self._phases, self._progress = phases, progress
        self._done, self._end, self._lock = 0, 0, threading.Lock()

    @contextlib.contextmanager
    def phase(self, name: str, unit: str = "it") -> Iterator[Callable[[], object]]:
        """Yields what is to be called after each step of a phase. Steps that a phase leaves out count when it ends."""
        if self._progress is not None:
            self._end += self._phases[name]
            yield self._step
            self._reach(self._end)
            return
        with tqdm(total=self._phases[name], desc=name, unit=unit, disable=None) as bar:
            yield bar.update

    def _step(self) -> None:
        with self._lock:
            self._reach(self._done + 1)

    def _reach(self, done: int) -> None:
        # A block that is measured a second time is no further step.
        if self._done < min(done, self._end):
            self._done = min(done, self._end)
            self._progress(self._done, sum(self._phases.values()))


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

    Raises:
        UserError: TensorFlow is not installed.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _native_stderr_muted():
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            raise missing_extra("tensorflow", error) from error

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
