"""Hostile values, and mutators of bytes whose format is not known."""

import random

BOUNDARIES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
"""Numbers at which integer types and limits end."""

JSON_VALUES = (
    "null", "true", "false", "0", "1", "-1", "-0.0", "0.5", "255", "65536", "2147483647", "2147483648", "-2147483649",
    "9007199254740993", "9223372036854775808", "18446744073709551616", "1e308", "1e999", "-1e999", "NaN", "Infinity",
    "-Infinity", "1" * 400, "1" * 5000, '""', '" "', '"1"', '"x"', '"nan"', '"../../../etc/passwd"', '"/dev/zero"',
    '"\\u0000"', '"\\ud800"', '"\\u001b[2J"', '"%s%n{0}"', '"' + "x" * 100_000 + '"', "[]", "[[]]", "{}",
    "[null]", "[1, 2, 3]", '{"a": {"b": []}}', '[NaN, "x"]', "[" * 200 + "]" * 200, "[" * 100_000 + "]" * 100_000,
    '{"a":' * 5000 + "1" + "}" * 5000, "[" + "0," * 100_000 + "0]",
)  # fmt: skip
"""JSON texts of wrong types, of numbers out of range, and of deep nesting."""


def mutated(draw: random.Random, content: bytes, other: bytes) -> bytes:
    """Changes a file in one to three places.

    Args:
        draw: the source of all choices.
        content: the file.
        other: another file of the same kind, from which pieces are taken.
    """
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if len(content) < 8:
            break
        content = draw.choice(_MUTATORS)(draw, content, other)
    return content


def place_in(draw: random.Random, length: int) -> int:
    """A random place in a file. The beginning and the end, where headers are, are chosen more often."""
    near = min(length, 512)
    return draw.choice((draw.randrange(length), draw.randrange(near), length - 1 - draw.randrange(near)))


def _flip(draw, content, other):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 4, 32))):
        changed[place_in(draw, len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _overwrite(draw, content, other):
    size, place = draw.choice((1, 2, 4, 8)), place_in(draw, len(content))
    word = (draw.choice(BOUNDARIES) & (1 << 8 * size) - 1).to_bytes(size, draw.choice(("little", "big")))
    return content[:place] + word + content[place + size :]


def _truncate(draw, content, other):
    return content[: draw.randrange(len(content))]


def _remove(draw, content, other):
    place = place_in(draw, len(content))
    return content[:place] + content[place + draw.choice((1, 2, 4, 100)) :]


def _duplicate(draw, content, other):
    start = place_in(draw, len(content))
    piece = content[start : start + draw.choice((1, 4, 16, 256))]
    return content[:start] + piece * draw.choice((2, 3, 50)) + content[start + len(piece) :]


def _insert(draw, content, other):
    place = place_in(draw, len(content))
    return content[:place] + draw.randbytes(draw.choice((1, 2, 4, 100))) + content[place:]


def _splice(draw, content, other):
    start = draw.randrange(len(content))
    return content[:start] + other[min(start, len(other)) :]


def _zeros(draw, content, other):
    place, size = place_in(draw, len(content)), draw.choice((4, 64, 1024))
    return (
        content[:place]
        + draw.choice((b"\0", b"\xff"))[:1] * len(content[place : place + size])
        + content[place + size :]
    )


_MUTATORS = (_flip, _flip, _overwrite, _overwrite, _truncate, _remove, _duplicate, _insert, _splice, _zeros)
