"""Writing a pyramid as a TIFF file that is laid out like Aperio's SVS, for programs that read SVS and nothing else.

    level 0 (tiles) → thumbnail (strips) → level 1, level 2 … (tiles) → label, macro, others (strips)

OpenSlide takes a file for Aperio's if its ImageDescription begins with "Aperio"; tifffile and Bio-Formats look for the
same. They take the second page for the thumbnail, so there must be one. The description says that no scanner wrote the
file.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile

from sr_tf.slides.jpeg2000_grid import RGB_CODE, YCBCR_CODE
from sr_tf.slides.pyramid import PyramidInfo
from sr_tf.slides.pyramid_file import Level

_HEADER = "Aperio Image layout, not scanned: written by sr_tf"
_LABEL, _MACRO = 1, 9  # NewSubfileType of the last two pages
_SAME_MPP = 0.01
_CODINGS = {"jpeg": "JPEG", YCBCR_CODE: "J2K", RGB_CODE: "J2K"}
_WORDS = str.maketrans({"≥": ">=", "≤": "<=", "×": "x", "−": "-", "–": "-", "µ": "u", "|": "/", "\r": " ", "\n": " "})


def check_aperio(info: PyramidInfo) -> None:
    """Checks that the layout can state what a pyramid has.

    Raises:
        ValueError: the µm per pixel of x and y differ by more than 1 %; the layout has one number for both.
    """
    if info.mpp is not None and abs(info.mpp[0] - info.mpp[1]) > _SAME_MPP * max(info.mpp):
        raise ValueError(f"{info.mpp[0]:g} × {info.mpp[1]:g} µm per pixel, expected the same in both directions")


def write_aperio(draft: Path, info: PyramidInfo, levels: list[Level], associated: Mapping[str, np.ndarray]) -> None:
    """Writes the pages of the file; see `sr_tf.slides.pyramid.Layout`. One of the associated images is `thumbnail`."""
    images = dict(associated)
    thumbnail = images.pop("thumbnail")
    last = {name: images.pop(name) for name in ("label", "macro") if name in images} | images
    kinds = {"label": _LABEL, "macro": _MACRO}
    with tifffile.TiffWriter(draft, bigtiff=True, byteorder="<", ome=False, shaped=False) as writer:
        for index, level in enumerate(levels):
            size = f"{info.width}x{info.height}" + (f" -> {level.width}x{level.height}" if index else "")
            writer.write(
                level.tiles,
                shape=(level.height, level.width, 3),
                dtype="uint8",
                tile=info.tile_shape,
                description=_describe(info, size, level) if not index else f"{_HEADER}\r\n{size}",
                iccprofile=info.icc if not index else None,
                software=False,
                metadata=None,
                **level.page,
            )
            if not index:
                _write_image(writer, thumbnail, f"{size} -> {thumbnail.shape[1]}x{thumbnail.shape[0]}", 0)
        for name, image in last.items():
            word = "-".join(name.translate(_WORDS).split()) or "image"
            _write_image(writer, image, f"{word} {image.shape[1]}x{image.shape[0]}", kinds.get(name, 0))


def _write_image(writer: tifffile.TiffWriter, image: np.ndarray, line: str, kind: int) -> None:
    writer.write(
        image,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        subfiletype=kind,
        description=_ascii(f"{_HEADER}\r\n{line}"),
        software=False,
        metadata=None,
    )


def _describe(info: PyramidInfo, size: str, level: Level) -> str:
    """The ImageDescription of level 0: what OpenSlide reads as `aperio.` properties."""
    height, width = info.tile_shape
    compression = level.page["compression"]
    coding = _CODINGS.get(compression, compression)
    fields = {}
    if info.objective_power is not None:
        fields["AppMag"] = f"{info.objective_power:.15g}"
    if info.mpp is not None:
        fields["MPP"] = f"{sum(info.mpp) / 2:.10g}"
    fields["Restored"] = info.description
    for name, text in info.annotations.items():
        if not name.startswith(("tiff.", "openslide.")):
            name = name.replace("=", "-")
            fields[name if name.startswith("sr_tf.") else f"original.{name}"] = text
    line = f"{_HEADER}\r\n{size} ({width}x{height}) {coding}"
    return _ascii("|".join([line, *(f"{_one(name)} = {_one(text)}" for name, text in fields.items())]))


def _one(text: str) -> str:
    return text.translate(_WORDS).strip()


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
