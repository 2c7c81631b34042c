"""Metadata by OpenSlide's names, for what OpenSlide does not open itself."""

from collections.abc import Mapping

import openslide

from sr_tf.api.archive_levels import ArchiveLevels
from sr_tf.api.levels import Levels, Size
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.slides.info import SlideInfo


def slide_properties(info: SlideInfo, levels: Levels, associated: Mapping[str, Size]) -> dict[str, str]:
    """The properties that the file states, and OpenSlide's names for what `SlideInfo` holds. Nothing is invented.

    Args:
        info: the slide's size and metadata.
        levels: its levels.
        associated: (width, height) of its associated images by their name.
    """
    derived = {
        openslide.PROPERTY_NAME_VENDOR: info.format,
        "openslide.level-count": str(len(levels.sizes)),
    }
    for level, (size, factor) in enumerate(zip(levels.sizes, levels.downsamples, strict=True)):
        derived |= _sides(f"openslide.level[{level}]", size)
        derived[f"openslide.level[{level}].downsample"] = f"{factor:.15g}"
    for name, size in associated.items():
        derived |= _sides(f"openslide.associated.{name}", size)
    if info.mpp is not None:
        derived[openslide.PROPERTY_NAME_MPP_X] = f"{info.mpp[0]:.15g}"
        derived[openslide.PROPERTY_NAME_MPP_Y] = f"{info.mpp[1]:.15g}"
    if info.objective_power is not None:
        derived[openslide.PROPERTY_NAME_OBJECTIVE_POWER] = f"{info.objective_power:g}"
    if info.icc is not None:
        derived["openslide.icc-size"] = str(len(info.icc))
    return dict(sorted((info.properties | derived).items()))


def archive_properties(archive: ArchivedSlide, levels: ArchiveLevels) -> dict[str, str]:
    """The properties of an archived slide, and those of the archive itself, whose names begin with `sr_tf.`."""
    header = archive.header
    associated = {name: (entry["width"], entry["height"]) for name, entry in header.associated.items()}
    own = {"sr_tf.gate": header.gate.describe(), "sr_tf.software": header.software}
    if "sha256" in header.source:
        own["sr_tf.source.sha256"] = header.source["sha256"]
    for name, value in header.source.get("reduced", {}).items():
        own[f"sr_tf.reduced.{name}"] = f"{value:g}"
    for level in range(len(levels.sizes)):
        own[f"sr_tf.level[{level}].pixels"] = levels.made_of(level)
    return slide_properties(header.slide, levels, associated) | own


def _sides(name: str, size: Size) -> dict[str, str]:
    return {f"{name}.width": str(size[0]), f"{name}.height": str(size[1])}
