"""The file format of an archive: a ZIP file, which any tool opens.

Members:
    README.txt      what the file is
    archive.json    `sr_tf.archive.header.Header`
    overview.avif   the slide, at least 8 times smaller in each direction; preview.jpg in version 1
    profile.icc     the slide's colour profile, if it has one
    blocks          the bytes of all pieces, not compressed again
    blocks.npy      the kind of each block, [rows, columns]; in version 1 a `BLOCK_TYPE`
    pieces.npy      the bytes of a `PIECE_TYPE` for each piece, [bytes, pieces]; not in version 1
    scores.npy      the scores of gate tiles, [2 · scores, rows, columns]: the high bytes of each score, then the low
                    bytes; in version 1 a `SCORE_TYPE` for each tile
    cells.npy       the scores of detail cells of 32×32 pixels, [rows, columns]; only if the gate judges cells
    segments        the JPEG segments of the original that blocks need, row by row, repacked
    segments.npy    a `SEGMENT_TYPE` for each segment of the original, [rows, columns]
    generators/…    the weights of a user's own generator, float32, by their SHA-256; not in version 1
    associated/…    label, macro and thumbnail images

The ZIP's comment holds the SHA-256 of all bytes before it, so that no change of a byte goes unnoticed.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sr_tf.archive.gate import UNITS_BY_VERSION
from sr_tf.archive.header import NOTICE, Header
from sr_tf.archive.members import check_written
from sr_tf.archive.schema import parse
from sr_tf.disk.files import input_file
from sr_tf.disk.outputs import OutputKind
from sr_tf.disk.paths import refuse_special
from sr_tf.errors import UserError, reason

SEGMENT_TYPE = np.dtype([("kind", "u1"), ("length", "<u4"), ("sha256", "V16")])
SCORE_TYPE = np.dtype([(name, "<u2") for name in UNITS_BY_VERSION[1]])
"""The scores of a gate tile in version 1."""

SUFFIX = ".sr.zip"
"""The end of an archive's name; it takes the place of the slide's suffix."""
COMMENT = "sr_tf archive, SHA-256 of what precedes: "
COMMENT_LENGTH = len(COMMENT) + 64
ARCHIVE = OutputKind("an archive that `sr-tf archive` wrote", (b"PK\x03\x04",), COMMENT.encode())

_README = f"""An archive of a microscope slide, written by sr_tf.

{NOTICE}

overview.avif  a small picture of the slide
archive.json   the slide's metadata, how it is stored, and the quality that was measured

sr-tf info FILE         shows what the archive contains
sr-tf restore FILE OUT  writes the slide as a pyramidal OME-TIFF
sr-tf verify FILE       checks that no byte has changed
"""


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does.

    Raises:
        UserError: it cannot be read.
    """
    refuse_special(path)
    with input_file(path, "expected an archive, a slide or an image"), path.open("rb") as file:
        return file.read(4).startswith(ARCHIVE.starts)


def half_sha256(data: bytes) -> bytes:
    """The first 16 bytes of a SHA-256."""
    return hashlib.sha256(data).digest()[:16]


class _Zip(zipfile.ZipFile):
    """A ZIP file that is not finished when it is garbage: on a full disk that fails again and prints a traceback."""

    def __del__(self) -> None:
        pass


class Writer:
    """Writes the members of an archive, one after another.

    Args:
        path: the file to write. It is not an archive before `finish`, so it should have a temporary name.
    """

    def __init__(self, path: Path):
        self._path = path
        self._zip = _Zip(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        self._hashes: dict[str, str] = {}
        self.add("README.txt", _README.encode())

    def add(self, name: str, content: bytes, compress: bool = True) -> None:
        """Adds a member."""
        self.add_stream(name, [content], compress)

    def add_array(self, name: str, values: np.ndarray) -> None:
        """Adds an array as an NPY file."""
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        self.add(name, buffer.getvalue())

    def add_stream(self, name: str, parts: Iterable[bytes], compress: bool = False) -> None:
        """Adds a member that consists of several parts."""
        info = zipfile.ZipInfo(name)  # dated 1980-01-01, so that equal content gives equal files
        info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=not compress) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
                size += len(part)
        self._accepted(lambda: check_written(name, size))
        self._hashes[name] = digest.hexdigest()

    def finish(self, header: Header) -> None:
        """Adds `archive.json` and the hash of the whole file."""
        content = replace(header, members=dict(self._hashes)).to_json()
        self._accepted(lambda: parse(content))
        self.add("archive.json", content.encode())
        self._zip.comment = bytes(COMMENT_LENGTH)
        self._zip.close()
        with self._path.open("r+b") as file:
            digest = hash_before_comment(self._path)
            file.seek(-COMMENT_LENGTH, io.SEEK_END)
            file.write((COMMENT + digest).encode())

    def _accepted(self, check: Callable[[], object]) -> None:
        """Turns what a reader would refuse into an error of the writer, which gives the file no final name then."""
        try:
            check()
        except ValueError as error:
            raise UserError(f"{self._path}: cannot be read back: {reason(error)}") from error


def hash_before_comment(path: Path) -> str:
    """The SHA-256 of all bytes of a file before its last `COMMENT_LENGTH` bytes."""
    digest = hashlib.sha256()
    left = path.stat().st_size - COMMENT_LENGTH
    with path.open("rb") as file:
        while left > 0:
            part = file.read(min(left, 1 << 20))
            if not part:
                break
            digest.update(part)
            left -= len(part)
    return digest.hexdigest()
