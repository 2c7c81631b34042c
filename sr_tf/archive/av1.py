"""AVIF files without their box: all blocks of one size and kind have the same, of about 270 bytes.

A small AVIF file is `ftyp`, `meta` (ISO/IEC 23008-12) and one `mdat` (ISO/IEC 14496-12) that holds the AV1 data. Beside
the image's own data only two numbers differ from file to file: the size of `mdat`, and the length of the image's
extent in `iloc`. An archive keeps the rest once, as a head in which these two are zero.
"""

import struct

_NUMBER = struct.Struct(">I")


def split(file: bytes) -> tuple[bytes, bytes]:
    """Takes an AVIF file apart.

    Args:
        file: as an encoder made it.

    Returns:
        (head, body), from which `join` makes the same file; an empty head and the whole file where its form is not
        the usual one.
    """
    place = file.find(b"mdat") - 4
    extent = file.find(b"iloc") + 4 + 4 + 2 + 2 + 2 + 2 + 2 + 4  # version, sizes, count, item, data reference, extents
    if place < 0 or extent + 4 > place:
        return b"", file
    head, body = bytearray(file[: place + 8]), file[place + 8 :]
    head[extent : extent + 4] = head[place : place + 4] = bytes(4)
    head += _NUMBER.pack(extent)  # where `join` puts the length
    return (bytes(head), body) if join(bytes(head), body) == file else (b"", file)


def join(head: bytes, body: bytes) -> bytes:
    """The inverse of `split`.

    Raises:
        ValueError: not a head.
    """
    if not head:
        return body
    file, extent = bytearray(head[:-4]), _NUMBER.unpack(head[-4:])[0]
    if len(file) < 16 or extent + 4 > len(file) - 8:
        raise ValueError(f"a head of {len(head)} bytes, expected that of an AVIF file")
    file[extent : extent + 4] = _NUMBER.pack(len(body))
    file[-8:-4] = _NUMBER.pack(len(body) + 8)
    return bytes(file) + body
