"""How the colours of a JPEG file are stored: said in the file itself, so that every libjpeg decodes it alike."""

import struct
from collections.abc import Container

RGB, YCBCR = 2, 6
"""How the colours are stored, as the TIFF tag PhotometricInterpretation numbers it."""

_SOI, _SOS, _APP0, _APP14, _APP15 = b"\xff\xd8", 0xDA, 0xE0, 0xEE, 0xEF


def stating_colours(file: bytes, photometric: int, over_jfif: bool = False) -> bytes:
    """A JPEG file whose Adobe marker says how its colours are stored.

    Args:
        file: a complete JPEG file.
        photometric: `RGB` or `YCBCR`.
        over_jfif: whether that also holds against a JFIF header, which comes first for libjpeg and means YCbCr.
    """
    adobe = b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 1 if photometric == YCBCR else 0)
    marker = bytes((0xFF, _APP14)) + struct.pack(">H", len(adobe) + 2) + adobe
    return _SOI + marker + _hidden(file, {_APP0, _APP14} if over_jfif else {_APP14})[2:]


def _hidden(file: bytes, markers: Container[int]) -> bytes:
    """Renames some markers in a JPEG's header, so that libjpeg ignores them."""
    changed, place = bytearray(file), 2
    while place + 4 <= len(file) and file[place] == 0xFF and file[place + 1] != _SOS:
        if file[place + 1] == 0xFF:
            place += 1
            continue
        if file[place + 1] in markers:
            changed[place + 1] = _APP15
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
    return bytes(changed)
