"""The size of an AVIF file's image, from its headers alone, for files as `sr_tf.images.codecs` writes them.

An AVIF file states its size twice: in the container (`ispe`, ISO/IEC 23008-12) and in the AV1 sequence header (AV1
specification, section 5.5), from which decoders take their memory. One still image without alpha, properties that
transform it or further frames is accepted; everything else is refused, because the encoder writes nothing else.
"""

from collections.abc import Iterator

_TOP = {b"ftyp", b"meta", b"mdat"}
_META = {b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp"}
_PROPERTIES = {b"ispe", b"pixi", b"av1C", b"colr"}
_SEQUENCE_HEADER, _TEMPORAL_DELIMITER, _FRAME_HEADER, _TILE_GROUP, _METADATA, _FRAME, _PADDING = 1, 2, 3, 4, 5, 6, 15
_OTHER_UNITS = {_TEMPORAL_DELIMITER, _FRAME_HEADER, _TILE_GROUP, _METADATA, _FRAME, _PADDING}
_MOST_UNITS = 1000


def check_avif(file: bytes, width: int, height: int) -> None:
    """Checks what an AVIF file states before it is decoded.

    Args:
        file: the file's content.
        width: the expected width in pixels.
        height: the expected height in pixels.

    Raises:
        ValueError: it is not a still image of that size, or not laid out as the encoder does.
    """
    top = _boxes(file, 0, len(file), _TOP)
    meta = _boxes(file, top[b"meta"][0] + 4, top[b"meta"][1], _META)
    properties = _boxes(file, *_boxes(file, *meta[b"iprp"], {b"ipco", b"ipma"})[b"ipco"], _PROPERTIES)
    start = properties[b"ispe"][0]
    stated = _number(file, start + 4, 4), _number(file, start + 8, 4)
    _check_item(file, meta[b"iinf"], meta[b"iloc"], top[b"mdat"])
    coded = _coded_size(file, *top[b"mdat"])
    for found in (stated, coded):
        if found != (width, height):
            raise ValueError(f"its AVIF file claims {found[0]}×{found[1]} pixels, expected {width}×{height}")


def _boxes(file: bytes, start: int, end: int, names: set[bytes]) -> dict[bytes, tuple[int, int]]:
    """Where the content of each box begins and ends. There must be exactly the named boxes, each once."""
    found = {}
    while start < end:
        size, name = _number(file, start, 4), file[start + 4 : start + 8]
        if size < 8 or start + size > end or name not in names or name in found:
            raise ValueError(f"its AVIF file has a box {name!r} of {size} bytes at {start} that no encoder here writes")
        found[name] = start + 8, start + size
        start += size
    if missing := names - set(found):
        raise ValueError(f"its AVIF file has no box {min(missing)!r}")
    return found


def _check_item(file: bytes, items: tuple[int, int], places: tuple[int, int], data: tuple[int, int]) -> None:
    """Checks that there is one item, an AV1 image, whose bytes are those of `mdat`."""
    # iinf: version and flags, count, one infe box: size, name, version and flags, identifier, protection, type
    start, _ = items
    if _number(file, start + 4, 2) != 1 or file[start + 10 : start + 14] != b"infe":
        raise ValueError("its AVIF file has more than one image")
    if file[start + 22 : start + 26] != b"av01":
        raise ValueError(f"its AVIF file has an image of type {file[start + 22 : start + 26]!r}, expected b'av01'")
    # iloc of version 0: version and flags, sizes of the fields, count, identifier, data reference, extents, the extent
    start, _ = places
    count, extents = _number(file, start + 6, 2), _number(file, start + 12, 2)
    extent = _number(file, start + 14, 4), _number(file, start + 18, 4)
    if (_number(file, start, 1), file[start + 4 : start + 6], count, extents) != (0, b"\x44\x00", 1, 1):
        raise ValueError("the places in its AVIF file are not stated as the encoder does")
    if extent != (data[0], data[1] - data[0]):
        raise ValueError("its AVIF file has an image elsewhere than in mdat")


def _coded_size(file: bytes, start: int, end: int) -> tuple[int, int]:
    """The size that the only AV1 sequence header states."""
    sizes, frames = [], 0
    for kind, begin, finish in _units(file, start, end):
        if kind == _SEQUENCE_HEADER:
            sizes.append(_sequence_size(file[begin:finish]))
        elif kind not in _OTHER_UNITS:
            raise ValueError(f"its AV1 data has a unit of kind {kind}")
        frames += kind in (_FRAME, _FRAME_HEADER)
    if len(sizes) != 1 or frames != 1:
        raise ValueError(f"its AV1 data has {len(sizes)} sequence headers and {frames} frames, expected one each")
    return sizes[0]


def _units(file: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(kind, begin, end) of each open bitstream unit (OBU)."""
    for _ in range(_MOST_UNITS):
        if start >= end:
            return
        head, start = file[start], start + 1
        if head & 0x80 or head & 0x04 or not head & 0x02:  # forbidden bit, extension, no size
            raise ValueError("its AV1 data is not laid out as the encoder does")
        size = shift = 0
        while start < end and shift < 56:
            size |= (file[start] & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if not file[start - 1] & 0x80:
                break
        if start + size > end:
            raise ValueError("its AV1 data is truncated")
        yield head >> 3 & 15, start, start + size
        start += size
    raise ValueError(f"its AV1 data has more than {_MOST_UNITS} units")


def _sequence_size(header: bytes) -> tuple[int, int]:
    """Width and height of a sequence header of a still image."""
    bits, length = int.from_bytes(header[:16].ljust(16, b"\0"), "big"), 128

    def read(place: int, count: int) -> int:
        return bits >> length - place - count & (1 << count) - 1

    # seq_profile 3 bits, still_picture 1, reduced_still_picture_header 1, seq_level_idx 5
    if read(3, 2) != 3:
        raise ValueError("its AV1 data is not a still image")
    width_bits, height_bits = read(10, 4) + 1, read(14, 4) + 1
    return read(18, width_bits) + 1, read(18 + width_bits, height_bits) + 1


def _number(file: bytes, place: int, count: int) -> int:
    if place + count > len(file):
        raise ValueError("its AVIF file is truncated")
    return int.from_bytes(file[place : place + count], "big")
