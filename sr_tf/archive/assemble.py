"""Writes an archive's file from a journal that is complete."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sr_tf.archive import av1
from sr_tf.archive.associated import encode_associated
from sr_tf.archive.container import SEGMENT_TYPE, Writer, half_sha256
from sr_tf.archive.embedded import member_of, scales_needed, to_bytes
from sr_tf.archive.gate import score_names
from sr_tf.archive.header import Header
from sr_tf.archive.index import AVIF, PIECE_TYPE, codec_of, to_planes
from sr_tf.archive.join import SCALES, groups
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import FULL_JXL, NATIVE
from sr_tf.archive.overview import encode_overview
from sr_tf.archive.shared_piece import group_of
from sr_tf.disk.cores import usable_cores
from sr_tf.errors import UserError
from sr_tf.slides.info import Associated
from sr_tf.slides.slide import Slide

_MOST_HEADS = 255
"""More heads of AVIF files do not fit into a `PIECE_TYPE`; files with further heads are stored whole."""


def assemble_archive(
    path: Path,
    header: Header,
    images: Mapping[str, Associated],
    journal: Journal,
    weights: Mapping[str, list[np.ndarray]] = MappingProxyType({}),
) -> None:
    """Writes the archive. Needs memory for one block, the index and the scores.

    Args:
        path: the file to write, under a temporary name.
        header: the header; its heads and the entries of associated images are filled in.
        images: the associated images by their name, at least those of `header`.
        journal: all blocks with their scores.
        weights: the weights of the generators that are embedded if a block needs them, by their SHA-256.
    """
    writer = Writer(path)
    kinds = np.zeros((journal.grid.rows, journal.grid.columns), np.uint8)
    pieces: list[tuple] = []
    heads: list[bytes] = []
    writer.add("overview.avif", encode_overview(journal.grid, journal.small), compress=False)
    writer.add_stream("blocks", _bodies(journal, kinds, pieces, heads))
    writer.add_array("blocks.npy", kinds)
    writer.add_array("pieces.npy", to_planes(np.array(pieces, PIECE_TYPE)))
    writer.add_array("scores.npy", _scores(journal, len(score_names(header.gate))))
    if header.gate.judges_cells:
        writer.add_array("cells.npy", _cells(journal))
    needed, generators = scales_needed(kinds), []
    for record in header.generators:
        sha256 = record["weights_sha256"]
        embed = sha256 in weights and record["architecture"]["scale"] in needed
        if embed:
            writer.add(member_of(record), to_bytes(weights[sha256]))
        generators.append({**record, "embedded": True} if embed else record)
    if header.native:
        _add_segments(writer, header, journal)
    if header.slide.icc is not None:
        writer.add("profile.icc", header.slide.icc)
    entries = {}
    with ThreadPoolExecutor(usable_cores()) as pool:
        coded = pool.map(lambda name: encode_associated(images[name], header.gate), header.associated)
        for name, (entry, content) in zip(header.associated, coded, strict=True):
            entries[name] = entry
            writer.add(f"associated/{name}", content, compress=False)
    writer.finish(replace(header, heads=heads, associated=entries, pieces=len(pieces), generators=generators))


def read_associated(slide: Slide) -> dict[str, Associated]:
    """Reads the associated images that are to be stored.

    Raises:
        UserError: an image cannot be read. The message says how to archive the slide without these images.
    """
    try:
        return slide.associated()
    except UserError as error:
        raise UserError(f"{error}; `--associated strip` leaves label, macro and thumbnail images out") from error


def _bodies(journal: Journal, kinds: np.ndarray, pieces: list[tuple], heads: list[bytes]) -> Iterator[bytes]:
    """Yields the bytes of each piece, and fills in `kinds`, `pieces` and `heads`.

    Shared pieces come first: where one has a block with a piece of its own, the later piece counts.
    """

    def body(place: tuple[int, int, int, int], scale: int, codec: int, level: int, file: bytes) -> bytes:
        head, content = av1.split(file) if codec == AVIF else (b"", file)
        if head and head not in heads:
            if len(heads) == _MOST_HEADS:
                head, content = b"", file
            else:
                heads.append(head)
        number = heads.index(head) + 1 if head else 0
        pieces.append((*place, scale, codec, level, number, len(content), np.void(half_sha256(file)[:8])))
        return content

    shared = set()
    for row, column in journal.grid.blocks():
        stored = journal.stored(row, column)
        kinds[row, column] = stored.kind.code
        if stored.shared:
            shared.add(group_of(stored.kind.scale, row, column))
    for scale in SCALES:
        for group in groups(journal.grid, scale):
            if group in shared:
                piece = journal.piece(*group)
                place = piece.row, piece.column, piece.rows, piece.columns
                yield body(place, scale, AVIF, piece.level, piece.file)
    for row, column in journal.grid.blocks():
        stored = journal.stored(row, column)
        if stored.kind is not NATIVE and not stored.shared:
            level = round(10 * stored.level) if stored.kind is FULL_JXL else round(stored.level)
            yield body((row, column, 1, 1), stored.kind.scale, codec_of(stored.kind), level, stored.file)


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
            index[place] = (kind, len(packed), np.void(journal.segment_hash(*place)))
            yield packed

    writer.add_stream("segments", pieces())
    writer.add_array("segments.npy", index)


def _scores(journal: Journal, count: int) -> np.ndarray:
    scores = np.zeros((count, *journal.grid.gate_shape), np.uint16)
    for place in journal.grid.blocks():
        scores[:, *journal.grid.gate_tiles(*place)] = journal.scores(*place)
    return np.concatenate([scores >> 8, scores & 255]).astype(np.uint8)


def _cells(journal: Journal) -> np.ndarray:
    scores = np.zeros(journal.grid.cell_shape, np.uint8)
    for place in journal.grid.blocks():
        scores[journal.grid.cells(*place)] = journal.cells(*place)
    return scores
