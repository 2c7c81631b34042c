"""A fleet's state: one JSON file in its folder, replaced as a whole, so that no moment of death leaves half of it."""

from pathlib import Path

import msgspec

from sr_tf.disk.files import write_atomically
from sr_tf.disk.json_files import read_json
from sr_tf.fleet.record import Record

NAME = "fleet.json"
_EXPECTED = "expected the state of `sr-tf fleet`; move it away to go on without it"


class _Content(msgspec.Struct):
    """The content of the file."""

    slides: dict[str, Record]
    version: int = 1


class State:
    """The records of all slides that were ever archived into a folder, by the archives' names.

    Args:
        folder: the fleet's folder; the caller holds its lock.

    Raises:
        UserError: the file is there, but is not a fleet's state.
    """

    def __init__(self, folder: Path):
        self._path = folder / NAME
        exists = self._path.exists() or self._path.is_symlink()
        self._slides = read_json(self._path, _Content, _EXPECTED).slides if exists else {}

    def get(self, name: str) -> Record | None:
        """The record of a slide; None if it was never begun."""
        return self._slides.get(name)

    def put(self, name: str, record: Record) -> None:
        """Replaces the record of a slide, on disk too.

        Raises:
            UserError: the file cannot be written.
        """
        self._slides[name] = record
        write_atomically(self._path, msgspec.json.format(msgspec.json.encode(_Content(self._slides)), indent=1) + b"\n")
