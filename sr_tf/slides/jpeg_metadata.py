"""Removes everything from a JPEG stream that is not needed to decode it: comments, EXIF, XMP, thumbnails.

The compressed data is copied byte by byte, so the pixels stay the same to the bit.
"""

from sr_tf.slides.jpeg_segments import MARKER_AFTER_SCAN, WITHOUT_LENGTH

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_APP0, _APP14, _SOS, _DNL = 0xE0, 0xEE, 0xDA, 0xDC
# Frames, Huffman and quantisation tables, arithmetic conditioning, restart interval, scans. libjpeg refuses these if
# their length is not what their content needs, so that they cannot hold further text.
_NEEDED = {*range(0xC0, 0xD0), 0xDB, 0xDD, _SOS} - {0xC8}
_JFIF, _ADOBE = b"JFIF\0", b"Adobe"
_JFIF_LENGTH, _ADOBE_LENGTH, _DNL_LENGTH = 16, 14, 4


def without_metadata(stream: bytes) -> bytes:
    """Removes the metadata of a JPEG file, a JPEG segment or JPEG tables.

    Args:
        stream: a JPEG stream, from SOI to EOI. What follows EOI is removed.

    Returns:
        The stream with the markers that decoding needs; of the application markers only JFIF without its thumbnail and
        Adobe, which state how colours are stored. A stream without metadata is returned as it is, except padding.

    Raises:
        ValueError: the stream is not a JPEG, or is truncated.
    """
    if not stream.startswith(_SOI):
        raise ValueError(f"not a JPEG: begins with {stream[:2].hex() or 'nothing'}, expected ffd8")
    parts, place = [_SOI], 2
    while True:
        marker, place = _next_marker(stream, place)
        if marker == _EOI[1]:
            return b"".join([*parts, _EOI])
        if marker in WITHOUT_LENGTH:
            continue
        end = place + int.from_bytes(stream[place : place + 2], "big")
        if not place + 2 <= end <= len(stream):
            raise ValueError("the JPEG is truncated")
        if body := _needed(marker, stream[place:end]):
            parts.append(bytes([0xFF, marker]) + body)
        place = end
        if marker == _SOS:
            following = MARKER_AFTER_SCAN.search(stream, place)
            if following is None:
                raise ValueError("the JPEG is truncated")
            parts.append(stream[place : following.start()])
            place = following.start()


def _next_marker(stream: bytes, place: int) -> tuple[int, int]:
    """(the code of the next marker, the position behind it). Decoders skip what lies between markers."""
    while (place := stream.find(b"\xff", place)) >= 0:
        while stream[place : place + 1] == b"\xff":
            place += 1
        if place < len(stream) and stream[place]:
            return stream[place], place + 1
    raise ValueError("the JPEG is truncated")


def _needed(marker: int, body: bytes) -> bytes:
    """What is kept of a marker's content, its length included; b"" if the marker is removed."""
    if marker in _NEEDED or (marker == _DNL and len(body) == _DNL_LENGTH):
        return body
    if marker == _APP0 and body[2:7] == _JFIF:
        # Version, unit and density; then the size of the thumbnail, which follows.
        fields = body[7:14] if len(body) >= _JFIF_LENGTH else bytes([1, 1, 0, 0, 1, 0, 1])
        return _JFIF_LENGTH.to_bytes(2, "big") + _JFIF + fields + bytes(2)
    if marker == _APP14 and body[2:7] == _ADOBE and len(body) >= _ADOBE_LENGTH:
        return _ADOBE_LENGTH.to_bytes(2, "big") + body[2:_ADOBE_LENGTH]
    return b""
