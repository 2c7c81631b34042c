"""Mutators that know a format: the file stays well formed around the value that changes."""

import json
import random
import re
import struct
import zlib

from fuzzing.values import BOUNDARIES, JSON_VALUES, mutated

_PLACE = "\N{REPLACEMENT CHARACTER}place"
_NUMBERS = (
    "0",
    "1",
    "-1",
    "2",
    "1e9",
    "99999999999",
    "NaN",
    "x",
    "",
    "uint16",
    "int8",
    "double",
    "é",
    "1" * 5000,
    "µm",
)


def tiff(draw: random.Random, content: bytes) -> bytes:
    """Changes the tag, type, count or value of an entry of an image file directory, or a directory's link."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2 if order == "<" else 3] == 43
    head, number, entry, link = (16, "Q", "HHQQ", "Q") if big else (8, "H", "HHII", "I")
    places, (place,) = [], struct.unpack_from(order + link, content, head - struct.calcsize(link))
    while place and len(places) < 1000:
        (count,) = struct.unpack_from(order + number, content, place)
        start, size = place + struct.calcsize(number), struct.calcsize(order + entry)
        places += [start + size * index for index in range(count)]
        (place,) = struct.unpack_from(order + link, content, start + size * count)
    changed, place = bytearray(content), draw.choice(places)
    fields = list(struct.unpack_from(order + entry, content, place))
    which = draw.choice((0, 1, 2, 3, 3, 3))
    limit = (1 << 8 * struct.calcsize("=" + entry[which])) - 1
    if which == 0:
        fields[0] = draw.choice(
            (254, 256, 257, 258, 259, 262, 270, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 339)
        )
    elif which == 1:
        fields[1] = draw.randrange(20)
    else:
        near = fields[which] + draw.choice((-1, 1, 2, 1 << 16, -(1 << 16)))
        small = draw.randrange(9) << (16 if order == ">" and fields[1] == 3 and which == 3 else 0)
        fields[which] = draw.choice((near, small, draw.choice(BOUNDARIES), len(content), place)) & limit
    struct.pack_into(order + entry, changed, place, *fields)
    return bytes(changed)


def png(draw: random.Random, content: bytes) -> bytes:
    """Changes, copies, moves or adds a chunk of a PNG file; its checksum is mended."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    index = draw.randrange(len(chunks))
    name, data = chunks[index]
    action = draw.randrange(6)
    if name == b"IHDR" or action < 2:
        where = draw.randrange(max(1, len(data)))
        value = draw.choice(BOUNDARIES) & 0xFFFFFFFF
        size = draw.choice((1, 4))
        chunks[index] = name, data[:where] + value.to_bytes(4, "big")[-size:] + data[where + size :]
    elif action == 2 and data:
        with_zlib = name in (b"IDAT", b"iCCP", b"zTXt") and draw.random() < 0.5
        raw = zlib.decompress(data) if with_zlib and name == b"IDAT" else data
        raw = mutated(draw, raw, raw)
        chunks[index] = name, zlib.compress(raw) if with_zlib and name == b"IDAT" else raw
    elif action == 3:
        chunks.insert(draw.randrange(len(chunks) + 1), chunks[index])
    elif action == 4:
        new = draw.choice((b"tRNS", b"PLTE", b"acTL", b"fcTL", b"eXIf", b"iCCP", b"pHYs", b"zTXt", b"iTXt", b"tEXt"))
        bomb = b"a\0\0" + zlib.compress(bytes(draw.choice((10, 10**7, 10**8))), 1)
        chunks.insert(draw.randrange(1, len(chunks)), (new, draw.choice((bomb, draw.randbytes(draw.randrange(64))))))
    else:
        del chunks[index]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return content[:8] + b"".join(parts)


def jpeg(draw: random.Random, content: bytes) -> bytes:
    """Changes a field of a marker segment of a JPEG file, its length or its kind."""
    places, place = [], 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        (length,) = struct.unpack_from(">H", content, place + 2)
        places.append((place, length))
        if content[place + 1] == 0xDA:
            break
        place += 2 + length
    place, length = draw.choice(places)
    changed, action = bytearray(content), draw.randrange(4)
    if action == 0:
        changed[place + 1] = draw.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xDA, 0xDB, 0xDD, 0xE1, 0xEE, 0xFE, 0xD8))
    elif action == 1:
        changed[place + 2 : place + 4] = struct.pack(">H", (length + draw.choice((-2, -1, 1, 2, 9999))) & 0xFFFF)
    elif action == 2:
        size = draw.choice((1, 2))
        where = place + 4 + draw.randrange(max(1, length - 2))
        changed[where : where + size] = (draw.choice(BOUNDARIES) & (1 << 8 * size) - 1).to_bytes(size, "big")
    else:
        segment = changed[place : place + 2 + length]
        changed[place:place] = bytes(segment) * draw.choice((1, 1, 3, 200))
    return bytes(changed)


def dicom(draw: random.Random, content: bytes) -> bytes:
    """Changes the value, length, type or tag of a data element of an explicit little-endian DICOM file."""
    places, place = [], 132
    while place + 8 <= len(content) and len(places) < 1000:
        kind = content[place + 4 : place + 6]
        long = kind in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"OF", b"OD")
        (length,) = (
            struct.unpack_from("<I", content, place + 8) if long else struct.unpack_from("<H", content, place + 6)
        )
        start = place + (12 if long else 8)
        places.append((place, start, length if length != 0xFFFFFFFF else 0))
        place = start + (0 if length == 0xFFFFFFFF else length)
        if content[place - 8 : place - 4] == b"\xfe\xff\x00\xe0":  # into a sequence's first item
            continue
        if content[place : place + 4] == b"\xfe\xff\x00\xe0":
            place += 8
    changed = bytearray(content)
    place, start, length = draw.choice(places)
    action = draw.randrange(5)
    if action == 0:
        changed[start - 2 : start] = struct.pack("<H", draw.choice(BOUNDARIES) & 0xFFFF)
    elif action == 1:
        changed[place + 4 : place + 6] = draw.choice((b"OB", b"SQ", b"US", b"UL", b"LO", b"FD", b"IS", b"UI", b"??"))
    elif action == 2:
        changed[place + draw.randrange(4)] = draw.randrange(256)
    else:
        text = draw.choice(
            (b"0", b"-1", b"99999999999", b"NaN", b"x", b"\\\\", b"1.2.840.10008.1.2.4.90", draw.randbytes(8))
        )
        number = (draw.choice(BOUNDARIES) & (1 << 8 * min(8, max(1, length))) - 1).to_bytes(
            min(8, max(1, length)), "little"
        )
        changed[start : start + length] = draw.choice((text, number)).ljust(length, b" ")[:length]
    return bytes(changed)


def xml(draw: random.Random, text: str) -> str:
    """Changes one value or element of an XML text."""
    values = list(re.finditer(r'="([^"]*)"', text))
    tags = list(re.finditer(r"<[^>?]+>", text))
    action = draw.randrange(6)
    if action == 0:
        tag = draw.choice(tags)
        return (
            text[: tag.start()]
            + draw.choice(("", tag[0] * 2, tag[0] * 1000, "<", "&a;", "<a><b/></a>"))
            + text[tag.end() :]
        )
    if action == 1:
        return text.replace("?>", '?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>', 1)
    if action == 2:
        return mutated(draw, text.encode(), text.encode()).decode("latin-1")
    value = draw.choice(values)
    old = value[1]
    new = draw.choice((*_NUMBERS, old + "0", "-" + old, old[:-1], old * 2, old.upper(), draw.choice(values)[1]))
    return text[: value.start(1)] + new + text[value.end(1) :]


def json_text(draw: random.Random, content: object) -> str:
    """A JSON text of `content` in which one value, key or element was changed. `content` itself does not change."""
    text, content = json.dumps(content), json.loads(json.dumps(content))
    if draw.random() < 0.1:
        return mutated(draw, text.encode(), text.encode()).decode("utf-8", "surrogateescape")
    if draw.random() < 0.03:
        return draw.choice(JSON_VALUES)
    parents = list(_containers(content))
    parent = draw.choice(parents)
    key = draw.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    action = draw.randrange(12)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, dict):
        parent[draw.choice(("", "x", "__class__", "x" * 1000, "../x", "self", *parent))] = parent.pop(key)
    elif action == 2:
        other = draw.choice(parents)
        other_key = draw.choice(list(other) if isinstance(other, dict) else range(len(other)))
        parent[key] = json.loads(json.dumps(other[other_key]))
    elif action == 3 and isinstance(parent[key], (int, float)):
        parent[key] = draw.choice(
            (parent[key] + 1, parent[key] - 1, -parent[key], parent[key] * 2**16, float(parent[key]))
        )
    elif action == 4 and isinstance(parent[key], str):
        parent[key] = draw.choice((parent[key] + "x", parent[key][:-1], parent[key].upper(), parent[key] * 3))
    elif action == 5 and isinstance(parent, list):
        parent.extend([parent[key]] * draw.choice((1, 3, 10_000)))
    else:
        parent[key] = _PLACE
        return json.dumps(content).replace(json.dumps(_PLACE), draw.choice(JSON_VALUES))
    return json.dumps(content)


def _containers(value: object):
    if isinstance(value, (dict, list)) and value:
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _containers(child)
