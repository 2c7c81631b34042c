"""Reading byte ranges of a file from several threads."""

import threading
from pathlib import Path

from sr_tf.errors import UserError, unreadable


class FileBytes:
    """A file opened for reading.

    Attributes:
        path: the file.
        size: its size in bytes.

    Raises:
        UserError: the file cannot be opened.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        try:
            self._file = path.open("rb")
            self.size = path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error

    def read(self, offset: int, count: int) -> bytes:
        """Reads `count` bytes that begin at `offset`. Thread-safe.

        Raises:
            UserError: the file ends too early or cannot be read.
        """
        try:
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(count)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            raise unreadable(self.path, error) from error
        if len(data) < count:
            found = f"it ends at byte {offset + len(data):,}"
            raise UserError(f"{self.path}: is truncated, {found}, expected at least {offset + count:,} bytes")
        return data

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
