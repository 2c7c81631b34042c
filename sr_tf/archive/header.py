"""`archive.json`: the metadata of an archive."""

import base64
import dataclasses
import json
from dataclasses import dataclass, field

import msgspec
import numpy as np

from sr_tf.archive.gate import Gate, score_names
from sr_tf.archive.grid import BLOCK, GATE_TILE, Grid
from sr_tf.archive.native import JPEG_2000, JPEG_FILES, Segments
from sr_tf.archive.red_cells import RedCells
from sr_tf.archive.schema import (
    FORMAT,
    LAYOUT,
    VERSION,
    VERSION_OF_JPEG_2000,
    VERSION_OF_PLACED_PAGES,
    AssociatedFields,
    SegmentFields,
    from_base64,
    parse,
)
from sr_tf.slides.info import SlideInfo

NOTICE = (
    "For research use only. Not a medical device. Pixels are reconstructed: each tile was measured against the "
    "original when it was archived, and its scores are in scores.npy."
)


_OPTIONAL_LIMITS = ("min_local_ssim", "max_local_error")
"""Thresholds that the header states only if they are set: archives of earlier programs have none."""


@dataclass(frozen=True)
class Header:
    """The contents of `archive.json`.

    Attributes:
        slide: the slide's metadata, without what `--deidentify` removed. Its `icc` is stored in a member of its own.
        source: `name` of the slide's file, `bytes` and `sha256` of all its files, `files` their number if above 1;
            none of them after `--deidentify`. `second_reader`: what a second decoder compared, in words; archives of
            earlier versions lack it. `reduced`: of a slide that was reduced before it was archived, by which `factor`,
            and its `objective_power`, `width` and `height` before.
        gate: the gate that every tile passed; of the quality `study` it has no thresholds.
        generators: records of the generators, see `sr_tf.archive.enlarge.BlockGenerator`.
        codecs: versions of the libraries that coded the blocks, by name.
        heads: the heads of AVIF files, see `sr_tf.archive.av1`.
        native: layout of the original's JPEG or JPEG 2000 segments, if the archive contains any of them; else None.
        associated: how each associated image is stored, by its name; see `sr_tf.archive.associated`.
        removed: what `--deidentify` removed, without names that the file's owner may have chosen.
        software: name and version of the program that wrote the archive.
        members: SHA-256 of each other member, by its name.
        pieces: number of pieces; 0 in version 1, which has one for each block.
        version: the format's version.
        red_cells: the outcome if red cells were compared; else None. Then `gate.red_cells` says what agrees.
    """

    slide: SlideInfo
    source: dict
    gate: Gate
    generators: list[dict]
    codecs: dict[str, str]
    heads: list[bytes]
    native: Segments | None
    associated: dict[str, dict]
    removed: list[str]
    software: str
    members: dict[str, str] = field(default_factory=dict)
    pieces: int = 0
    version: int = VERSION
    red_cells: RedCells | None = None

    @property
    def grid(self) -> Grid:
        """The slide's grid."""
        return Grid(self.slide.width, self.slide.height)

    @property
    def _version_to_write(self) -> int:
        if self.native is None:
            return VERSION
        if not self.native.covers(self.slide.width, self.slide.height):
            return VERSION_OF_PLACED_PAGES
        return VERSION_OF_JPEG_2000 if self.native.codec == JPEG_2000 else VERSION

    def to_json(self) -> str:
        """The content of `archive.json`."""
        slide = dataclasses.asdict(self.slide)
        del slide["icc"]
        gate = dataclasses.asdict(self.gate)
        agree = gate.pop("red_cells")
        if self.gate.lossless:
            gate["min_psnr"] = None
        gate = {name: value for name, value in gate.items() if value is not None or name not in _OPTIONAL_LIMITS}
        content = {
            "format": FORMAT,
            "version": self._version_to_write,
            "notice": NOTICE,
            "software": self.software,
            "slide": slide,
            "source": self.source,
            "gate": {**gate, "protocol": self.gate.protocol},
            **({"red_cells": {"agree": agree, **dataclasses.asdict(self.red_cells)}} if self.red_cells else {}),
            "block": BLOCK,
            "gate_tile": GATE_TILE,
            "layout": msgspec.to_builtins(LAYOUT),
            "pieces": self.pieces,
            "scores": list(score_names(self.gate)),
            "generators": self.generators,
            "codecs": self.codecs,
            "heads": [_text(head) for head in self.heads],
            "native": self.native and _segments_to_json(self.native, self._version_to_write == VERSION_OF_PLACED_PAGES),
            "associated": {
                name: {key: _segments_to_json(value) if key == "segments" else value for key, value in entry.items()}
                for name, entry in self.associated.items()
            },
            "removed": self.removed,
            "members": self.members,
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, icc: bytes | None) -> "Header":
        """Reads `archive.json`.

        Args:
            text: the content of `archive.json`.
            icc: the content of `profile.icc`, or None.

        Raises:
            ValueError: `text` is not a valid `archive.json` of this version, see `sr_tf.archive.schema`.
        """
        fields = parse(text)
        slide, gate = msgspec.structs.asdict(fields.slide), msgspec.structs.asdict(fields.gate)
        outcome = {} if fields.red_cells is None else msgspec.structs.asdict(fields.red_cells)
        gate["red_cells"] = outcome.pop("agree", None)
        return cls(
            slide=SlideInfo(**slide, icc=icc),
            source=msgspec.to_builtins(fields.source),
            gate=Gate(**{**gate, "min_psnr": np.inf if gate["min_psnr"] is None else gate["min_psnr"]}),
            generators=[msgspec.to_builtins(record) for record in fields.generators],
            codecs=fields.codecs,
            heads=[from_base64(f"heads[{index}]", head) for index, head in enumerate(fields.heads)],
            native=fields.native and _segments_from_json("native.tables", fields.native),
            associated={name: _associated_from_json(name, entry) for name, entry in fields.associated.items()},
            removed=fields.removed,
            software=fields.software,
            members=fields.members,
            pieces=fields.pieces or 0,
            version=fields.version,
            red_cells=RedCells(**outcome) if outcome else None,
        )


def _without_unset(fields: msgspec.Struct) -> dict:
    return {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not msgspec.UNSET}


def _segments_to_json(segments: Segments, placed: bool = False) -> dict:
    content = dataclasses.asdict(segments)
    if segments.codec == JPEG_FILES:  # as archives of earlier programs state it
        del content["codec"]
    if not placed:
        del content["x"], content["y"]
    return {**content, "tables": None if segments.tables is None else _text(segments.tables)}


def _segments_from_json(where: str, fields: SegmentFields) -> Segments:
    content = _without_unset(fields)
    return Segments(**{**content, "tables": None if fields.tables is None else from_base64(where, fields.tables)})


def _associated_from_json(name: str, fields: AssociatedFields) -> dict:
    entry = _without_unset(fields)
    if "segments" in entry:
        entry["segments"] = _segments_from_json(f"associated.{name}.segments.tables", fields.segments)
    return entry


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
