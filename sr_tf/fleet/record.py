"""What is known of a slide's archive: the options it was made with, the files it was made of, and its figures."""

import math
from pathlib import Path
from typing import Any, Literal

import msgspec

from sr_tf.archive.gate import Gate, worst
from sr_tf.archive.header import Header
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options
from sr_tf.generators.load import shipped
from sr_tf.generators.names import parse_model
from sr_tf.slides.source_files import SourceFiles

_ANONYMOUS = "custom"

Fingerprint = list[list[str | int]]
"""Of each file its name, size and the times of its last changes in ns."""


class Record(msgspec.Struct):
    """A slide in a fleet's state.

    Attributes:
        state: `running`: it was begun, and its archive did not exist; `done`: its archive is complete; `failed`.
        source: the slide's file.
        options: the options in words, see `words`.
        slide: the fingerprint of the slide's files when its archive was begun.
        archive: the fingerprint of the complete archive.
        identity: the slide's identity, as archives record it.
        tries: how often it was begun in the last call.
        seconds: time spent on it in all tries that ended while the program ran.
        width: width of the slide in pixels; like all that follows, 0 until the archive is complete.
        height: height of the slide in pixels.
        source_bytes: bytes of all files of the slide.
        archive_bytes: bytes of the archive.
        quality: name of the gate.
        psnr: PSNR of the worst tile in dB; None: every pixel is equal, or the archive is not complete.
        ssim: SSIM of the worst tile.
        reason: why it failed.
    """

    state: Literal["running", "done", "failed"]
    source: str
    options: dict[str, Any]
    slide: Fingerprint = []
    archive: Fingerprint = []
    identity: dict[str, Any] = {}
    tries: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    source_bytes: int = 0
    archive_bytes: int = 0
    quality: str = ""
    psnr: float | None = None
    ssim: float | None = None
    reason: str = ""

    @property
    def pixels(self) -> int:
        """Number of pixels of the slide."""
        return self.width * self.height


def fingerprint(paths: list[Path]) -> Fingerprint:
    """Differs when one of the files was written to, replaced or copied; reads none of them.

    A file that cannot be reached has a size of −1.
    """
    return [[ascii(path.name), *_status(path)] for path in paths]


def _status(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def words(options: Options) -> dict[str, Any]:
    """Everything that an archive depends on besides its slide: JSON values by the words for it in errors."""
    models = options.used_models
    names = [parse_model(model) for model in models]
    known = shipped()
    return {
        **_of_gate(options.gate),
        "generators": sorted(
            str(name) if name.where in known or not options.deidentify else _ANONYMOUS for name in names
        ),
        "engine": options.engine if models else None,
        "de-identification": options.deidentify,
        "associated images": options.associated and not options.deidentify,
        "refinement": options.refine,
        "effort": options.effort,
        "generators by reference": bool(models) and not options.embed,
        **({"highest magnification": options.max_magnification} if options.max_magnification else {}),
    }


def words_of(header: Header) -> dict[str, Any]:
    """Those of `words` that an archive records itself."""
    engines = {record.get("engine", "tensorflow").split()[0] for record in header.generators}
    return {
        **_of_gate(header.gate),
        "generators": sorted(record["name"] for record in header.generators),
        "engine": min(engines, default=None),
        "de-identification": bool(header.removed),
    }


def _of_gate(gate: Gate) -> dict[str, Any]:
    of_cells = {"lowest local SSIM": gate.min_local_ssim, "largest local error": gate.max_local_error}
    return {
        "quality": gate.name,
        "lowest PSNR": None if gate.lossless else gate.min_psnr,
        "lowest SSIM": gate.min_ssim,
        "largest ENL0 distance": gate.max_enl0,
        "largest shift": gate.max_shift,
        **{name: limit for name, limit in of_cells.items() if limit is not None},
        **({"same red cells": gate.red_cells} if gate.red_cells else {}),
    }


def record_of(archive: ArchiveFile, files: SourceFiles, options: dict[str, Any], slide: Fingerprint) -> Record:
    """Describes a complete archive.

    Args:
        archive: the archive.
        files: the slide's files.
        options: the options it was made with, in words.
        slide: the fingerprint of the slide's files before it was read.

    Raises:
        UserError: the scores are damaged.
    """
    header, scores = archive.header, archive.scores()
    psnr = worst("psnr", scores["psnr"])
    recorded = {key: header.source[key] for key in ("bytes", "sha256", "files") if key in header.source}
    return Record(
        state="done",
        source=str(files.path),
        options=options,
        slide=slide,
        archive=fingerprint([archive.path]),
        identity=recorded,
        width=header.slide.width,
        height=header.slide.height,
        source_bytes=sum(int(size) for _, size, *_ in slide if int(size) > 0),
        archive_bytes=archive.path.stat().st_size,
        quality=header.gate.name,
        psnr=None if math.isinf(psnr) else psnr,
        ssim=worst("ssim", scores["ssim"]),
    )
