"""The sizes that a JPEG XL codestream states, read from its headers alone, for files as the encoder here writes them.

A codestream (ISO/IEC 18181-1) states the size of its image first, and each frame may state another one, from which
decoders take their memory. Accepted are still images of 8-bit RGB or grey without alpha, preview or animation, whose
frames are no larger than the image. Everything else is refused, because the encoder writes nothing else.
"""

from dataclasses import dataclass

_SIGNATURE = b"\xff\x0a"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_REGULAR, _LF, _REFERENCE_ONLY, _SKIP_PROGRESSIVE = range(4)
_MOST_FRAMES = 16
_SMALL_FRAME = 1 << 20
"""Most pixels of a frame of repeated patches, if that is more than the image has."""

_MOST_PROFILE = 16 << 20
"""Most bytes of a colour profile inside a codestream."""

# Each is the four cases of a U32: (bits to read, number to add).
_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_CROP = ((8, 0), (11, 256), (14, 2304), (30, 18688))
_LENGTHS = ((10, 0), (14, 1024), (22, 17408), (30, 4211712))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))


class Bits:
    """Reads a field after another, each from its least significant bit on.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes):
        self._data, self.place = data, 0

    def read(self, count: int) -> int:
        """The next bits as a number."""
        first, last = self.place // 8, -(-(self.place + count) // 8)
        if last > len(self._data):
            raise ValueError("its JPEG XL headers are truncated")
        number = int.from_bytes(self._data[first:last], "little") >> self.place % 8
        self.place += count
        return number & (1 << count) - 1

    def flag(self) -> bool:
        """The next bit."""
        return bool(self.read(1))

    def choice(self, cases: tuple[tuple[int, int], ...]) -> int:
        """A U32: two bits choose how many follow and what is added."""
        bits, offset = cases[self.read(2)]
        return self.read(bits) + offset

    def u64(self) -> int:
        """A U64."""
        selector = self.read(2)
        if selector < 2:
            return self.read(4) + 1 if selector else 0
        if selector == 2:
            return self.read(8) + 17
        number, shift = self.read(12), 12
        while self.flag():
            if shift == 60:
                return number | self.read(4) << shift
            number, shift = number | self.read(8) << shift, shift + 8
        return number

    def to_byte(self) -> None:
        """Goes on at the next whole byte."""
        self.place = -(-self.place // 8) * 8


@dataclass(frozen=True)
class _Image:
    width: int
    height: int
    xyb: bool


def check_jpegxl(file: bytes, width: int, height: int) -> None:
    """Checks what a bare codestream states before it is decoded.

    Args:
        file: the file's content.
        width: the expected width in pixels.
        height: the expected height in pixels.

    Raises:
        ValueError: it is not a still image of that size, or not as the encoder writes it.
    """
    check_codestream(file, {(width, height)}, with_profile=False)


def check_codestream(codestream: bytes, sizes: set[tuple[int, int]], with_profile: bool) -> None:
    """Checks what a codestream states before it is decoded.

    Args:
        codestream: the codestream.
        sizes: the expected (width, height), one of these.
        with_profile: whether a colour profile may be in it. What follows one is not looked at.

    Raises:
        ValueError: it is not a still image of that size, or not as the encoder writes it.
    """
    if not codestream.startswith(_SIGNATURE):
        raise ValueError(f"its JPEG XL data begins with {codestream[:2].hex() or 'nothing'}, expected ff0a")
    bits = Bits(codestream)
    bits.place = 16
    width, height = _size(bits)
    if (width, height) not in sizes:
        expected = " or ".join(f"{one[0]}×{one[1]}" for one in sorted(sizes))
        raise ValueError(f"its JPEG XL data claims {width}×{height} pixels, expected {expected}")
    xyb, profile = _metadata(bits)
    if not bits.flag():
        raise _unusual("custom transforms")
    if profile:
        if not with_profile or (size := bits.u64()) > _MOST_PROFILE:
            raise _unusual("a colour profile" if not with_profile else f"a colour profile of {size:,} bytes")
        return
    image = _Image(width, height, xyb)
    for _ in range(_MOST_FRAMES):
        if _skip_frame(bits, image):
            return
    raise _unusual(f"more than {_MOST_FRAMES} frames")


def _unusual(what: str) -> ValueError:
    return ValueError(f"its JPEG XL data has {what}, which the encoder does not write")


def _size(bits: Bits) -> tuple[int, int]:
    eighths = bits.flag()

    def side() -> int:
        return 8 * (bits.read(5) + 1) if eighths else bits.choice(_SIDE)

    height = side()
    ratio = bits.read(3)
    if not ratio:
        return side(), height
    factor, divisor = _RATIOS[ratio]
    return height * factor // divisor, height


def _metadata(bits: Bits) -> tuple[bool, bool]:
    """(whether the colours are XYB, whether a colour profile follows)."""
    if bits.flag():
        return True, False
    if bits.flag():
        raise _unusual("an orientation, preview, animation or tone mapping")
    if bits.flag() or bits.choice(((0, 8), (0, 10), (0, 12), (6, 1))) != 8:
        raise _unusual("other samples than of 8 bits")
    bits.flag()  # whether 16 bits are enough to compute with
    if bits.choice(((0, 0), (0, 1), (4, 2), (12, 1))):
        raise _unusual("extra channels")
    xyb, profile = bits.flag(), False
    if not bits.flag():
        profile = _colours(bits)
    if bits.u64():
        raise _unusual("extensions")
    return xyb, profile


def _colours(bits: Bits) -> bool:
    """Reads a colour encoding; whether it is a profile."""
    profile, space = bits.flag(), bits.choice(_ENUM)
    if profile:
        return True
    if space not in (0, 1):
        raise _unusual(f"colours of kind {space}")
    if bits.choice(_ENUM) == 2 or (space == 0 and bits.choice(_ENUM) == 2):
        raise _unusual("a custom white point or primaries")
    if bits.flag():
        bits.read(24)
    else:
        bits.choice(_ENUM)
    bits.choice(_ENUM)
    return False


def _skip_frame(bits: Bits, image: _Image) -> bool:
    """Reads a frame's header and goes to the frame's end; whether it is the last one."""
    bits.to_byte()
    kind, modular, shift, passes, last, upsampling = _REGULAR, False, 1, 1, True, 1
    width, height = image.width, image.height
    if not bits.flag():
        kind, modular, flags = bits.read(2), bits.flag(), bits.u64()
        ycbcr = not image.xyb and bits.flag()
        if kind == _LF or flags & 0x20:
            raise _unusual("a frame of low frequencies")
        if ycbcr:
            bits.read(6)
        upsampling = 1 << bits.read(2)
        if modular:
            shift = bits.read(2)
        elif image.xyb:
            bits.read(6)
        if kind != _REFERENCE_ONLY:
            passes = _passes(bits)
        shown = kind in (_REGULAR, _SKIP_PROGRESSIVE)
        partial = bits.flag()
        if partial:
            if shown and (bits.choice(_CROP), bits.choice(_CROP)) != (0, 0):
                raise _unusual("a frame beside its image's corner")
            width, height = bits.choice(_CROP), bits.choice(_CROP)
        replaces = True
        if shown:
            blend = bits.choice(((0, 0), (0, 1), (0, 2), (2, 3)))
            replaces = blend == 0
            if blend not in (0, 1) or partial:
                raise _unusual("a frame that is blended or cropped")
            if not replaces:
                bits.read(2)
            last = bits.flag()
        else:
            last = False
        if not last:
            bits.read(2)
        if kind == _REFERENCE_ONLY or (shown and not last and replaces):
            bits.flag()
        if bits.choice(((0, 0), (4, 0), (5, 16), (10, 48))):
            raise _unusual("a frame with a name")
        _filters(bits, modular)
        if bits.u64():
            raise _unusual("extensions")
    most = image.width * image.height if kind == _REGULAR else max(_SMALL_FRAME, image.width * image.height)
    if not 0 < width * height <= most:
        raise ValueError(f"a frame of its JPEG XL data has {width}×{height} pixels, expected at most {most:,}")
    _skip_groups(bits, -(-width // upsampling), -(-height // upsampling), 128 << shift, passes)
    return last


def _passes(bits: Bits) -> int:
    count = bits.choice(((0, 1), (0, 2), (0, 3), (3, 4)))
    if count > 1:
        raise _unusual("several passes")
    return count


def _filters(bits: Bits, modular: bool) -> None:
    """Reads the settings of the loop filters."""
    if bits.flag():
        return
    if bits.flag() and bits.flag():  # Gaborish, with its own weights
        bits.read(6 * 16)
    if not bits.read(2):
        return
    if not modular and bits.flag():
        bits.read(8 * 16)
    if bits.flag():
        bits.read(5 * 16)
    if bits.flag():
        bits.read((3 if modular else 4) * 16)
    if modular:
        bits.read(16)
    if bits.u64():
        raise _unusual("extensions")


def _skip_groups(bits: Bits, width: int, height: int, group: int, passes: int) -> None:
    """Reads the lengths of a frame's groups, and goes to their end."""
    groups = -(-width // group) * -(-height // group)
    large = -(-width // (8 * group)) * -(-height // (8 * group))
    count = 1 if groups == passes == 1 else 2 + large + groups * passes
    if bits.flag():
        raise _unusual("groups in another order")
    bits.to_byte()
    lengths = [bits.choice(_LENGTHS) for _ in range(count)]
    bits.to_byte()
    bits.place += 8 * sum(lengths)
