"""Changes an archive as an attacker would: every hash in the result is right."""

import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.container import COMMENT, COMMENT_LENGTH
from sr_tf.archive.index import codec_of, from_planes, to_planes
from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.kinds import KINDS
from sr_tf.archive.map_picture import draw_map
from sr_tf.errors import UserError

MOST_MEMORY = 100 << 20
"""Most bytes of Python's memory that refusing an archive may take."""

_STORED = ("blocks", "segments")


@dataclass
class Bomb:
    """A member whose bytes, once inflated, are `beginning` and then zeros up to `size`.

    Attributes:
        size: bytes in the end.
        beginning: the first bytes.
        stated: the size that the directory states.
    """

    size: int
    beginning: bytes = b""
    stated: int | None = None


class Forgery:
    """The parts of an archive, to be changed and saved.

    Args:
        path: the archive.

    Attributes:
        members: the content of each member except `archive.json`; a `Bomb` may take its place.
        header: what `archive.json` contains.
    """

    def __init__(self, path: Path):
        with zipfile.ZipFile(path) as file:
            self.members = {name: file.read(name) for name in file.namelist()}
        self.header = json.loads(self.members.pop("archive.json"))

    def array(self, name: str) -> np.ndarray:
        """A member that is an NPY file."""
        return np.load(io.BytesIO(self.members[name]))

    def set_array(self, name: str, values: np.ndarray) -> None:
        """Replaces a member that is an NPY file."""
        buffer = io.BytesIO()
        np.save(buffer, values)
        self.members[name] = buffer.getvalue()

    def set_block(self, kind: int, file: bytes) -> None:
        """Replaces the first block, which has a piece of its own."""
        kinds, pieces = self.array("blocks.npy"), from_planes(self.array("pieces.npy")).copy()
        number = int(np.flatnonzero((pieces["row"] == 0) & (pieces["column"] == 0))[-1])
        start = int(pieces["length"][:number].sum())
        end = start + int(pieces["length"][number])
        self.members["blocks"] = self.members["blocks"][:start] + file + self.members["blocks"][end:]
        kinds[0, 0] = kind
        pieces[number] = (0, 0, 1, 1, KINDS[kind].scale, codec_of(KINDS[kind]), 0, 0, len(file), _half(file)[:8])
        self.set_array("blocks.npy", kinds)
        self.set_array("pieces.npy", to_planes(pieces))

    def set_kinds(self, kind: int, scale: int) -> None:
        """States that all blocks have a kind, and all pieces its scale; their images are then too large."""
        kinds, pieces = self.array("blocks.npy"), from_planes(self.array("pieces.npy")).copy()
        kinds[:], pieces["scale"], pieces["codec"] = kind, scale, codec_of(KINDS[kind])
        self.set_array("blocks.npy", kinds)
        self.set_array("pieces.npy", to_planes(pieces))

    def set_segment(self, kind: int, packed: bytes, standalone: bytes) -> None:
        """Replaces the first segment."""
        index = self.array("segments.npy")
        self.members["segments"] = packed + self.members["segments"][index["length"][0, 0] :]
        index[0, 0] = (kind, len(packed), np.void(_half(standalone)))
        self.set_array("segments.npy", index)

    def save(self, path: Path, text: str | None = None, twice: str = "", flags: int = 0) -> Path:
        """Writes the archive.

        Args:
            path: the file to write.
            text: `archive.json`; None: the header as JSON.
            twice: a member that the directory lists twice.
            flags: the flags of all members.
        """
        packed = {name: _packed(name, content) for name, content in self.members.items()}
        header = {**self.header, "members": {name: entry[-1] for name, entry in packed.items()}}
        content = json.dumps(header) if text is None else text
        packed["archive.json"] = _packed("archive.json", content.encode())
        body, directory, count = bytearray(), bytearray(), 0
        for name, (method, data, size, checksum, _) in packed.items():
            fields = struct.pack("<HHHHIII", flags, method, 0, 33, checksum, len(data), size)
            end = struct.pack("<HH", len(name.encode()), 0)
            entry = b"PK\1\2" + struct.pack("<HH", 20, 20) + fields + end + struct.pack("<HHHII", 0, 0, 0, 0, len(body))
            directory += (entry + name.encode()) * (2 if name == twice else 1)
            count += 2 if name == twice else 1
            body += b"PK\3\4" + struct.pack("<H", 20) + fields + end + name.encode() + data
        end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), COMMENT_LENGTH)
        whole = bytes(body + directory) + b"PK\5\6" + end
        path.write_bytes(whole + (COMMENT + hashlib.sha256(whole).hexdigest()).encode())
        return path


def _half(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _packed(name: str, content: bytes | Bomb) -> tuple[int, bytes, int, int, str]:
    """(method, bytes in the file, size, CRC-32, SHA-256) of a member."""
    if isinstance(content, Bomb):
        return _inflating(content)
    digest, checksum = hashlib.sha256(content).hexdigest(), zlib.crc32(content)
    if name in _STORED:
        return zipfile.ZIP_STORED, content, len(content), checksum, digest
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return zipfile.ZIP_DEFLATED, coder.compress(content) + coder.flush(), len(content), checksum, digest


def _inflating(bomb: Bomb) -> tuple[int, bytes, int, int, str]:
    coder, digest, checksum, parts = zlib.compressobj(9, zlib.DEFLATED, -15), hashlib.sha256(), 0, []
    left = bomb.size - len(bomb.beginning)
    for piece in (bomb.beginning, *[bytes(1 << 20)] * (left >> 20), bytes(left & (1 << 20) - 1)):
        digest.update(piece)
        checksum = zlib.crc32(piece, checksum)
        parts.append(coder.compress(piece))
    parts.append(coder.flush())
    size = bomb.size if bomb.stated is None else bomb.stated
    return zipfile.ZIP_DEFLATED, b"".join(parts), size, checksum, digest.hexdigest()


def read_all(path: Path) -> None:
    """Reads everything that commands and the viewer read of an archive; raises the first error."""
    problems = check_integrity(path)
    with ArchivedSlide(path) as archive:
        archive.read(0, 0, archive.header.slide.width, archive.header.slide.height)
        draw_map(archive)
        archive.scores()
    if problems:
        raise UserError(problems[0])


def refused(path: Path) -> str:
    """The one line with which an archive is refused; it takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as error:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    line = str(error.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 600
    return line
