"""Joins chosen blocks into pieces: AV1 codes one large image in fewer bytes than several small ones.

Each block was chosen by itself, with the lowest level that passes. Blocks of a group that are reduced alike can share
a piece, which has one level: those that need a higher level keep a file of their own. Where a piece leaves a block out,
it is filled with what surrounds it, which costs almost nothing.
"""

from collections.abc import Callable, Iterator

import numpy as np

from sr_tf.archive.container import half_sha256
from sr_tf.archive.cut import cut, joined
from sr_tf.archive.grid import Grid, Place
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import Kind
from sr_tf.archive.shared_piece import Group, SharedPiece, group_side
from sr_tf.archive.stored import Stored, decode_image, stored_bytes
from sr_tf.images.codecs import Codec

SCALES = (4, 2)
"""The scales at which blocks are smaller than a piece may be."""

ENTRY = 14
"""Bytes of a piece's entry in the index, deflated."""
_STEP, _STEPS = 2, 3
"""If a block fails in a piece, the piece is coded so many levels higher, at most so many times."""


class Joiner:
    """Decides for each group of blocks which of them share a piece.

    Args:
        journal: the chosen blocks.
        reduced: a function from (row, column, kind) to the image that is coded of a block, uint8.
        passes: a function from (row, column, kind, decoded image, level) to whether the restored block passes the gate.
        codec: codes the pieces.
        candidates: the number of levels that are tried first.
    """

    def __init__(
        self,
        journal: Journal,
        reduced: Callable[[int, int, Kind], np.ndarray],
        passes: Callable[[int, int, Kind, np.ndarray, int], bool],
        codec: Codec,
        candidates: int,
    ):
        self._journal, self._grid, self._reduced, self._passes = journal, journal.grid, reduced, passes
        self._codec, self._candidates = codec, candidates

    def join(self, scale: int, row: int, column: int) -> None:
        """Decides for one group at one scale; does nothing if that was done."""
        if self._journal.joined(scale, row, column):
            return
        members = self._members(scale, row, column)
        single = sum(stored.cost + ENTRY for stored in members.values())
        best: tuple[float, SharedPiece, dict[Place, Stored]] | None = None
        images: dict[Place, np.ndarray] = {}
        for level in _levels(members, self._candidates):
            chosen = {place: stored for place, stored in members.items() if stored.level <= level}
            if len(chosen) < 2:
                continue
            for place, stored in chosen.items():
                if place not in images:
                    images[place] = self._reduced(*place, stored.kind)
            rest = single - sum(stored.cost + ENTRY for stored in chosen.values())
            piece, cost = self._coded(scale, images, chosen, level, (best[0] if best else single) - rest)
            if piece is not None:
                best = cost + rest, piece, chosen
        if best is not None:
            _, piece, chosen = best
            name = half_sha256(piece.file)[:8]
            self._journal.put_piece(scale, row, column, piece)
            for place, stored in chosen.items():
                self._journal.put(*place, Stored(stored.kind, stored.level, name, 0, shared=True))
        else:
            self._journal.put_piece(scale, row, column, None)

    def _members(self, scale: int, row: int, column: int) -> dict[Place, Stored]:
        found = {}
        for place in group_members(self._grid, scale, row, column):
            stored = self._journal.stored(*place)
            if stored.kind.scale == scale and stored.kind.codec == "avif":
                found[place] = stored
        return found

    def _coded(
        self,
        scale: int,
        images: dict[Place, np.ndarray],
        chosen: dict[Place, Stored],
        level: int,
        limit: float,
    ) -> tuple[SharedPiece | None, float]:
        """Codes the piece at the lowest level, from `level` on, at which all its blocks pass; None: it costs more."""
        rows, columns = ([place[axis] for place in chosen] for axis in (0, 1))
        first, shape = (min(rows), min(columns)), (max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)
        rectangle = self._grid.rectangle_of_blocks(*first, *shape)
        width, height = (-(-length // scale) for length in rectangle[2:])
        parts = {(r - first[0], c - first[1]): images[r, c] for r, c in chosen}
        image = joined(parts, (height, width), scale)
        kind = next(iter(chosen.values())).kind
        for step in range(_STEPS + 1):
            tried = min(level + step * _STEP, 98)
            file = self._codec.encode(image, tried)
            cost = stored_bytes(kind, file) + ENTRY
            if cost >= limit:
                return None, cost
            decoded = decode_image(file, "avif", width, height)

            def good(place: Place, decoded: np.ndarray = decoded, level: int = tried) -> bool:
                own = cut(decoded, rectangle, self._grid.rectangle(*place), scale)
                return self._passes(*place, chosen[place].kind, own, level)

            # Those that need the highest level fail first.
            if all(good(place) for place in sorted(chosen, key=lambda place: -chosen[place].level)):
                return SharedPiece(*first, *shape, tried, file), cost
        return None, limit


def groups(grid: Grid, scale: int) -> Iterator[Group]:
    """(scale, row, column) of every group of blocks at a scale."""
    side = group_side(scale)
    for row in range(-(-grid.rows // side)):
        for column in range(-(-grid.columns // side)):
            yield scale, row, column


def group_members(grid: Grid, scale: int, row: int, column: int) -> Iterator[Place]:
    """The blocks of a group, row by row."""
    side = group_side(scale)
    for r in range(row * side, min((row + 1) * side, grid.rows)):
        for c in range(column * side, min((column + 1) * side, grid.columns)):
            yield r, c


def _levels(members: dict[Place, Stored], count: int) -> list[int]:
    """A few levels of a shared piece to try: the highest of all members, and some at which a part of them remains."""
    levels = sorted({int(stored.level) for stored in members.values()}, reverse=True)
    if len(levels) <= count:
        return levels
    return [levels[round(index)] for index in np.linspace(0, len(levels) - 1, count)]


def stored_alone(journal: Journal, group: Group, choose: Callable[[int, int], Stored]) -> dict[Place, Stored]:
    """Chooses the blocks of a piece that others have left alone, if they then take fewer bytes than the piece.

    Args:
        journal: the chosen blocks.
        group: the group that has the piece.
        choose: chooses the block of a (row, column) alone.

    Returns:
        The blocks, to be stored; empty if the piece stays.
    """
    scale, *_ = group
    members = [
        place
        for place in group_members(journal.grid, *group)
        if (stored := journal.stored(*place)).shared and stored.kind.scale == scale
    ]
    if not members:
        return {}
    piece = stored_bytes(journal.stored(*members[0]).kind, journal.piece(*group).file) + ENTRY
    chosen = {place: choose(*place) for place in members}
    return chosen if sum(stored.cost + ENTRY for stored in chosen.values()) < piece else {}
