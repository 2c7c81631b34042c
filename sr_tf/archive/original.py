"""The original of an archive as it was measured: at full size, or reduced as the archive says."""

from pathlib import Path

from sr_tf.archive.header import Header
from sr_tf.slides.reduced import reduced
from sr_tf.slides.slide import Slide, open_slide


def open_original(path: Path, header: Header) -> Slide:
    """Opens the slide that was archived, reduced as the archive's header says.

    Args:
        path: the slide's file.
        header: the archive's header.

    Raises:
        UserError: see `sr_tf.slides.slide.open_slide`.
    """
    return reduced(open_slide(path), factor_of(header))


def factor_of(header: Header) -> int:
    """How many times the original was reduced before it was archived; 1: not at all."""
    return header.source.get("reduced", {}).get("factor", 1)
