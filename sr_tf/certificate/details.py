"""What is kept of the detail of a slide, beside other ways to store it, and the patches that lose or invent most."""

from collections.abc import Iterator, Mapping

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.grid import BLOCK
from sr_tf.certificate.record import DetailFacts, DetailOfMethod, Patch, Pictures, keep
from sr_tf.certificate.shown import amplified
from sr_tf.images.reading import encode_png
from sr_tf.metrics.ring_correlation import PATCH, PROTOCOL, Detail, detail, merged
from sr_tf.slides.slide import Slide
from sr_tf.validation.detail import summary
from sr_tf.validation.floors import floors
from sr_tf.validation.validate import spread

_BLOCKS = 64
"""Most blocks on which other ways to store the slide are measured."""
_SAMPLES = 4
"""Most blocks on which their quality is chosen."""
_SHOWN = 3
_LEAST_LOSS = 1.0
"""Patches that lose less, in 8-bit levels, are not shown."""

Block = tuple[int, int]


def detail_facts(
    archive: ArchivedSlide, slide: Slide, details: Mapping[Block, Detail], factor: int, pictures: Pictures
) -> DetailFacts:
    """Compares the archive's detail with that of JPEG, AVIF and interpolation.

    Args:
        archive: the archive.
        slide: the original.
        details: what is kept in each block, by (row, column).
        factor: by which differences in pictures are multiplied.
        pictures: the pictures are added here.
    """
    grid, whole = archive.header.grid, merged(details.values())
    filled = [block for block, found in details.items() if len(found.kept)]
    chosen = [filled[index] for index in spread(len(filled), _BLOCKS)] if filled else []
    methods = [DetailOfMethod("restored", archive.header.gate.describe(), len(details), summary(whole))]
    if chosen and len(chosen) < len(filled):
        same = merged(details[block] for block in chosen)
        methods.append(
            DetailOfMethod("restored, blocks of the floors", methods[0].settings, len(chosen), summary(same))
        )
    if chosen:
        samples = [slide.read(*grid.rectangle(*chosen[index])) for index in spread(len(chosen), _SAMPLES)]
        rate = archive.path.stat().st_size / (grid.width * grid.height)
        coded = {floor: [] for floor in floors(samples, rate)}
        for block in chosen:
            x, y, *_ = place = grid.rectangle(*block)
            pixels = slide.read(*place)
            for floor, found in coded.items():
                found.append(detail(pixels, floor.coded(pixels)[0], x, y))
        methods += [
            DetailOfMethod(floor.name, floor.settings, len(chosen), summary(merged(found)))
            for floor, found in coded.items()
        ]
    within = f"patches lie within blocks of {BLOCK}×{BLOCK} pixels"
    where = f"other ways to store the slide: block by block, on {len(chosen)} of the {len(filled)} blocks with detail"
    shown = [_shown(archive, slide, whole, index, factor, pictures) for index in most_changed(whole)]
    return DetailFacts(f"{PROTOCOL}; {within}; {where}", methods, shown)


def most_changed(whole: Detail) -> list[int]:
    """The indices of a few patches apart from each other: flagged ones first, then those that lose most."""
    order = np.lexsort((-whole.lost, np.where(whole.flagged, -whole.invented, 0)))
    return list(_apart(whole, order))[:_SHOWN]


def _apart(whole: Detail, order: np.ndarray) -> Iterator[int]:
    taken: list[np.ndarray] = []
    for index in order:
        if not whole.flagged[index] and whole.lost[index] < _LEAST_LOSS:
            continue
        if all(np.abs(whole.places[index] - place).max() >= PATCH for place in taken):
            taken.append(whole.places[index])
            yield int(index)
        if len(taken) == _SHOWN:
            return


def _shown(archive: ArchivedSlide, slide: Slide, whole: Detail, index: int, factor: int, pictures: Pictures) -> Patch:
    x, y = map(int, whole.places[index])
    place = (x, y, PATCH, PATCH)
    pixels, other = slide.read(*place), archive.read(*place)
    images = (pixels, other, amplified(pixels, other, factor))
    figures = (round(float(one[index]), 4) for one in (whole.kept, whole.limits, whole.lost, whole.invented))
    return Patch(
        bool(whole.flagged[index]),
        place,
        *figures,
        stored=archive.kind(y // BLOCK, x // BLOCK).name,
        pictures=tuple(keep(pictures, encode_png(image)) for image in images),
    )
