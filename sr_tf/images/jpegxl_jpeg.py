"""What a JPEG file that is stored as JPEG XL would take, read from its headers alone.

Such a file is a container (ISO/IEC 18181-2) with the image's codestream and a box `jbrd`, which states how the rest of
the JPEG file is put together: its markers, and the lengths of its application data and comments. A few kilobytes of
`jbrd` can state a gigabyte of comments.
"""

from sr_tf.images.jpegxl_header import Bits, check_codestream
from sr_tf.images.libraries import imagecodecs

MOST_METADATA = 4 << 20
"""Most bytes of application data, comments and other bytes beside the image in a JPEG file."""

MOST_SCANS = 100
"""Most scans of a progressive JPEG. Encoders write about ten; each costs the time of a pass over the whole image."""

_BEGINNING = b"\0\0\0\x0cJXL \r\n\x87\n"
_METADATA = {b"Exif", b"xml ", b"jumb"}
_APPLICATION, _COMMENT, _SCAN, _BETWEEN, _END = 0xE0, 0xFE, 0xDA, 0xFF, 0xD9
_MOST_MARKERS = 16384
_LONGEST = 1 << 16


def check_repacked(file: bytes, sizes: set[tuple[int, int]]) -> None:
    """Checks what a repacked JPEG file states before it is unpacked.

    Args:
        file: the content of a JPEG XL file.
        sizes: the expected (width, height) of its image, one of these.

    Raises:
        ValueError: it is not a JPEG file of that size, or unpacking it would take too much.
    """
    codestream, rebuilt = [], None
    for name, content in _boxes(file):
        if name == b"jxlc":
            codestream.append(content)
        elif name == b"jxlp":
            codestream.append(content[4:])
        elif name == b"jbrd" and rebuilt is None:
            rebuilt = content
        elif name == b"brob" and content[:4] in _METADATA:
            _check_brotli(content[4:])
        elif name not in _METADATA | {b"ftyp", b"jxll"}:
            raise ValueError(f"its JPEG XL file has a box {name!r} that the encoder does not write")
    if rebuilt is None:
        raise ValueError("its JPEG XL file has no box b'jbrd', expected a repacked JPEG file")
    check_codestream(b"".join(codestream), sizes, with_profile=True)
    _check_rebuilt(rebuilt)


def _boxes(file: bytes) -> list[tuple[bytes, bytes]]:
    if not file.startswith(_BEGINNING):
        raise ValueError(f"its JPEG XL file begins with {file[:12].hex() or 'nothing'}, expected a container")
    found, place = [], len(_BEGINNING)
    while place < len(file):
        size, name = int.from_bytes(file[place : place + 4], "big"), file[place + 4 : place + 8]
        size = size or len(file) - place  # 0: up to the file's end
        if size < 8 or place + size > len(file) or len(found) == 64:
            raise ValueError(f"its JPEG XL file has a box of {size} bytes at {place}, or too many boxes")
        found.append((name, file[place + 8 : place + size]))
        place += size
    return found


def _check_brotli(packed: bytes) -> None:
    """Refuses metadata that inflates to more than `MOST_METADATA`."""
    try:
        imagecodecs.brotli_decode(packed, out=MOST_METADATA)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"its JPEG XL file has damaged or too long metadata ({error})") from error


def _check_rebuilt(content: bytes) -> None:
    """Adds up what a box `jbrd` states."""
    bits = Bits(content)
    bits.flag()  # whether the image is grey
    marker, markers = 0, []
    while marker != _END:
        marker = 0xC0 + bits.read(6)
        markers.append(marker)
        if len(markers) > _MOST_MARKERS:
            raise ValueError(f"its JPEG file has more than {_MOST_MARKERS} markers")
    if (scans := markers.count(_SCAN)) > MOST_SCANS:
        raise ValueError(f"its JPEG file has {scans} scans, expected at most {MOST_SCANS}")
    total = markers.count(_BETWEEN) * _LONGEST
    for _ in range(sum(marker & 0xF0 == _APPLICATION for marker in markers)):
        bits.choice(((0, 0), (0, 1), (1, 2), (2, 4)))  # what kind of data it is
        total += bits.read(16) + 1
    for _ in range(markers.count(_COMMENT)):
        total += bits.read(16) + 1
    if total > MOST_METADATA:
        raise ValueError(f"its JPEG file has {total:,} bytes beside its image, expected at most {MOST_METADATA:,}")
