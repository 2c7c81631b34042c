"""Removes the text of an ICC colour profile and keeps its colour transform.

A profile can hold names and serial numbers: in its description and copyright, in private tags, in the header's codes of
the maker, in its date, and in bytes that no tag uses. Therefore the profile is written anew from the tags that a colour
transform needs, each with exactly the bytes that its type defines (ISO 15076-1).
"""

import math
from collections.abc import Iterator

_HEADER = 128
_LARGEST = 1 << 26
_COLOUR_TAGS = {
    b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC",
    b"kTRC", b"wtpt", b"bkpt", b"chad", b"chrm", b"lumi",
}  # fmt: skip
# Colour transforms of other kinds. A profile without them would give other colours.
_UNKNOWN_TRANSFORMS = {b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2", b"B2D3", b"ncl2"}
_CLASSES = {b"scnr", b"mntr", b"prtr", b"spac"}
_SPACES = {b"RGB ", b"GRAY", b"XYZ ", b"Lab ", b"YCbr", b"CMYK"}
_D50 = bytes.fromhex("0000f6d6000100000000d32d")
_DATE = bytes.fromhex("07d0 0001 0001 0000 0000 0000")
_PARAMETERS = (1, 3, 4, 5, 7)
_TEXT = "removed"


def without_text(profile: bytes) -> bytes | None:
    """Returns a profile with the same colour transform, and without text, dates, codes of makers and private tags.

    Args:
        profile: an ICC profile.

    Returns:
        A valid profile. None if the profile is damaged or its transform is of a kind that is not known here.
    """
    try:
        return _rewritten(profile)
    except (ValueError, IndexError):
        return None


def _rewritten(profile: bytes) -> bytes:
    if not _HEADER + 4 <= len(profile) <= _LARGEST or profile[36:40] != b"acsp":
        raise ValueError("not a profile")
    if profile[12:16] not in _CLASSES or profile[16:20] not in _SPACES or profile[20:24] not in (b"XYZ ", b"Lab "):
        raise ValueError("a profile of another kind")
    version = profile[8]
    tags = {b"desc": _description(version), b"cprt": _copyright(version)}
    for name, data in _tags(profile):
        if name in _UNKNOWN_TRANSFORMS:
            raise ValueError(f"a transform {name!r}")
        if name in _COLOUR_TAGS:
            tags[name] = _exact(data)
    return _joined(_header(profile), tags)


def _header(profile: bytes) -> bytes:
    """Bytes 4 to 127: version, class, colour spaces, flags and intent are kept."""
    flags, attributes, intent = profile[47] & 3, profile[63] & 15, profile[67] & 3
    return b"".join(
        [
            bytes(4), profile[8:10], bytes(2), profile[12:24], _DATE, b"acsp", bytes(4), bytes([0, 0, 0, flags]),
            bytes(8), bytes(7), bytes([attributes]), bytes([0, 0, 0, intent]), _D50, bytes(48),
        ]
    )  # fmt: skip


def _joined(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    place, table, content = _HEADER + 4 + 12 * len(tags), [], []
    places: dict[bytes, int] = {}
    for name, data in tags.items():
        if data not in places:
            places[data] = place
            padded = data + bytes(-len(data) % 4)
            content.append(padded)
            place += len(padded)
        table.append(name + _u32(places[data]) + _u32(len(data)))
    return b"".join([_u32(place), header, _u32(len(tags)), *table, *content])


def _tags(profile: bytes) -> Iterator[tuple[bytes, bytes]]:
    count = _number(profile, _HEADER, 4)
    if _HEADER + 4 + 12 * count > len(profile):
        raise ValueError(f"{count} tags")
    for index in range(count):
        entry = _HEADER + 4 + 12 * index
        start, length = _number(profile, entry + 4, 4), _number(profile, entry + 8, 4)
        if start + length > len(profile):
            raise ValueError("a tag beyond the end")
        yield profile[entry : entry + 4], profile[start : start + length]


def _exact(data: bytes) -> bytes:
    """A tag's content with exactly the bytes that its type defines."""
    kind = data[:4]
    if kind in (b"mAB ", b"mBA "):
        return _curves_and_table(data)
    length = _length(kind, data)
    if length > len(data):
        raise ValueError(f"a tag of type {kind!r} is truncated")
    return kind + bytes(4) + data[8:length]


def _length(kind: bytes, data: bytes) -> int:
    if kind == b"XYZ ":
        return 20
    if kind == b"curv":
        return 12 + 2 * _number(data, 8, 4)
    if kind == b"para":
        return 12 + 4 * _PARAMETERS[_number(data, 8, 2)]
    if kind == b"sf32":
        return 8 + 4 * 9
    if kind == b"chrm":
        return 12 + 8 * _number(data, 8, 2)
    inputs, outputs, grid = data[8], data[9], data[10]
    if kind == b"mft1":
        return 48 + 256 * (inputs + outputs) + _table(inputs, outputs, [grid] * inputs)
    if kind == b"mft2":
        first, last = _number(data, 48, 2), _number(data, 50, 2)
        return 52 + 2 * (first * inputs + last * outputs + _table(inputs, outputs, [grid] * inputs))
    raise ValueError(f"a tag of type {kind!r}")


def _curves_and_table(data: bytes) -> bytes:
    """The types mAB and mBA: curves, a matrix and a table at any places. Bytes that they do not use become 0."""
    inputs, outputs = data[8], data[9]
    b, matrix, m, table, a = (_number(data, place, 4) for place in range(12, 32, 4))
    near, far = (outputs, inputs) if data[:4] == b"mAB " else (inputs, outputs)
    used = [(0, 4), (8, 10), (12, 32)]
    for start, count in ((b, near), (m, near), (a, far)):
        used += _curves(data, start, count) if start else []
    if matrix:
        used.append((matrix, matrix + 48))
    if table:
        size = _table(inputs, outputs, list(data[table : table + inputs])) * {1: 1, 2: 2}.get(data[table + 16], 0)
        used += [(table, table + inputs), (table + 16, table + 17), (table + 20, table + 20 + size)]
    end = max(stop for _, stop in used)
    if end > len(data):
        raise ValueError("a tag is truncated")
    exact = bytearray(end)
    for start, stop in used:
        exact[start:stop] = data[start:stop]
    return bytes(exact)


def _curves(data: bytes, start: int, count: int) -> Iterator[tuple[int, int]]:
    for _ in range(count):
        kind = data[start : start + 4]
        if kind not in (b"curv", b"para"):
            raise ValueError(f"a curve of type {kind!r}")
        length = _length(kind, data[start : start + 12])
        yield start, start + 4
        yield start + 8, start + length
        start += length + -length % 4


def _table(inputs: int, outputs: int, grid: list[int]) -> int:
    if not 1 <= inputs <= 4 or not 1 <= outputs <= 4:
        raise ValueError(f"{inputs} inputs and {outputs} outputs")
    return math.prod(grid) * outputs


def _description(version: int) -> bytes:
    if version >= 4:
        return _copyright(version)
    text = _TEXT.encode() + b"\0"
    return b"desc" + bytes(4) + _u32(len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _copyright(version: int) -> bytes:
    if version >= 4:
        text = _TEXT.encode("utf-16-be")
        return b"mluc" + bytes(4) + _u32(1) + _u32(12) + b"enUS" + _u32(len(text)) + _u32(28) + text
    return b"text" + bytes(4) + _TEXT.encode() + b"\0"


def _number(data: bytes, place: int, length: int) -> int:
    if place + length > len(data):
        raise ValueError("the profile is truncated")
    return int.from_bytes(data[place : place + length], "big")


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
