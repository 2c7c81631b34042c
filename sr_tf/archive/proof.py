"""Whether `sr-tf restore` can restore an archive.

`prove` looks at an archive before it gets its name: it restores a sample from the file that was written and compares it
with the original and with what was measured. `check_restorable` is the part of `sr-tf verify` that goes beyond hashes.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from sr_tf.archive.archived_slide import ArchivedSlide, needed_generators
from sr_tf.archive.copied import check_copies, page_of, sample
from sr_tf.archive.enlarge import BlockGenerator
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import KINDS
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.restored_view import pyramid_info, tile_of
from sr_tf.errors import UserError, install_extra, reason
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.load import load_network, shipped
from sr_tf.generators.names import parse_model
from sr_tf.generators.recorded import find_recorded, missing_generator
from sr_tf.generators.weights_hash import weights_sha256
from sr_tf.images.libraries import is_installed
from sr_tf.slides.copied_tiles import JpegPage
from sr_tf.slides.info import Associated
from sr_tf.slides.slide import Slide

_BLOCKS = 2
"""Blocks of each kind that are restored for a proof."""


def prove(
    draft: Path,
    target: Path,
    slide: Slide,
    images: Mapping[str, Associated],
    journal: Journal,
    generators: dict[int, BlockGenerator],
    engine: str,
) -> None:
    """Restores a sample of an archive that has no name yet.

    For each kind of block that occurs, two blocks; six of the JPEG tiles that `sr-tf restore` copies; every associated
    image. The sample is the same in every call.

    Args:
        draft: the archive's file, complete.
        target: the name that it will get.
        slide: the original.
        images: its associated images by their name.
        journal: the journal that the archive was written from.
        generators: the generators that measured it, by their scale.
        engine: what runs them.

    Raises:
        UserError: something cannot be restored, or has other pixels than those that were measured.
    """
    try:
        with ArchivedSlide(draft, engine=engine, loaded=generators.values()) as archive:
            problem = next(_differences(archive, slide, images, journal, generators), None)
    except UserError as error:
        problem = str(error)
    if problem is not None:
        problem = problem.removeprefix(f"{draft}: ")
        raise UserError(
            f"{target}: is not written, because it could not be restored: {problem}; {journal.path} keeps what is done"
        )


def check_restorable(path: Path, models: tuple[str, ...] = (), engine: str = DEFAULT_ENGINE) -> list[str]:
    """Checks what `sr-tf restore` needs besides undamaged bytes.

    Keras is imported only for generators of `models`, and only if a block needs one that does not ship.

    Args:
        path: an archive in which `sr_tf.archive.integrity.check_integrity` found nothing.
        models: see `ArchivedSlide`.
        engine: see `ArchivedSlide`.

    Returns:
        One line for each problem; empty if there is none.

    Raises:
        UserError: the file cannot be opened as an archive, or a generator of `models` cannot be read.
    """
    with ArchiveFile(path) as archive:
        found = [*_missing_generators(archive, models, engine), *_unwritable(archive, archive)]
    return [f"{path}: cannot be restored: {problem}" for problem in found]


def _differences(
    archive: ArchivedSlide,
    slide: Slide,
    images: Mapping[str, Associated],
    journal: Journal,
    generators: dict[int, BlockGenerator],
) -> Iterator[str]:
    """What cannot be restored from an archive, or is not what was measured."""
    for record in needed_generators(archive).values():
        name, sha256 = record["name"], record["weights_sha256"]
        if parse_model(name).where in shipped() and find_recorded(name, sha256) is None:
            yield str(missing_generator(name, sha256))
    measured = RestoredBlocks(archive.header.grid, journal.stored_image, generators)
    for code in np.unique(archive.index.kinds):
        kind = KINDS[int(code)]
        for row, column in sample(
            [tuple(map(int, place)) for place in np.argwhere(archive.index.kinds == code)], _BLOCKS
        ):
            restored, expected = archive.blocks.restored(row, column), measured.restored(row, column)
            if kind.exact:
                expected = slide.read(*archive.header.grid.rectangle(row, column))
            # A generator on a GPU may round a pixel to the next level when it runs again.
            if np.abs(np.subtract(restored, expected, dtype=np.int16)).max() > kind.generator:
                yield f"block {column},{row}, stored as {kind.name}, has other pixels than those that were measured"
    for name in archive.header.associated:
        pixels = archive.associated(name)
        if archive.header.gate.lossless and not np.array_equal(pixels, images[name].pixels):
            yield f"the associated image {name} has other pixels than the original"
    yield from _unwritable(archive, slide)


def _unwritable(archive: ArchiveFile, pixels: Slide | ArchiveFile) -> Iterator[str]:
    """Why the TIFF file of `sr-tf restore` could not be written.

    Args:
        archive: the archive.
        pixels: the original, or the archive itself, for the pixels that copied tiles should have.
    """
    header = archive.header
    try:
        pyramid_info(header, tile_of(archive))
        if isinstance(page_of(archive), JpegPage):
            read = pixels.read if isinstance(pixels, Slide) else _segments_reader(archive)
            check_copies(header.native, archive.segment, read)
    except ValueError as error:
        yield reason(error)


def _segments_reader(archive: ArchiveFile) -> Callable[[int, int, int, int], np.ndarray]:
    return lambda *rectangle: archive.header.native.read(archive.segment, *rectangle)


def _missing_generators(archive: ArchiveFile, models: tuple[str, ...], engine: str) -> Iterator[str]:
    records = needed_generators(archive)
    if not records:
        return
    for module in ("keras", engine):
        if not is_installed(module):
            yield f"its blocks need generators, and {module} is not installed, expected: {install_extra(engine)}"
            return
    given = None
    for scale, record in sorted(records.items()):
        name, sha256 = record["name"], record["weights_sha256"]
        recorded = archive.embedded_generator(record) or find_recorded(name, sha256)
        if recorded is None:
            given = _given(models) if given is None else given
            if given.get(sha256) != scale:
                yield str(missing_generator(name, sha256))
        elif recorded.architecture["scale"] != scale:
            yield f"the generator {name} enlarges ×{recorded.architecture['scale']}, the archive records ×{scale}"


def _given(models: tuple[str, ...]) -> dict[str, int]:
    """The scales of a user's own generators by the SHA-256 of their weights."""
    loaded = [load_network(name) for name in models]
    return {weights_sha256(model): model.scale for model in loaded}
