"""TIFF files of JPEG tiles with any tags, also wrong ones."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np

from sr_tf.data.smear import render_smear

SIDE = 256
_TABLES = (0xDB, 0xC4)


def tiles_of(tile: tuple[int, int], subsampling: str = "420", **options) -> list[bytes]:
    """JPEG files of a drawn smear of `SIDE` × `SIDE` pixels, cut into tiles of (width, height)."""
    pixels = render_smear(3, SIDE, SIDE)
    width, height = tile
    padded = np.pad(pixels, ((0, -SIDE % height), (0, -SIDE % width), (0, 0)), mode="edge")
    return [
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(padded[y : y + height, x : x + width]), level=90, subsampling=subsampling, **options
        )
        for y in range(0, SIDE, height)
        for x in range(0, SIDE, width)
    ]


def without_tables(jpeg: bytes) -> tuple[bytes, bytes]:
    """Splits a JPEG file into (a stream that holds only its tables, the rest)."""
    tables, rest, place = b"", b"\xff\xd8", 2
    while jpeg[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if jpeg[place + 1] in _TABLES:
            tables += jpeg[place:end]
        else:
            rest += jpeg[place:end]
        place = end
    return b"\xff\xd8" + tables + b"\xff\xd9", rest + jpeg[place:]


def write_tiff(
    path: Path,
    tile: tuple[int, int],
    jpegs: list[bytes],
    subsampling: tuple[int, int] | None = None,
    photometric: int = 6,
    tables: bytes | None = None,
) -> Path:
    """Writes JPEG files as the tiles of a page that claims the given tags."""
    data, offsets = bytearray(b"II*\0\0\0\0\0"), []
    for jpeg in jpegs:
        offsets.append(len(data))
        data += jpeg + bytes(len(jpeg) % 2)
    places = {}
    for name, part in (
        ("bits", struct.pack("<3H", 8, 8, 8)),
        ("offsets", struct.pack(f"<{len(jpegs)}I", *offsets)),
        ("counts", struct.pack(f"<{len(jpegs)}I", *map(len, jpegs))),
        ("tables", tables or b""),
    ):
        places[name] = len(data)
        data += part + bytes(len(part) % 2)
    tags = [
        (256, 4, 1, SIDE), (257, 4, 1, SIDE), (258, 3, 3, places["bits"]), (259, 3, 1, 7), (262, 3, 1, photometric),
        (277, 3, 1, 3), (284, 3, 1, 1), (322, 4, 1, tile[0]), (323, 4, 1, tile[1]),
        (324, 4, len(jpegs), places["offsets"]), (325, 4, len(jpegs), places["counts"]),
    ]  # fmt: skip
    if tables:
        tags.append((347, 7, len(tables), places["tables"]))
    if subsampling:
        tags.append((530, 3, 2, subsampling[0] | subsampling[1] << 16))
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(data)
    return path
