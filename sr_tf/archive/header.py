"""`archive.json`: the metadata of an archive."""

import base64
import dataclasses
import json
from dataclasses import dataclass, field

import numpy as np

from sr_tf.archive.gate import PROTOCOL, Gate
from sr_tf.archive.grid import BLOCK, GATE_TILE, Grid
from sr_tf.archive.native import Segments
from sr_tf.slides.info import SlideInfo

FORMAT = "sr_tf archive"
VERSION = 1
NOTICE = (
    "For research use only. Not a medical device. Pixels are reconstructed: each tile was measured against the "
    "original when it was archived, and its scores are in scores.npy."
)


@dataclass(frozen=True)
class Header:
    """The contents of `archive.json`.

    Attributes:
        slide: the slide's metadata, without what `--deidentify` removed. Its `icc` is stored in a member of its own.
        source: `name` of the slide's file, `bytes` and `sha256` of all its files, `files` their number if above 1;
            none of them after `--deidentify`. `second_reader`: what a second decoder compared, in words; archives of
            earlier versions lack it.
        gate: the gate that every tile passed.
        generators: records of the generators, see `sr_tf.archive.enlarge.BlockGenerator`.
        codecs: versions of the libraries that coded the blocks, by name.
        heads: the heads of AVIF files, see `sr_tf.archive.av1`.
        native: layout of the original's JPEG segments, if the archive contains any of them; else None.
        associated: how each associated image is stored, by its name; see `sr_tf.archive.associated`.
        removed: what `--deidentify` removed, without names that the file's owner may have chosen.
        software: name and version of the program that wrote the archive.
        members: SHA-256 of each other member, by its name.
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

    @property
    def grid(self) -> Grid:
        """The slide's grid."""
        return Grid(self.slide.width, self.slide.height)

    def to_json(self) -> str:
        """The content of `archive.json`."""
        slide = dataclasses.asdict(self.slide)
        del slide["icc"]
        gate = dataclasses.asdict(self.gate)
        if self.gate.lossless:
            gate["min_psnr"] = None
        content = {
            "format": FORMAT,
            "version": VERSION,
            "notice": NOTICE,
            "software": self.software,
            "slide": slide,
            "source": self.source,
            "gate": {**gate, "protocol": PROTOCOL},
            "block": BLOCK,
            "gate_tile": GATE_TILE,
            "generators": self.generators,
            "codecs": self.codecs,
            "heads": [_text(head) for head in self.heads],
            "native": self.native and _segments_to_json(self.native),
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
            ValueError, KeyError, TypeError: `text` is not a valid `archive.json` of this version.
        """
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']!r}, expected {FORMAT!r}")
        if content["version"] != VERSION or content["block"] != BLOCK or content["gate_tile"] != GATE_TILE:
            raise ValueError(f"version {content['version']}, expected {VERSION}; a newer sr_tf may be able to read it")
        slide = content["slide"]
        mpp = slide["mpp"]
        slide = SlideInfo(**{**slide, "mpp": mpp and (float(mpp[0]), float(mpp[1])), "icc": icc})
        if not (0 < int(slide.width) < 2**31 and 0 < int(slide.height) < 2**31):
            raise ValueError(f"a slide of {slide.width}×{slide.height} pixels, expected 1 to 2147483647 each")
        gate = content["gate"]
        gate = Gate(
            gate["name"],
            np.inf if gate["min_psnr"] is None else float(gate["min_psnr"]),
            float(gate["min_ssim"]),
            gate["max_enl0"],
            float(gate["max_shift"]),
        )
        return cls(
            slide=slide,
            source=dict(content["source"]),
            gate=gate,
            generators=list(content["generators"]),
            codecs=dict(content["codecs"]),
            heads=[base64.b64decode(head) for head in content["heads"]],
            native=content["native"] and _segments_from_json(content["native"]),
            associated={
                name: {key: _segments_from_json(value) if key == "segments" else value for key, value in entry.items()}
                for name, entry in content["associated"].items()
            },
            removed=list(content["removed"]),
            software=str(content["software"]),
            members=dict(content["members"]),
        )


def _segments_to_json(segments: Segments) -> dict:
    content = dataclasses.asdict(segments)
    return {**content, "tables": None if segments.tables is None else _text(segments.tables)}


def _segments_from_json(content: dict) -> Segments:
    tables, subsampling = content["tables"], content["subsampling"]
    return Segments(
        **{
            **content,
            "tables": None if tables is None else base64.b64decode(tables),
            "subsampling": subsampling and (int(subsampling[0]), int(subsampling[1])),
        }
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
