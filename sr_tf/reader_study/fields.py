"""Drawing fields that show tissue or cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.original import open_original
from sr_tf.archive.verify import require_slide
from sr_tf.errors import UserError
from sr_tf.images.libraries import cv2
from sr_tf.slides.source_files import SourceFiles

_PATCH, _LEAST_SPREAD, _LEAST_SHARE = 32, 8.0, 0.1
"""A field shows something if in this share of its patches of 32×32 pixels the grey value's standard deviation is at
least this, of 255. Glass has 1 to 3, whatever its colour."""


@dataclass(frozen=True)
class Field:
    """A field as it was and as it is restored.

    Attributes:
        archive: the archive's path.
        archive_sha256: of its file.
        slide: the slide's path.
        x: left edge in pixels of full size.
        y: upper edge, likewise.
        original: uint8 [side, side, 3], RGB.
        restored: the same shape.
        icc: the slide's colour profile.
    """

    archive: Path
    archive_sha256: str
    slide: Path
    x: int
    y: int
    original: np.ndarray
    restored: np.ndarray
    icc: bytes | None


@dataclass
class _Pair:
    """An archive, its slide, and the places that were not looked at yet (None: not drawn yet)."""

    archive: Path
    slide: Path
    places: list[tuple[int, int]] | None = field(default=None)


def shows_something(pixels: np.ndarray) -> bool:
    """Whether a field, uint8 [h, w, 3] of at least 32×32 pixels, shows tissue or cells and not only glass."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rows, columns = grey.shape[0] // _PATCH, grey.shape[1] // _PATCH
    patches = grey[: rows * _PATCH, : columns * _PATCH].reshape(rows, _PATCH, columns, _PATCH)
    return float((patches.std((1, 3)) >= _LEAST_SPREAD).mean()) >= _LEAST_SHARE


def draw_fields(
    archives: Sequence[Path],
    slides: Sequence[Path],
    count: int,
    side: int,
    rng: np.random.Generator,
    models: tuple[str, ...],
    engine: str,
    step: Callable[[], object],
) -> Iterator[Field]:
    """Draws fields that do not overlap, as evenly from all slides as these allow.

    Args:
        archives: the archives.
        slides: the slide of each.
        count: number of fields.
        side: of a field in pixels.
        rng: draws them.
        models: see `sr_tf.archive.archived_slide.ArchivedSlide`.
        engine: likewise.
        step: called after each field.

    Raises:
        UserError: a file cannot be read, a slide is not that of its archive, or the slides have too few such fields.
    """
    pairs = [_Pair(*pair) for pair in zip(archives, slides, strict=True)]
    missing = count
    while missing and (left := [pair for pair in pairs if pair.places != []]):
        for index, pair in enumerate(left):
            quota = -(-missing // (len(left) - index))
            for drawn in _draw(pair, quota, side, rng, models, engine):
                missing -= 1
                step()
                yield drawn
    if missing:
        raise UserError(
            f"{slides[0]}{' and others' if len(slides) > 1 else ''}: {count - missing} fields of {side}×{side} pixels "
            f"with tissue or cells, expected {count}; give more slides, a smaller --field or fewer --cases"
        )


def _draw(
    pair: _Pair, count: int, side: int, rng: np.random.Generator, models: tuple[str, ...], engine: str
) -> Iterator[Field]:
    files = SourceFiles(pair.slide)
    with (
        ArchivedSlide(pair.archive, models, engine, late=True) as archive,
        open_original(pair.slide, archive.header) as slide,
    ):
        require_slide(archive, slide, files)
        if pair.places is None:
            pair.places = _places(slide.info.width, slide.info.height, side, rng)
        sha256 = archive.sha256() if pair.places else ""
        while count and pair.places:
            x, y = pair.places.pop()
            original = slide.read(x, y, side, side)
            if shows_something(original):
                count -= 1
                restored = archive.read(x, y, side, side)
                yield Field(pair.archive, sha256, pair.slide, x, y, original, restored, slide.info.icc)


def _places(width: int, height: int, side: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """The places of a grid of fields, shifted and shuffled at random, so that blocks do not begin where fields do."""
    if width < side or height < side:
        return []
    left, top = (int(rng.integers(0, length % side + 1)) for length in (width, height))
    places = [(x, y) for y in range(top, height - side + 1, side) for x in range(left, width - side + 1, side)]
    return [places[index] for index in rng.permutation(len(places))]
