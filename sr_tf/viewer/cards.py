"""What the page of a folder shows of each slide: a thumbnail and a few facts."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from sr_tf.archive.container import is_archive
from sr_tf.archive.map_picture import preview
from sr_tf.archive.reader import ArchiveFile
from sr_tf.slides.info import SlideInfo
from sr_tf.slides.slide import Slide, open_slide
from sr_tf.viewer.layers import SlideLayer
from sr_tf.viewer.levels import Levels

THUMBNAIL = 480
"""Longest side of a thumbnail in pixels."""
_MOST_PIXELS = 64_000_000
"""A slide without smaller levels is read as a whole for its thumbnail up to this size."""


def make_card(path: Path) -> dict:
    """The facts about an archive or a slide. What the file does not state is None.

    Raises:
        UserError: the file cannot be read.
    """
    if is_archive(path):
        with ArchiveFile(path) as archive:
            header, size = archive.header, path.stat().st_size
            worst = archive.scores()["psnr"].min()
            return {
                **_facts(header.slide),
                "bytes": size,
                "archive": {
                    "quality": header.gate.name,
                    "sourceBytes": header.source.get("bytes"),
                    "worstPsnr": round(float(worst), 1) if np.isfinite(worst) else None,
                },
            }
    with open_slide(path) as slide:
        return {**_facts(slide.info), "bytes": path.stat().st_size, "archive": None}


def make_thumbnail(path: Path) -> bytes | None:
    """A JPEG file with the whole slide, or None if that would take long: a large slide without smaller levels.

    An archive's thumbnail comes from its overview, so no block is decoded.

    Raises:
        UserError: the file cannot be read.
    """
    if is_archive(path):
        with ArchiveFile(path) as archive:
            pixels = np.asarray(preview(archive))
    else:
        with open_slide(path) as slide:
            pixels = _whole(slide)
    if pixels is None:
        return None
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _whole(slide: Slide) -> np.ndarray | None:
    """The whole slide, uint8 [h, w, 3], from a smaller level, the file's own thumbnail, or all its pixels."""
    info, layer = slide.info, SlideLayer(slide)
    try:
        levels = Levels(info.width, info.height)
        fitting = [level for level in range(levels.count) if max(levels.size(level)) <= 4 * THUMBNAIL]
        level = next((level for level in fitting if layer.reads(level)), None)
        if level is not None:
            return layer.read(level, 0, 0, *levels.size(level))
    finally:
        layer.close()
    if "thumbnail" in slide.associated_names():
        return slide.associated()["thumbnail"].pixels
    if info.width * info.height > _MOST_PIXELS:
        return None
    return slide.read(0, 0, info.width, info.height)


def _facts(info: SlideInfo) -> dict:
    return {
        "width": info.width,
        "height": info.height,
        "mpp": info.mpp,
        "objective": info.objective_power,
        "format": info.format,
    }
