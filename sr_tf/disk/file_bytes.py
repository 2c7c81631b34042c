"""Byte ranges of a file, for several threads at once."""

import threading
from pathlib import Path

from sr_tf.errors import UserError


class FileBytes:
    """A file open for reading.

    Attributes:
        path: of the file.
        size: in bytes.

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
            raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error

    def read(self, offset: int, count: int) -> bytes:
        """Reads `count` bytes from `offset` on. Thread-safe.

        Raises:
            UserError: the file ends before, or cannot be read.
        """
        try:
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(count)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            raise UserError(f"{self.path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
        if len(data) < count:
            raise UserError(f"{self.path}: is truncated, ends at byte {offset + len(data):,} before {offset + count:,}")
        return data

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
