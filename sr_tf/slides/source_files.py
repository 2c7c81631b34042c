"""All files of a slide: which they are, the slide's identity over them, and whether they changed meanwhile."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import openslide

from sr_tf.disk.hashing import sha256_of_file
from sr_tf.errors import UserError
from sr_tf.slides.dicom_series import file_of, is_dicom, series_of
from sr_tf.slides.tiff_header import is_tiff

# OpenSlide reads no longer ones.
_LONGEST_TEXT_FILE = 2**20
# Coarser than the times of any file system: within it, two writes may leave the same time.
_SETTLED_NS = 2 * 10**9


@dataclass(frozen=True)
class Identity:
    """What an archive records about the files of its slide.

    Attributes:
        sha256: of one file: its SHA-256. Of several: the SHA-256 of one line for each, sorted: `name NUL size NUL hash
            LF`. The size is decimal, the hash hexadecimal. The name is the one by which the format refers to the file;
            it is empty for the file that was named, and in DICOM for all.
        size: bytes of all files.
        count: number of files.
    """

    sha256: str
    size: int
    count: int

    @property
    def record(self) -> dict:
        """The entries of an archive's `source`."""
        several = {"files": self.count} if self.count > 1 else {}
        return {"bytes": self.size, "sha256": self.sha256, **several}


class SourceFiles:
    """The files of a slide as they are when this is created. Create it before the slide is opened.

    Slides of several files are MIRAX (the .mrxs file and the files that its Slidedat.ini names), Hamamatsu VMS and VMU
    (the files that the text file names), Trestle (a macro image beside the TIFF) and DICOM (the files of the folder
    that are of the same series). Every other slide that can be opened has one file.

    Args:
        path: the slide's file, or a folder with one DICOM series. If it cannot be read, `open_slide` says so.

    Raises:
        UserError: the path is a folder with several series.
    """

    def __init__(self, path: Path):
        self.path = file_of(path)
        self._time_ns = time.time_ns()
        self._states = _states(self.path)

    @property
    def paths(self) -> list[Path]:
        """The files; the first one is the slide's file."""
        return [path for _, path in self._states]

    @property
    def version(self) -> list:
        """Differs when a file differs: for each file its path, size and time, as JSON."""
        return [[str(path.resolve()), s and s.st_size, s and s.st_mtime_ns] for (_, path), s in self._states.items()]

    @cached_property
    def identity(self) -> Identity:
        """The slide's identity. Reads all files when it is first asked for.

        Raises:
            UserError: a file cannot be read, or has changed since this was created.
        """
        hashes, sizes, states = self._hashes, self._sizes, _states(self.path)
        for file, before in self._states.items():
            # A file that changed after the slide was opened and before it was hashed would not be noticed later.
            if not _alike(before, now := states.get(file)):
                what = _other_size(before, now) or "it has the same size, but was written to or replaced"
                raise UserError(_changed(file[1], what))
        lines = sorted(b"%s\0%d\0%s\n" % (name, sizes[path], hashes[path].encode()) for name, path in self._states)
        several = hashlib.sha256(b"".join(lines)).hexdigest()
        return Identity(several if len(lines) > 1 else hashes[self.path], sum(sizes.values()), len(lines))

    def is_partly_recorded(self, recorded: Mapping) -> bool:
        """Whether an archive records only one of the slide's files, as those of sr_tf 0.2.0 do."""
        return len(self._states) > 1 and "files" not in recorded

    def difference(self, recorded: Mapping) -> str | None:
        """Says what differs from the `source` of an archive; None if nothing does.

        An archive of sr_tf 0.2.0 records only the file that was named, so only this one is compared.

        Raises:
            UserError: see `identity`.
        """
        count, expected = len(self._states), recorded.get("files", 1)
        if self.is_partly_recorded(recorded):
            return _other_hash(self._hashes[self.path], recorded["sha256"])
        if count != expected:
            return f"it has {count} files, expected {expected}"
        if (size := sum(self._sizes.values())) != recorded["bytes"]:
            return f"it has {size:,} bytes, expected {recorded['bytes']:,}"
        return _other_hash(self.identity.sha256, recorded["sha256"])

    def change(self) -> str | None:
        """Says in one line which file has changed since this was created, and how; None if none has.

        Sizes, times and inodes are compared. A program cannot set the time of a file's last change (ctime), so a file
        for which all of them are equal has not been written to, and it is not read again. There are two exceptions. A
        file that was written less than two seconds before its state was taken may have been written again without
        another time. And a file with other times may have the same bytes, after `touch` or a copy of itself. Both are
        hashed again; other bytes are a change.

        Raises:
            UserError: a file cannot be read.
        """
        states = _states(self.path)
        for file in dict.fromkeys([*self._states, *states]):
            if what := self._difference(file, self._states.get(file), states.get(file)):
                return _changed(file[1], what)
        return None

    def _difference(
        self, file: tuple[bytes, Path], before: os.stat_result | None, now: os.stat_result | None
    ) -> str | None:
        if what := _other_size(before, now):
            return what
        settled = max(before.st_mtime_ns, before.st_ctime_ns) < self._time_ns - _SETTLED_NS
        if settled and _alike(before, now):
            return None
        return _other_hash(sha256_of_file(file[1]), self._hashes[file[1]], "before")

    @property
    def _sizes(self) -> dict[Path, int]:
        return {path: state.st_size if state else 0 for (_, path), state in self._states.items()}

    @cached_property
    def _hashes(self) -> dict[Path, str]:
        return {path: sha256_of_file(path) for _, path in self._states}


def _changed(path: Path, what: str) -> str:
    return f"{path}: changed while it was read: {what}; expected a slide that nothing writes to"


def _other_size(before: os.stat_result | None, now: os.stat_result | None) -> str | None:
    if now is None:
        return "it is no longer there"
    if before is None:
        return "it is a new file of the slide"
    return None if before.st_size == now.st_size else f"it has {now.st_size:,} bytes, before {before.st_size:,}"


def _other_hash(found: str, expected: str, word: str = "expected") -> str | None:
    return None if found == expected else f"its SHA-256 is {found[:12]}…, {word} {expected[:12]}…"


def _states(path: Path) -> dict[tuple[bytes, Path], os.stat_result | None]:
    """The state of each file by (name in the identity, path); None if it cannot be read."""
    if (own := _state(path)) is None:
        return {(b"", path): None}
    # A text file may name a file twice, or itself.
    names = {other: name for name, other in sorted(_others(path), reverse=True) if other != path}
    return {(b"", path): own} | {(names[other], other): _state(other) for other in reversed(names)}


def _state(path: Path) -> os.stat_result | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        # An open file's state is a network server's; that of a path may come from a cache.
        with path.open("rb") as file:
            return os.fstat(file.fileno())
    except (OSError, ValueError):
        return None


def _alike(one: os.stat_result | None, other: os.stat_result | None) -> bool:
    def values(state: os.stat_result) -> tuple[int, ...]:
        return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev

    return one is not None and other is not None and values(one) == values(other)


def _others(path: Path) -> Iterator[tuple[bytes, Path]]:
    """The further files of a slide: (name in the identity, path)."""
    try:
        vendor = openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return  # `open_slide` reports it
    if vendor == "mirax":
        folder = path.with_suffix("")
        yield b"Slidedat.ini", folder / "Slidedat.ini"
        yield from _named_in(folder / "Slidedat.ini")
    elif vendor == "hamamatsu" and not is_tiff(_beginning(path, 16)):
        yield from _named_in(path)
    elif vendor == "trestle" and (macro := path.with_suffix(".Full")).is_file():
        yield b".Full", macro
    elif vendor == "dicom":
        series = series_of(path)
        for name in os.listdir(path.parent):
            other = path.parent / name
            # A file of which the series cannot be read is counted rather than missed.
            if name != path.name and is_dicom(other) and (series is None or series_of(other) in (series, None)):
                yield b"", other


def _named_in(path: Path) -> Iterator[tuple[bytes, Path]]:
    """The files in the folder of a text file with lines `key = name` that it names."""
    for line in _beginning(path, _LONGEST_TEXT_FILE).splitlines():
        value = line.partition(b"=")[2].strip()
        # OpenSlide appends the name to the folder, also if it begins with a slash.
        other = path.parent / os.fsdecode(value.lstrip(b"/"))
        if value and os.path.isfile(other):
            yield value, other


def _beginning(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
