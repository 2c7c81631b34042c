"""Images of an archive: joined, compared with the expected size, decoded and resampled."""

import struct
from collections.abc import Callable, Iterator

import imagecodecs
import numpy as np
from reader_container import RefusedError, require

PHASES = {
    2: ((-2, (-72, 536, 1800, -216)), (-1, (-216, 1800, 536, -72))),
    4: (
        *((-2, (-135, 873, 1535, -225)), (-2, (-21, 235, 1981, -147))),
        *((-1, (-147, 1981, 235, -21)), (-1, (-225, 1535, 873, -135))),
    ),
}
"""Of each new pixel, the place of the first of four pixels and the weights."""
_FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def join(head: bytes, body: bytes) -> bytes:
    """A complete AVIF file from its head and its body."""
    require(len(head) >= 20, "a head that is too short")
    file, place = bytearray(head[:-4]), int.from_bytes(head[-4:], "big")
    require(place + 4 <= len(file) - 8, "a head that is no head")
    struct.pack_into(">I", file, place, len(body))
    struct.pack_into(">I", file, len(file) - 8, len(body) + 8)
    return bytes(file) + body


def decode_image(file: bytes, codec: str, width: int, height: int) -> np.ndarray:
    """An AVIF or JPEG XL file's pixels, uint8 [height, width, 3]."""
    stated = _avif_size(file) if codec == "avif" else _jpegxl_size(file)
    require(stated == (width, height), f"an image of {stated}, expected {width, height}")
    decoder = imagecodecs.avif_decode if codec == "avif" else imagecodecs.jpegxl_decode
    pixels = _decoded(decoder, file)
    if codec == "avif" and pixels.dtype == np.uint16:
        require(int(pixels.max()) <= 1023, "an AVIF file of more than 10 bits")
        pixels = ((pixels.astype(np.int64) * 510 + 1023) // 2046).astype(np.uint8)
    require(pixels.dtype == np.uint8 and pixels.shape == (height, width, 3), "an image of another type or size")
    return pixels


def unpack(kind: int, stored: bytes) -> bytes:
    """A segment as a complete JPEG file; b"" if the original leaves it out."""
    require(kind in (1, 2) or (kind == 0 and not stored), "an unknown way to store a segment")
    return bytes(_decoded(imagecodecs.jpegxl_decode_jpeg, stored)) if kind == 1 else stored


def read_segments(page: dict, file_of: Callable[[int, int], bytes], x: int, y: int, w: int, h: int) -> np.ndarray:
    """A rectangle of an image with a page of JPEG segments, uint8 [h, w, 3]; white beside the page."""
    pixels = np.full((h, w, 3), 255, np.uint8)
    width, height = page["segment_width"], page["segment_height"]
    x, y = x - page.get("x", 0), y - page.get("y", 0)
    right, bottom = min(x + w, page["width"]), min(y + h, page["height"])
    for row in range(max(0, y) // height, -(-bottom // height)):
        for column in range(max(0, x) // width, -(-right // width)):
            file = file_of(row, column)
            if file:
                require(file.rstrip(b"\0").endswith(b"\xff\xd9"), "a truncated segment")
                lowest = min(height, page["height"] - row * height)
                segment = _jpeg2000(file, page) if "codec" in page else _jpeg(file, page, lowest)
                segment = segment[: page["height"] - row * height, : page["width"] - column * width]
                top, left = row * height - y, column * width - x
                part = segment[max(0, -top) : h - top, max(0, -left) : w - left]
                top, left = max(0, top), max(0, left)
                pixels[top : top + part.shape[0], left : left + part.shape[1]] = part
    return pixels


def _jpeg(file: bytes, page: dict, lowest: int) -> np.ndarray:
    """A JPEG segment's pixels; `lowest`: the height that it may have in the last row of strips."""
    width, height = page["segment_width"], page["segment_height"]
    require(_jpeg_size(file) in ((width, height, 3), (width, lowest, 3)), "a JPEG of another size")
    space = {2: "RGB", 6: "YCBCR"}[page["photometric"]]
    return _decoded(imagecodecs.jpeg8_decode, file, colorspace=space, outcolorspace="RGB")


def _jpeg2000(file: bytes, page: dict) -> np.ndarray:
    """A JPEG 2000 segment's pixels."""
    width, height = page["segment_width"], page["segment_height"]
    require(file[:4] == b"\xff\x4f\xff\x51" and len(file) > 51, "not a JPEG 2000 codestream")
    sides = struct.unpack_from(">8I", file, 8)
    require(sides[:4] == (width, height, 0, 0), "a JPEG 2000 codestream of another size")
    require(sides[4] >= width and sides[5] >= height and sides[6:] == (0, 0), "JPEG 2000 of several tiles")
    require(file[40:51] == bytes([0, 3]) + 3 * bytes([7, 1, 1]), "JPEG 2000 of other components")
    pixels = _decoded(imagecodecs.jpeg2k_decode, file)
    require(pixels.dtype == np.uint8 and pixels.shape == (height, width, 3), "JPEG 2000 of another type or size")
    if page["photometric"] == 2:
        return pixels
    y, cb, cr = (pixels[..., i].astype(np.int64) for i in range(3))
    cb, cr, half = cb - 128, cr - 128, 2**15
    # Of values of this size times a decimal fraction, none lies at a half, so rint is unambiguous.
    red = y + ((91881 * cr + half) >> 16)
    blue = y + ((116130 * cb + half) >> 16)
    shares = [np.rint(-factor * 65536 * one).astype(np.int64) for factor, one in ((0.34414, cb), (0.71414, cr))]
    green = y + ((shares[0] + shares[1] + half) >> 16)
    return np.clip(np.stack([red, green, blue], -1), 0, 255).astype(np.uint8)


def reduce(image: np.ndarray, factor: int) -> np.ndarray:
    """The mean of each square of `factor` × `factor` pixels, factor 2 or 4; the last row and column are repeated."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge").astype(np.int64)
    sums = sum(padded[i::factor, j::factor] for i in range(factor) for j in range(factor))
    means = (sums + 2) // 4 if factor == 2 else np.rint(sums / 16)
    return means.astype(np.uint8)


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Bicubic interpolation in whole numbers, factor 2 or 4; the edge is repeated."""
    sums = image.astype(np.int64)
    for axis in (1, 0):
        count = sums.shape[axis]
        phases = []
        for offset, weights in PHASES[factor]:
            places = [np.clip(np.arange(count) + offset + tap, 0, count - 1) for tap in range(4)]
            phases.append(sum(sums.take(place, axis) * weight for place, weight in zip(places, weights, strict=True)))
        sums = np.stack(phases, axis + 1).reshape(*sums.shape[:axis], factor * count, *sums.shape[axis + 1 :])
    return np.clip((sums + 2**21) // 2**22, 0, 255).astype(np.uint8)


def enlarge_in_floats(image: np.ndarray, factor: int) -> np.ndarray:
    """Bicubic interpolation of version 1."""
    rows = [_one_way(image.astype(np.float32), factor, 1, phase) for phase in range(factor)]
    wide = np.stack(rows, 2).reshape(image.shape[0], -1, 3)
    columns = [_one_way(wide, factor, 0, phase) for phase in range(factor)]
    large = np.stack(columns, 1).reshape(-1, *wide.shape[1:])
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def _one_way(image: np.ndarray, factor: int, axis: int, phase: int) -> np.ndarray:
    """One of `factor` new pixels for each pixel along an axis, float32, in the documented order of additions."""
    place = (phase + 0.5) / factor - 0.5
    first = int(np.floor(place)) - 1
    t, a = place - np.floor(place), -0.75
    weights = [
        ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * (1 - t) - (a + 3)) * (1 - t) ** 2 + 1,
    ]
    weights.append(1 - sum(weights))
    count = image.shape[axis]
    taps = [image.take(np.clip(np.arange(count) + first + k, 0, count - 1), axis).astype(np.float64) for k in range(4)]
    products = [tap * weight for tap, weight in zip(taps, weights, strict=True)]  # exact in float64
    pairs = [(products[k] + np.float32(products[k + 1])).astype(np.float32) for k in (0, 2)]
    return pairs[0] + pairs[1]


def _decoded(decoder: Callable, file: bytes, **options: str) -> np.ndarray | bytes:
    try:
        return decoder(file, **options)
    except (RuntimeError, ValueError, TypeError) as error:
        raise RefusedError(f"an image cannot be decoded ({error})") from error


def _boxes(file: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of the content of each box."""
    while start + 8 <= end:
        size = int.from_bytes(file[start : start + 4], "big")
        require(8 <= size <= end - start, "a box of a wrong size")
        yield file[start + 4 : start + 8], start + 8, start + size
        start += size


def _avif_size(file: bytes) -> tuple[int, int]:
    """The (width, height) that the box `ispe` of an AVIF file states."""
    start, end = 0, len(file)
    for name, skipped in ((b"meta", 4), (b"iprp", 0), (b"ipco", 0), (b"ispe", 4)):
        found = [(begin + skipped, finish) for box, begin, finish in _boxes(file, start, end) if box == name]
        require(len(found) == 1, f"an AVIF file without one box {name.decode()}")
        start, end = found[0]
    require(end - start == 8, "a wrong box ispe")
    return struct.unpack_from(">II", file, start)


def _jpegxl_size(file: bytes) -> tuple[int, int]:
    """The (width, height) that a bare JPEG XL codestream states."""
    require(file[:2] == b"\xff\x0a", "not a JPEG XL codestream")
    bits = int.from_bytes(file[2:16], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & (1 << count) - 1, bits >> count
        return value

    def side() -> int:
        return 8 * (take(5) + 1) if eighths else take((9, 13, 18, 30)[take(2)]) + 1

    eighths = take(1)
    height, ratio = side(), take(3)
    if not ratio:
        return side(), height
    factor, divisor = _RATIOS[ratio]
    return height * factor // divisor, height


def _jpeg_size(file: bytes) -> tuple[int, int, int]:
    """The (width, height, components) that a JPEG file's frame header states."""
    place = 2
    while place + 10 <= len(file) and file[place] == 0xFF:
        if file[place + 1] in _FRAME_MARKERS:
            height, width, components = struct.unpack_from(">HHB", file, place + 5)
            return width, height, components
        place += 2 + int.from_bytes(file[place + 2 : place + 4], "big")
    raise RefusedError("a JPEG file without a frame header")
