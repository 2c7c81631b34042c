"""Forged archives: members and header values are changed, and all hashes are made right again, as an attacker would."""

import contextlib
import hashlib
import io
import json
import random
import struct
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np

from fuzzing.structures import jpeg, json_text
from fuzzing.values import BOUNDARIES, mutated
from sr_tf.archive import av1, native
from sr_tf.archive.container import COMMENT, COMMENT_LENGTH, half_sha256
from sr_tf.archive.index import PIECE_TYPE, from_planes, to_planes

HEADER = "archive.json"
_STORED, _PIECES = ("blocks", "segments"), "pieces.npy"


class Forgery:
    """The parts of an archive, which can be changed and written with right hashes.

    Args:
        path: an intact archive.

    Attributes:
        members: the content of each member except `archive.json`, by name.
        header: the content of `archive.json`.
    """

    def __init__(self, path: Path):
        with zipfile.ZipFile(path) as file:
            self.members = {name: file.read(name) for name in file.namelist()}
        self.header = json.loads(self.members.pop(HEADER))

    def bytes(self, text: str | None = None) -> bytes:
        """The archive with right hashes.

        Args:
            text: the content of `archive.json` instead of `header`.
        """
        self._rehash()
        if text is None:
            text = json.dumps(self.header)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, content in [*self.members.items(), (HEADER, text.encode("utf-8", "surrogateescape"))]:
                info = zipfile.ZipInfo(name)
                info.compress_type = zipfile.ZIP_STORED if name in _STORED else zipfile.ZIP_DEFLATED
                file.writestr(info, content)
            file.comment = bytes(COMMENT_LENGTH)
        return sealed(buffer.getvalue())

    def _rehash(self) -> None:
        self.header["members"] = {name: hashlib.sha256(content).hexdigest() for name, content in self.members.items()}

    def change_blocks(self, draw: random.Random, index: str, data: str) -> None:
        """Changes the bytes of one block or segment, and its length and hash in the index."""
        table = self._table(index)
        ends = np.cumsum(table["length"].ravel().astype(np.int64))
        number = draw.choice([int(place) for place in np.flatnonzero(table["length"].ravel())] or [0])
        end = int(ends[number])
        start = end - int(table["length"].ravel()[number])
        body = self.members[data]
        piece, entry = body[start:end], table.ravel()[number]
        new = jpeg(draw, piece) if piece[:2] == b"\xff\xd8" and draw.random() < 0.5 else mutated(draw, piece, body)
        self.members[data] = body[:start] + new + body[end:]
        table.reshape(-1)["length"][number] = len(new)
        with contextlib.suppress(RuntimeError, ValueError, struct.error, IndexError):
            length = table.dtype["sha256"].itemsize
            table.reshape(-1)["sha256"][number] = np.void(half_sha256(self._whole(entry, new))[:length])
        self._store(index, table)

    def _table(self, name: str) -> np.ndarray:
        """An array as its fields."""
        values = np.load(io.BytesIO(self.members[name]))
        return (from_planes(values) if name == _PIECES else values).copy()

    def _store(self, name: str, table: np.ndarray) -> None:
        self.members[name] = _npy(to_planes(table) if table.dtype == PIECE_TYPE and table.ndim == 1 else table)

    def _whole(self, entry: np.void, body: bytes) -> bytes:
        """The file of which the index holds the hash."""
        if "head" not in entry.dtype.names:
            return imagecodecs.jpegxl_decode_jpeg(body) if entry["kind"] == native.REPACKED else body
        if not entry["head"]:
            return body
        import base64

        return av1.join(base64.b64decode(self.header["heads"][int(entry["head"]) - 1]), body)

    def change_array(self, draw: random.Random, name: str) -> None:
        """Changes a value of an array, its shape, its type, or the header of its NPY file."""
        table = self._table(name)
        action = draw.randrange(6)
        if action == 0:
            self.members[name] = mutated(draw, self.members[name], self.members[name])
            return
        if action == 1:
            table = draw.choice(
                (table[:1], table.T, table.ravel(), table[..., None], np.zeros(table.shape, "V40"), np.zeros(3))
            )
        else:
            values = table.reshape(-1)
            if table.dtype.names:
                values = values[draw.choice([field for field in table.dtype.names if field != "sha256"])]
            value = draw.choice((*BOUNDARIES, 3, 4, 5, 6, 7, 8, float("nan"), float("inf"), -1.0, 1e30))
            with np.errstate(all="ignore"), contextlib.suppress(ValueError, OverflowError):
                if values.dtype.kind == "f":
                    value = np.float64(value).astype(values.dtype)
                else:
                    value = int(value) & (1 << 8 * values.dtype.itemsize) - 1
                values[draw.randrange(len(values)) if draw.random() < 0.8 else slice(None)] = value
        self._store(name, table)


def _npy(table: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return buffer.getvalue()


def sealed(content: bytes) -> bytes:
    """The file with the right hash in its comment."""
    body = content[:-COMMENT_LENGTH]
    return body + (COMMENT + hashlib.sha256(body).hexdigest()).encode()


def forged_member(draw: random.Random, path: Path) -> bytes:
    """An archive with a changed member; every hash is right."""
    forgery = Forgery(path)
    name = draw.choice([*forgery.members, *(["blocks", _PIECES, "blocks.npy", "segments", "segments.npy"] * 2)])
    if name not in forgery.members:
        name = name.replace("segments", "blocks")
    content, action = forgery.members[name], draw.randrange(10)
    if action == 0:
        new = draw.choice(("../x", "/etc/x", "associated/..", "archive.json", "a" * 5000, "associated/x"))
        forgery.members[new] = forgery.members.pop(name)
    elif action == 1 and name not in _STORED:
        forgery.members[name] = draw.choice((b"", bytes(10**6), bytes(10**8), content * 2, content[:-1]))
    elif name.endswith(".npy"):
        forgery.change_array(draw, name)
    elif name in _STORED and content:
        forgery.change_blocks(draw, _PIECES if name == "blocks" else f"{name}.npy", name)
    else:
        forgery.members[name] = mutated(draw, content, content) if content else draw.randbytes(100)
    return forgery.bytes()


def forged_header(draw: random.Random, path: Path) -> bytes:
    """An archive with a changed value in its header; every hash is right."""
    forgery = Forgery(path)
    forgery._rehash()
    if draw.random() < 0.3:
        forgery.header["generators"] = [_generator_record()]
    return forgery.bytes(json_text(draw, forgery.header))


def changed_zip(draw: random.Random, content: bytes) -> bytes:
    """A ZIP file with a changed member; the sizes and checksums of ZIP are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = draw.choice(list(members))
    if name.endswith(".json") and draw.random() < 0.8:
        with contextlib.suppress(ValueError):
            members[name] = json_text(draw, json.loads(members[name])).encode("utf-8", "surrogateescape")
    else:
        action = draw.randrange(6)
        if action == 0:
            del members[name]
        elif action == 1:
            members[draw.choice((name + "x", "../" + name, name.upper()))] = members.pop(name)
        elif action == 2:
            members[name] = members[draw.choice(list(members))]
        elif action == 3 and name.endswith(".npy"):
            members[name] = _npy(_hostile_array(draw))
        else:
            members[name] = mutated(draw, members[name], members[draw.choice(list(members))]) if members[name] else b"x"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as file:
        for member, data in members.items():
            file.writestr(member, data)
    return buffer.getvalue()


def _hostile_array(draw: random.Random) -> np.ndarray:
    numbers = (0, -1, 3, 2**31, 2**63 - 1, float("nan"), float("inf"), 1e300, "x", "../x", True, 1j, "4")
    shapes = ((), (0,), (1,), (3,), (1, 1, 3), (64, 64, 3), (64, 64), (64, 64, 4), (0, 0, 3), (1, 2, 3, 4))
    return np.full(draw.choice(shapes), draw.choice(numbers))


def _generator_record() -> dict:
    from sr_tf.generators.load import shipped

    name = "archive2"
    architecture = shipped()[name]["architecture"]
    return {"name": name, "architecture": architecture, "weights_sha256": "0" * 64, "engine": "tensorflow 2.21.0"}
