"""The guard that every command's outputs pass before any work starts, so that no result destroys another file."""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sr_tf.disk.files import draft_of, input_file, refuse_special_target
from sr_tf.errors import UserError, unwritable

OVERWRITE = "--overwrite"
_ENDS = 4096
"""Bytes at each end of a file that are searched for a mark."""


@dataclass(frozen=True)
class OutputKind:
    """A kind of file that a command writes.

    Attributes:
        name: the kind's name in errors, with its article.
        starts: what such files begin with, one of these.
        mark: bytes that are in the first or the last 4,096 bytes of every such file.
    """

    name: str
    starts: tuple[bytes, ...]
    mark: bytes = b""

    def includes(self, path: Path) -> bool:
        """Whether an existing file is of this kind.

        Raises:
            UserError: the file cannot be read.
        """
        with input_file(path, f"expected {self.name}"), path.open("rb") as file:
            start = file.read(_ENDS)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _ENDS))
            return start.startswith(self.starts) and self.mark in start + file.read(_ENDS)


PNG = OutputKind("a PNG file", (b"\x89PNG\r\n\x1a\n",))
TIFF = OutputKind("a TIFF file", (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"))
ANY = OutputKind("a file", (b"",))
PACKED_SCENES = OutputKind("a file that `sr-tf pack` wrote", (b"PK\x03\x04",), b"hr/000000.npy")


def check_outputs(
    paths: Iterable[Path], kind: OutputKind, inputs: Mapping[str, Path | Iterable[Path]], overwrite: bool
) -> None:
    """Refuses outputs that would destroy something.

    Args:
        paths: the files to write.
        kind: the kind of file that the command writes.
        inputs: everything that the same call reads, by the words for it in errors: {"slide": path}. Those that do not
            exist are skipped.
        overwrite: whether existing files of that kind may be replaced.

    Raises:
        UserError: a path, or a hidden file that a command keeps beside it, is an input, also through links; it is a
            folder, a link, a device or another special file; or a file exists that may not be replaced.
    """
    known = {}
    for name, given in inputs.items():
        for one in [given] if isinstance(given, Path) else given:
            if (status := _status(one, follow=True)) is not None:
                known[status.st_dev, status.st_ino] = name
    for path in paths:
        status = _status(path, follow=False)
        for own in (path, journal_of(path), partial_of(path), draft_of(path)):
            found = _status(own, follow=True)
            name = found and known.get((found.st_dev, found.st_ino))
            if name:
                raise UserError(f"{own}: is the {name} itself and would replace it, expected another name")
        if status is not None:
            _check_existing(path, status.st_mode, kind, overwrite)


def _check_existing(path: Path, mode: int, kind: OutputKind, overwrite: bool) -> None:
    if stat.S_ISDIR(mode):
        raise UserError(f"{path}: is a folder, expected the name of a file")
    if stat.S_ISLNK(mode):
        raise UserError(f"{path}: is a symbolic link, expected a file or a new name; nothing is written through links")
    refuse_special_target(path, mode)
    # A file of another kind is refused first, so that nobody is told to overwrite it.
    if not kind.includes(path):
        raise UserError(f"{path}: exists and is not {kind.name}, so it is not replaced; expected another name")
    if not overwrite:
        raise UserError(f"{path}: exists, expected a new name, or {OVERWRITE} to replace it")


def journal_of(path: Path) -> Path:
    """The journal of an archive that is being written to `path`."""
    return path.with_name(f".{path.name}.journal")


def partial_of(path: Path) -> Path:
    """The finished tiles of a pyramid that is being written to `path`."""
    return path.with_name(f".{path.name}.partial")


def _status(path: Path, follow: bool) -> os.stat_result | None:
    """The status of a file; None if it does not exist or, when links are followed, cannot be reached."""
    try:
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if follow:
            return None
        raise unwritable(path, error) from error
    except ValueError as error:  # a null character in the name
        raise UserError(f"{path}: is no name of a file ({error})") from error
