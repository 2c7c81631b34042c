"""Forged archives: parts of golden archives that were changed and written again with right hashes."""

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from reader_container import COMMENT
from reader_index import PIECE_TYPE

FOLDER = Path(__file__).parent


class Parts:
    """The parts of an archive, to be changed and written again with right hashes."""

    def __init__(self, name: str):
        with zipfile.ZipFile(FOLDER / f"{name}.sr.zip") as file:
            self.members = {info.filename: file.read(info) for info in file.infolist()}
        self.header = json.loads(self.members.pop("archive.json"))
        self.deflated: set[str] = set()
        self.last: list[tuple[str, bytes]] = []

    def change_array(self, name: str, change: Callable[[np.ndarray], np.ndarray | None]) -> None:
        """Changes an array in place, or replaces it by what `change` returns."""
        values = np.load(io.BytesIO(self.members[name]))
        changed, buffer = change(values), io.BytesIO()
        np.save(buffer, values if changed is None else changed)
        self.members[name] = buffer.getvalue()

    def write(self) -> bytes:
        """The archive's file."""
        buffer = io.BytesIO()
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in self.members.items()}
        header = {**self.header, "members": hashes | self.header.get("forged", {})}
        with zipfile.ZipFile(buffer, "w") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two members of one name
            for name, content in [*self.members.items(), ("archive.json", json.dumps(header).encode()), *self.last]:
                file.writestr(name, content, zipfile.ZIP_DEFLATED if name in self.deflated else zipfile.ZIP_STORED)
            file.comment = bytes(len(COMMENT) + 64)
        content = buffer.getvalue()[: -len(COMMENT) - 64]
        return content + COMMENT + hashlib.sha256(content).hexdigest().encode()


def first(name: str, field: str, value: int) -> Callable[[Parts], None]:
    def change(values: np.ndarray) -> None:
        values[field][0, 0] = value

    return lambda parts: parts.change_array(name, change)


def piece(field: str, value: int, number: int = 0) -> Callable[[Parts], None]:
    def change(planes: np.ndarray) -> np.ndarray:
        table = np.frombuffer(np.ascontiguousarray(planes.T).tobytes(), PIECE_TYPE).copy()
        table[field][number] = value
        return np.frombuffer(table.tobytes(), np.uint8).reshape(len(table), -1).T.copy()

    return lambda parts: parts.change_array("pieces.npy", change)


def kind(value: int) -> Callable[[Parts], None]:
    def change(values: np.ndarray) -> None:
        values[0, 0] = value

    return lambda parts: parts.change_array("blocks.npy", change)


def generator(place: str, value: object) -> Callable[[Parts], None]:
    """Changes a field of the first generator's record."""

    def change(parts: Parts) -> None:
        *path, last = place.split(".")
        fields = parts.header["generators"][0]
        for key in path:
            fields = fields[key]
        fields[last] = value

    return change


def member_of_weights(parts: Parts) -> str:
    return next(name for name in parts.members if name.startswith("generators/"))


def deep_filter(parts: Parts, blocks: int) -> None:
    """Replaces the filter by one of so many residual blocks, whose weights are all 0."""
    record = parts.header["generators"][0]
    record["architecture"].update(blocks=blocks, filters=1)
    count = 9 * 13 + 1 + (2 * blocks + 1) * 10 + 9 * 12 + 12
    del parts.members[member_of_weights(parts)]
    record["weights_sha256"] = hashlib.sha256(bytes(4 * count)).hexdigest()
    parts.members[f"generators/{record['weights_sha256']}"] = bytes(4 * count)


def header(place: str, value: object) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        *path, last = place.split(".")
        fields = parts.header
        for key in path:
            fields = fields[key]
        fields[last] = value

    return change


def turned(name: str, place: int) -> Callable[[Parts], None]:
    """Changes a byte of a member; the hash in `archive.json` is that of the changed member."""

    def change(parts: Parts) -> None:
        content = bytearray(parts.members[name])
        content[place] ^= 1
        parts.members[name] = bytes(content)

    return change


FORGERIES = {
    "format": ("exact", header("format", "another archive")),
    "version": ("exact", header("version", 2)),
    "block": ("exact", header("block", 256)),
    "gate tile": ("exact", header("gate_tile", 128)),
    "no width": ("exact", lambda parts: parts.header["slide"].pop("width")),
    "width of text": ("exact", header("slide.width", "101")),
    "width 0": ("exact", header("slide.width", 0)),
    "huge": ("exact", header("slide.width", 2**31 - 1)),
    "too many blocks": ("exact", lambda parts: parts.header["slide"].update(width=2**20, height=2**20)),
    "another width": ("exact", header("slide.width", 102)),
    "another number of blocks": ("exact", header("slide.width", 613)),
    "unknown kind": ("exact", first("blocks.npy", "kind", 12)),
    "a kind of version 2": ("full-size", first("blocks.npy", "kind", 10)),
    "weights in version 1": ("generator-4x", generator("embedded", True)),
    "two generators of one scale": ("generator-4x", generator("architecture.scale", 2)),
    "kind 0": ("exact", first("blocks.npy", "kind", 0)),
    "AVIF that is JPEG XL": ("exact", first("blocks.npy", "kind", 5)),
    "segments that are not there": ("exact", first("blocks.npy", "kind", 8)),
    "no such head": ("full-size", first("blocks.npy", "head", 9)),
    "another head": ("full-size", first("blocks.npy", "head", 2)),
    "a head that is not Base64": ("full-size", lambda parts: parts.header["heads"].__setitem__(0, "é")),
    "a length": ("full-size", first("blocks.npy", "length", 1)),
    "a block": ("full-size", turned("blocks", 100)),
    "a segment": ("jpeg-tiles", turned("segments", 500)),
    "a segment's kind": ("jpeg-tiles", first("segments.npy", "kind", 3)),
    "a segment that is left out": ("jpeg-tiles", first("segments.npy", "kind", 0)),
    "a segment's length": ("jpeg-tiles", first("segments.npy", "length", 1)),
    "sides of segments": ("jpeg-tiles", header("native.segment_width", 120)),
    "colours of segments": ("jpeg-tiles", header("native.photometric", 1)),
    "another page": ("jpeg-tiles", header("native.width", 359)),
    "an associated image's size": ("associated", header("associated.label.width", 61)),
    "an associated image's codec": ("associated", header("associated.label.stored", "png")),
    "an associated image's segments": ("jpeg-tiles", header("associated.macro.lengths", [1, 2])),
    "an associated image's counts": ("jpeg-tiles", header("associated.macro.kinds", [2])),
    "an associated image that is missing": ("associated", lambda parts: parts.members.pop("associated/label")),
    "a member that is missing": ("exact", lambda parts: parts.members.pop("scores.npy")),
    "a member too many": ("exact", lambda parts: parts.members.update(more=b"")),
    "two members of one name": ("exact", lambda parts: parts.last.append(("preview.jpg", b""))),
    "a member's hash": ("exact", header("forged", {"preview.jpg": "0" * 64})),
    "deflated blocks": ("exact", lambda parts: parts.deflated.add("blocks")),
    "a large text": ("exact", lambda parts: parts.members.update({"README.txt": bytes(1 << 17)})),
    "an index of another type": ("exact", lambda parts: parts.change_array("blocks.npy", lambda a: a["length"].copy())),
    "an index of another shape": ("exact", lambda parts: parts.change_array("blocks.npy", lambda a: a.repeat(2, 0))),
    "scores of another shape": ("exact", lambda parts: parts.change_array("scores.npy", lambda a: a.ravel())),
    "an index that is no array": ("exact", lambda parts: parts.members.update({"blocks.npy": b"{}"})),
    "2: a later version": ("2-exact", header("version", 3)),
    "2: version 1": ("2-exact", header("version", 1)),
    "2: a codec of segments": ("2-jpeg-tiles", header("native.codec", "jpeg2000")),
    "3: version 2": ("3-jpeg-2000", header("version", 2)),
    "3: a later version": ("3-jpeg-2000", header("version", 4)),
    "3: no codec": ("3-jpeg-2000", lambda parts: parts.header["native"].pop("codec")),
    "3: another codec": ("3-jpeg-2000", header("native.codec", "webp")),
    "3: tables": ("3-jpeg-2000", header("native.tables", "/9j/2Q==")),
    "3: another size of tiles": ("3-jpeg-2000", header("native.segment_height", 120)),
    "3: a tile": ("3-jpeg-2000", turned("segments", 100)),
    "4: a later version": ("4-placed-page", header("version", 5)),
    "4: version 2": ("4-placed-page", header("version", 2)),
    "4: no place": ("4-placed-page", lambda parts: parts.header["native"].pop("y")),
    "4: a place in version 2": ("2-jpeg-tiles", header("native.x", 0)),
    "4: a negative place": ("4-placed-page", header("native.x", -1)),
    "4: a page beyond the slide": ("4-placed-page", header("native.x", 171)),
    "4: a codec": ("4-placed-page", header("native.codec", "jpeg2000")),
    "4: a place of an associated image": ("2-jpeg-tiles", header("associated.macro.segments.x", 0)),
    "2: no layout": ("2-exact", lambda parts: parts.header.pop("layout")),
    "2: another size of pieces": ("2-exact", header("layout.piece", 1024)),
    "2: another interpolation": ("2-exact", header("layout.interpolation", "linear")),
    "2: other edges": ("2-exact", header("layout.edges", "mirrored")),
    "2: no number of pieces": ("2-exact", lambda parts: parts.header.pop("pieces")),
    "2: another number of pieces": ("2-exact", header("pieces", 2)),
    "2: no scores": ("2-exact", lambda parts: parts.header.pop("scores")),
    "2: other scores": ("2-exact", header("scores", ["psnr", "ssim"])),
    "2: another order of scores": ("2-exact", header("scores", ["ssim", "psnr", "shift"])),
    "2: unknown kind": ("2-exact", kind(12)),
    "2: kind 0": ("2-exact", kind(0)),
    "2: a block of another scale": ("2-shared", kind(1)),
    "2: a block of another codec": ("2-full-size", kind(6)),
    "2: segments that are not there": ("2-exact", kind(8)),
    "2: segments without a piece": ("2-jpeg-tiles", kind(7)),
    "2: a piece of no rows": ("2-shared", piece("rows", 0)),
    "2: a piece of too many rows": ("2-shared", piece("rows", 4, 1)),
    "2: a piece of too many columns": ("2-shared", piece("columns", 3, 1)),
    "2: a piece outside": ("2-shared", piece("row", 3)),
    "2: a piece far outside": ("2-shared", piece("column", 2**32 - 1)),
    "2: a piece elsewhere": ("2-shared", piece("row", 1)),
    "2: a piece of another scale": ("2-shared", piece("scale", 2)),
    "2: a piece of an unknown scale": ("2-shared", piece("scale", 8)),
    "2: a piece of an unknown codec": ("2-exact", piece("codec", 3)),
    "2: a piece of another codec": ("2-exact", piece("codec", 1)),
    "2: a level above 100": ("2-shared", piece("level", 101)),
    "2: a piece without a block": ("2-shared-in-part", kind(5)),
    "2: no such head": ("2-shared", piece("head", 9)),
    "2: another head": ("2-full-size", piece("head", 0)),
    "2: a length": ("2-shared", piece("length", 1)),
    "2: a piece": ("2-shared", turned("blocks", 100)),
    "2: no overview": ("2-exact", lambda parts: parts.members.pop("overview.avif")),
    "2: a preview": ("2-exact", lambda parts: parts.members.update({"preview.jpg": b""})),
    "2: no index of pieces": ("2-exact", lambda parts: parts.members.pop("pieces.npy")),
    "2: an index of another type": (
        "2-exact",
        lambda parts: parts.change_array("blocks.npy", np.int8),
    ),
    "2: pieces of another type": ("2-exact", lambda parts: parts.change_array("pieces.npy", lambda a: a[:4].copy())),
    "2: scores of another shape": ("2-exact", lambda parts: parts.change_array("scores.npy", lambda a: a[:3])),
    "2: no cells": ("2-small-details", lambda parts: parts.members.pop("cells.npy")),
    "2: cells of another shape": ("2-small-details", lambda parts: parts.change_array("cells.npy", lambda a: a[1:])),
    "2: unknown scores of cells": ("2-small-details", lambda parts: parts.change_array("cells.npy", lambda a: a | 15)),
    "2: cells without a threshold are damaged": (
        "2-exact",
        lambda parts: parts.members.update({"cells.npy": b"cells"}),
    ),
    "1: cells": ("exact", lambda parts: parts.members.update({"cells.npy": b"cells"})),
    "2: weights that are missing": ("2-filter", lambda parts: parts.members.pop(member_of_weights(parts))),
    "2: weights that are not named": ("2-filter", generator("embedded", False)),
    "2: other weights": ("2-filter", lambda parts: turned(member_of_weights(parts), 50)(parts)),
    "2: too few weights": (
        "2-filter",
        lambda parts: parts.members.update({member_of_weights(parts): parts.members[member_of_weights(parts)][:-4]}),
    ),
    "2: weights of another architecture": ("2-filter", generator("architecture.filters", 5)),
    "2: a halo of more than a block": ("2-filter", lambda parts: deep_filter(parts, 127)),
    "2: a network of another scale": ("2-own-generator", generator("architecture.scale", 2)),
}
