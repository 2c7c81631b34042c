"""The file: a ZIP archive, which any tool opens.

Members:
    README.txt      what this is
    archive.json    `sr_tf.archive.header.Header`
    preview.jpg     the slide, small
    profile.icc     the slide's colour profile, if it has one
    blocks          the blocks' bytes, row by row, not compressed again
    blocks.npy      for each block `BLOCK_TYPE`, [rows, columns]
    scores.npy      for each gate tile `SCORE_TYPE`, [rows, columns]
    segments        the original's JPEG segments that are needed, row by row, repacked
    segments.npy    for each of them `SEGMENT_TYPE`, [rows, columns]
    associated/…    label, macro and the like

The ZIP's comment holds the SHA-256 of all bytes before it, so that not one byte can change unseen.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from sr_tf.archive.gate import SCORE_UNITS
from sr_tf.archive.header import NOTICE, Header

BLOCK_TYPE = np.dtype([("kind", "u1"), ("head", "u1"), ("level", "<f4"), ("length", "<u4"), ("sha256", "V16")])
"""`head` counts from 1, 0 is none; `sha256` is the first half of the hash of the block's file."""

SEGMENT_TYPE = np.dtype([("kind", "u1"), ("length", "<u4"), ("sha256", "V16")])
SCORE_TYPE = np.dtype([(name, "<u2") for name in SCORE_UNITS])

COMMENT = "sr_tf archive, SHA-256 of what precedes: "
COMMENT_LENGTH = len(COMMENT) + 64

_README = f"""An archive of a slide, written by sr_tf.

{NOTICE}

preview.jpg    what the slide looks like
archive.json   where it came from, how it is stored, what it was measured to

sr-tf info FILE         what is in it
sr-tf restore FILE OUT  the slide as a pyramidal OME-TIFF
sr-tf verify FILE       whether every byte is as it was written
"""


def half_sha256(data: bytes) -> bytes:
    """The first 16 bytes of a SHA-256."""
    return hashlib.sha256(data).digest()[:16]


class Writer:
    """Writes the members one after another.

    Args:
        path: of the file, which must be a temporary one: it is incomplete until `finish`.
    """

    def __init__(self, path: Path):
        self._path = path
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
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
        """Adds a member made of parts."""
        info = zipfile.ZipInfo(name)  # its date is 1980-01-01: the same content gives the same file
        info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        digest = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=not compress) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
        self._hashes[name] = digest.hexdigest()

    def finish(self, header: Header) -> None:
        """Adds `archive.json` and the whole file's hash."""
        self.add("archive.json", replace(header, members=dict(self._hashes)).to_json().encode())
        self._zip.comment = bytes(COMMENT_LENGTH)
        self._zip.close()
        with self._path.open("r+b") as file:
            digest = hash_before_comment(self._path)
            file.seek(-COMMENT_LENGTH, io.SEEK_END)
            file.write((COMMENT + digest).encode())


def hash_before_comment(path: Path) -> str:
    """SHA-256 of all bytes of a file but the last `COMMENT_LENGTH`."""
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
