"""What the samples in a TIFF file are: the rules that every reader of TIFF follows.

Samples are pixels of 8 bits only if they are unsigned. The colours of JPEG segments are told by the segments.
"""

from collections.abc import Sequence

UNSIGNED = 1
"""Value of the TIFF tag SampleFormat, also its default."""

_KINDS = {1: "unsigned", 2: "signed", 3: "floating-point", 4: "undefined", 5: "complex integer", 6: "complex"}


def describe_samples(bits: Sequence[int], formats: Sequence[int]) -> str:
    """Describes samples for an error message: "16-bit unsigned", "8-bit signed".

    Args:
        bits: TIFF tag BitsPerSample, a value for each sample or one for all.
        formats: TIFF tag SampleFormat, a value for each sample or one for all.
    """
    sizes = "/".join(str(size) for size in sorted(set(bits)))
    kinds = "/".join(_KINDS.get(kind, "unknown") for kind in sorted(set(formats)))
    return f"{sizes}-bit {kinds}"


def are_8_bit(bits: Sequence[int], formats: Sequence[int]) -> bool:
    """Whether all samples are unsigned numbers of exactly 8 bits; see `describe_samples` for the arguments."""
    return set(bits) == {8} and set(formats) == {UNSIGNED}


def fit_in_8_bits(bits: Sequence[int], formats: Sequence[int]) -> bool:
    """Whether all samples are unsigned numbers of 1 to 8 bits. Grey levels and palettes of 4 bits are among them."""
    return bool(bits) and all(1 <= size <= 8 for size in bits) and set(formats) == {UNSIGNED}


def is_jfif(segment: bytes) -> bool:
    """Whether a segment begins with a JFIF header.

    The colours of such a JPEG are YCbCr, even if the page's tag says RGB, as in files of Bio-Formats.
    """
    return segment[2:4] == b"\xff\xe0" and segment[6:11] == b"JFIF\0"
