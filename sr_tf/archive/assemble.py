"""Writes an archive's file from a journal that is complete."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sr_tf.archive import av1
from sr_tf.archive.associated import encode_associated
from sr_tf.archive.container import BLOCK_TYPE, SCORE_TYPE, SEGMENT_TYPE, Writer, half_sha256
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.header import Header
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import PREVIEW_SIDE
from sr_tf.archive.stored import is_avif
from sr_tf.archive.windows import rescale
from sr_tf.errors import UserError
from sr_tf.images.tiles import assemble
from sr_tf.slides.info import Associated
from sr_tf.slides.slide import Slide

_MOST_HEADS = 255
"""More heads of AVIF files do not fit into a `BLOCK_TYPE`; files with further heads are stored whole."""


def assemble_archive(path: Path, header: Header, images: Mapping[str, Associated], journal: Journal) -> None:
    """Writes the archive. Needs memory for one block, the index and the scores.

    Args:
        path: the file to write, under a temporary name.
        header: the header; its heads and the entries of associated images are filled in.
        images: the associated images by their name, at least those of `header`.
        journal: all blocks with their scores.
    """
    writer = Writer(path)
    index = np.zeros((journal.grid.rows, journal.grid.columns), BLOCK_TYPE)
    heads: list[bytes] = []
    writer.add("preview.jpg", _preview(journal))
    writer.add_stream("blocks", _bodies(journal, index, heads))
    writer.add_array("blocks.npy", index)
    writer.add_array("scores.npy", _scores(journal))
    if header.native:
        _add_segments(writer, header, journal)
    if header.slide.icc is not None:
        writer.add("profile.icc", header.slide.icc)
    entries = {}
    for name in header.associated:
        entries[name], content = encode_associated(images[name], header.gate)
        writer.add(f"associated/{name}", content, compress=False)
    writer.finish(replace(header, heads=heads, associated=entries))


def read_associated(slide: Slide) -> dict[str, Associated]:
    """Reads the associated images that are to be stored.

    Raises:
        UserError: an image cannot be read. The message says how to archive the slide without these images.
    """
    try:
        return slide.associated()
    except UserError as error:
        raise UserError(f"{error}; `--associated strip` leaves label, macro and thumbnail images out") from error


def _bodies(journal: Journal, index: np.ndarray, heads: list[bytes]) -> Iterator[bytes]:
    """Yields the bytes of each block, and fills in `index` and `heads`."""
    for row, column in journal.grid.blocks():
        stored = journal.stored(row, column)
        head, body = av1.split(stored.file) if is_avif(stored.kind) else (b"", stored.file)
        if head and head not in heads:
            if len(heads) == _MOST_HEADS:
                head, body = b"", stored.file
            else:
                heads.append(head)
        number = heads.index(head) + 1 if head else 0
        index[row, column] = (
            stored.kind.code, number, stored.level, len(body), np.void(half_sha256(stored.file)),
        )  # fmt: skip
        yield body


def _add_segments(writer: Writer, header: Header, journal: Journal) -> None:
    """Adds the segments of the original that blocks need."""
    index = np.zeros((header.native.rows, header.native.columns), SEGMENT_TYPE)
    index["sha256"] = np.void(half_sha256(b""))
    needed = {
        place
        for block in journal.grid.blocks()
        if journal.stored(*block).kind is NATIVE
        for place in header.native.under(*journal.grid.rectangle(*block))
    }

    def pieces() -> Iterator[bytes]:
        for place in sorted(needed):
            kind, packed = journal.packed_segment(*place)
            index[place] = (kind, len(packed), np.void(half_sha256(journal.segment(*place))))
            yield packed

    writer.add_stream("segments", pieces())
    writer.add_array("segments.npy", index)


def _scores(journal: Journal) -> np.ndarray:
    scores = np.zeros(journal.grid.gate_shape, SCORE_TYPE)
    for place in journal.grid.blocks():
        for name, values in zip(SCORE_TYPE.names, journal.scores(*place), strict=True):
            scores[name][journal.grid.gate_tiles(*place)] = values
    return scores


def _preview(journal: Journal) -> bytes:
    """The slide as a small JPEG file, made from the stored images."""
    grid = journal.grid
    scale = 4
    while max(grid.width, grid.height) > PREVIEW_SIDE * scale and scale < BLOCK:
        scale *= 2

    def parts() -> Iterator[tuple[int, int, np.ndarray]]:
        for place in grid.blocks():
            x, y, width, height = grid.rectangle(*place)
            kind, image = journal.stored_image(*place)
            yield x // scale, y // scale, rescale(image, kind.scale, scale, (height, width))

    small = assemble((0, 0, -(-grid.width // scale), -(-grid.height // scale)), parts())
    if max(small.shape) > PREVIEW_SIDE:
        factor = PREVIEW_SIDE / max(small.shape)
        size = tuple(max(1, round(length * factor)) for length in small.shape[1::-1])
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, "JPEG", quality=60, optimize=True)
    return buffer.getvalue()
