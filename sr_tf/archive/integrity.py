"""The first half of `sr-tf verify`: whether every byte of an archive is as it was written."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sr_tf.archive.container import COMMENT, hash_before_comment
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.reader import ArchiveFile
from sr_tf.errors import UserError
from sr_tf.messages import Progress, Steps


def check_integrity(path: Path, progress: Progress | None = None) -> list[str]:
    """Reads every byte of an archive and decodes every block; loads no generator.

    Args:
        path: the archive's file.
        progress: see `sr_tf.messages.Steps`; a step is a block.

    Returns:
        One line for each problem; empty if there is none.

    Raises:
        UserError: the file cannot be opened as an archive.
    """
    with ArchiveFile(path) as archive:
        return list(_problems(archive, progress))


def _problems(archive: ArchiveFile, progress: Progress | None) -> Iterator[str]:
    digest = hash_before_comment(archive.path)
    if archive.comment != (COMMENT + digest).encode():
        yield f"{archive.path}: its bytes are not those that were written (SHA-256 {digest[:12]}…)"
    for name in archive.header.members:
        if name not in ("blocks", "segments"):
            yield from _problem(archive.member, name)
    if archive.header.version > 1:
        yield from _problem(archive.overview)
    for name in archive.header.associated:
        yield from _problem(archive.associated, name)
    for record in archive.header.generators:
        yield from _problem(archive.embedded_generator, record)
    scores = None
    try:
        scores = archive.scores()
    except UserError as error:
        yield str(error)
    if scores is not None and not archive.header.gate.passed_as_stored(scores, archive.header.version).all():
        yield f"{archive.path}: some recorded scores do not pass its gate"
    grid = archive.header.grid
    with Steps({"check": grid.rows * grid.columns}, progress).phase("check", "block") as step:
        for row, column in grid.blocks():
            if archive.kind(row, column) is not NATIVE:
                yield from _problem(archive.stored_image, row, column)
            step()
    if archive.segment_index is not None:
        for row, column in np.argwhere(archive.segment_index["length"] > 0):
            yield from _problem(archive.segment, row, column)


def _problem(read: Callable[..., object], *arguments: object) -> Iterator[str]:
    """The message of the error that reading raises, if it raises one."""
    try:
        read(*arguments)
    except UserError as error:
        yield str(error)
