"""Stores AVIF files without their container, which is about 270 bytes and the same for all blocks of a size and kind.

A small AVIF file consists of `ftyp`, `meta` (ISO/IEC 23008-12) and one `mdat` (ISO/IEC 14496-12) with the AV1 data.
Apart from that data, only two numbers differ between files: the size of `mdat`, and the length of the image's extent in
`iloc`. An archive stores the rest once, as a head in which these two numbers are zero.
"""

import struct

_NUMBER = struct.Struct(">I")


def split(file: bytes) -> tuple[bytes, bytes]:
    """Splits an AVIF file.

    Args:
        file: the content of an AVIF file, or any other bytes.

    Returns:
        (head, body), from which `join` makes the same file. If the file is not laid out as expected, the head is empty
        and the body is the whole file.
    """
    place = file.find(b"mdat") - 4
    extent = file.find(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2 + 4  # version, sizes, count, item, data reference, extents
    if place < 0 or extent + 4 > place:
        return b"", file
    head, body = bytearray(file[: place + 8]), file[place + 8 :]
    head[extent : extent + 4] = head[place : place + 4] = bytes(4)
    head += _NUMBER.pack(extent)  # tells `join` where the length of the extent goes
    return (bytes(head), body) if join(bytes(head), body) == file else (b"", file)


def join(head: bytes, body: bytes) -> bytes:
    """The inverse of `split`.

    Raises:
        ValueError: `head` is not a head.
    """
    if not head:
        return body
    file, extent = bytearray(head[:-4]), _NUMBER.unpack(head[-4:])[0]
    if len(file) < 16 or extent + 4 > len(file) - 8:
        raise ValueError(f"a head of {len(head)} bytes, expected that of an AVIF file")
    file[extent : extent + 4] = _NUMBER.pack(len(body))
    file[-8:-4] = _NUMBER.pack(len(body) + 8)
    return bytes(file) + body
