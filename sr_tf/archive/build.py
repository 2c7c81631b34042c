"""Chooses how each block of a slide is stored, and confirms every choice.

First, each block gets the smallest representation that passes the gate while the original surrounds it. Blocks that
are reduced alike are joined into pieces. Then every block is restored with what is really stored around it, and
measured again. A block that now fails gets a larger representation, and its neighbours are measured once more, until
all blocks pass. The scores in an archive are therefore those of the pixels that it restores.
"""

import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from sr_tf.archive.choose import Chooser
from sr_tf.archive.effort import DEFAULT_EFFORT, EFFORTS, Effort
from sr_tf.archive.enlarge import BlockGenerator, halo, middle, restored_in
from sr_tf.archive.for_each import for_each
from sr_tf.archive.gate import Gate
from sr_tf.archive.grid import Place
from sr_tf.archive.join import SCALES, Joiner, groups, stored_alone
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import EXACT, FAMILIES, NATIVE, Family, Kind, with_all_levels
from sr_tf.archive.measure import Measure
from sr_tf.archive.native import JPEG_FILES
from sr_tf.archive.network_wanted import Decision, NetworkWantedError
from sr_tf.archive.overview import part_scale
from sr_tf.archive.restored_blocks import RestoredBlocks
from sr_tf.archive.shared_piece import Group, group_of
from sr_tf.archive.stored import Stored, StoredImage
from sr_tf.archive.windows import RecentlyUsed, Windows
from sr_tf.errors import UserError, reason
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import reduce
from sr_tf.images.libraries import cv2
from sr_tf.images.tiles import Rectangle
from sr_tf.slides.slide import Slide

_CACHED_WINDOWS = 64
"""Windows of original pixels that are kept while blocks are joined; a group has at most 16 blocks."""


class Builder:
    """Fills a journal with the blocks of a slide and their scores.

    Args:
        slide: the original.
        journal: where blocks and scores are kept.
        gate: the gate that all tiles must pass.
        measure: scores the gate tiles of a block.
        generators: the generators by their scale.
        workers: number of threads.
        families: see `Chooser`.
        effort: how much time to spend.
    """

    def __init__(
        self,
        slide: Slide,
        journal: Journal,
        gate: Gate,
        measure: Measure,
        generators: dict[int, BlockGenerator],
        workers: int,
        families: tuple[Family, ...] = FAMILIES,
        effort: Effort = EFFORTS[DEFAULT_EFFORT],
    ):
        self._slide, self._journal, self._gate, self._measure = slide, journal, gate, measure
        self._grid, self._workers = journal.grid, workers
        self._families, self._effort = with_all_levels(families) if effort.predicts else families, effort
        self._generators = generators
        always = gate.lossless or gate.study or not effort.predicts
        self._decision = Decision(journal, generators, always)
        # Only pages of JPEG tiles are copied when the archive is restored, and a copied page needs all its tiles.
        segments = journal.segments
        jpeg = segments is not None and segments.codec == JPEG_FILES
        self._copies = gate.lossless and jpeg and not (slide.grid and slide.grid.replaceable)
        self._originals = Windows(self._grid, self._reduced)
        self._blocks = RestoredBlocks(self._grid, self._stored_image, generators)

    def choose(self, progress: Callable[[], object]) -> None:
        """Chooses a representation for every block.

        Args:
            progress: called after each block.
        """
        gate = self._gate.narrowed()

        def choose(row: int, column: int) -> None:
            if not self._journal.has(row, column):
                place, generators = (row, column), self._decision.generators
                chooser = Chooser(gate, self._measure, generators, self._families, self._effort)
                original = functools.partial(self._original, *place)
                source = functools.partial(self._source, *place, generators=generators)
                try:
                    stored = chooser.choose(original, source, native=self._native(*place))
                except NetworkWantedError as wanted:
                    self._decision.postpone(place, wanted.cost)
                    return
                self._journal.put(*place, stored)
            progress()

        for_each(choose, self._grid.blocks_in_bands(), self._workers)
        self._decision.close()
        for_each(choose, self._decision.places, self._workers)

    def join(self, progress: Callable[[], object]) -> None:
        """Joins blocks into pieces, see `sr_tf.archive.join`.

        Args:
            progress: called after each group of blocks.
        """
        gate = self._gate.narrowed()
        if gate.lossless or gate.study:
            return

        # A block is coded in several pieces that are compared, and its window may need a network.
        windows = RecentlyUsed(_CACHED_WINDOWS)

        def window(row: int, column: int, kind: Kind) -> np.ndarray:
            return windows.get((row, column, kind.code), lambda: self._source(row, column, kind))

        def reduced(row: int, column: int, kind: Kind) -> np.ndarray:
            *_, width, height = self._grid.rectangle(row, column)
            margin = halo(kind, self._generators)
            return middle(window(row, column, kind), kind.scale, margin, (height, width))

        def passes(row: int, column: int, kind: Kind, image: np.ndarray, level: int) -> bool:
            generator = self._generators[kind.scale] if kind.generator else None
            # A refined image passes for what it was made to, not for being near the reduced block.
            refined = generator is not None and generator.refiner is not None
            # Networks take long, and glass at the lowest level passes easily: `confirm` measures them. Of an image with
            # no larger error the worst cell may be worse.
            trusts = self._effort.predicts and not refined and not gate.judges_cells
            if trusts and (generator or self._journal.stored(row, column).level == 0):
                as_exact = self._as_exact(row, column, reduced(row, column, kind), image)
                if as_exact or generator:
                    return as_exact
            around, margin = window(row, column, kind), halo(kind, self._generators)
            original = self._original(row, column)
            restored = restored_in(around, image, kind.scale, margin, generator, level, original.shape[:2])
            return gate.passes(self._measure(original, restored))

        codec = CODECS[f"avif{self._effort.joined}"]
        joiner = Joiner(self._journal, reduced, passes, codec, self._effort.pieces)

        def join(scale: int, row: int, column: int) -> None:
            joiner.join(scale, row, column)
            progress()

        for_each(join, (place for scale in SCALES for place in groups(self._grid, scale)), self._workers)

    def share_segments(self) -> None:
        """Replaces blocks of full size by the original's JPEG segments where those add fewer bytes.

        A segment lies under several blocks but is stored once. `choose` looks at one block at a time and charges it a
        share of the segment. Here a block is charged only for the segments that no other block needs. Each replacement
        makes further ones cheaper, so neither the order nor an interruption changes the result.
        """
        segments = self._journal.segments
        if segments is None:
            return
        under, costs, needed = {}, {}, set()
        for place in self._grid.blocks():
            stored = self._journal.stored(*place)
            if stored.kind.scale == 1:
                under[place] = set(segments.under(*self._grid.rectangle(*place)))
                costs[place] = stored.cost
            if stored.kind is NATIVE:
                needed |= under.pop(place)
        changed = True
        while changed:
            changed = False
            for place in list(under):
                missing = under[place] - needed
                if sum(self._journal.segment_bytes(*segment) for segment in missing) < costs[place]:
                    self._journal.put(*place, self._journal.native(*place))
                    needed |= under.pop(place)
                    changed = True

    def confirm(self, progress: Callable[[], object], places: Iterable[Place] | None = None) -> set[Place]:
        """Measures every restored block and replaces those that fail.

        Every replacement is larger than the block that failed, and the largest are the exact pixels. A piece that a
        block has left is dissolved if the others take fewer bytes alone; they are never joined again. So it ends.

        Args:
            progress: called after each measurement.
            places: (row, column) of the blocks that may have changed; None: all.

        Returns:
            The blocks that were replaced.

        Raises:
            UserError: even the exact pixels of a block fail, or, if every pixel has to be kept, the original's JPEG
                segments do not give the pixels that were read. Another program may be changing the slide's file.
        """
        pending, exact = list(self._grid.blocks_in_bands() if places is None else places), set()
        replaced: set[Place] = set()
        left: set[Group] = set()
        while pending:
            failing: set[Place] = set()

            def measure(row: int, column: int, failing: set = failing) -> None:
                if self._journal.scores(row, column) is None:
                    # Read again: a reader that gives other pixels now must not go unnoticed.
                    scores = self._measure(self._read(row, column), self._blocks.restored(row, column))
                    if self._gate.passes(scores):
                        small = self._blocks.windows.plane(row, column, part_scale(self._grid))
                        self._journal.put_small(row, column, small)
                        self._journal.put_scores(row, column, scores)
                    else:
                        failing.add((row, column))
                progress()

            for_each(measure, pending, self._workers)
            for row, column in sorted(failing):
                failed = self._journal.stored(row, column)
                if (row, column) in exact or (failed.kind is NATIVE and self._copies):
                    raise self.differs(row, column, failed.kind)
                chosen = self.chosen_again(row, column, self._gate, failed)
                if chosen.kind is EXACT:
                    exact.add((row, column))
                self.replace(row, column, chosen)
                if failed.shared:
                    left.add(group_of(failed.kind.scale, row, column))
            alone = set() if failing else self._dissolved(left)
            replaced |= failing | alone
            pending = self._grid.around(failing | alone)
        return replaced

    def _dissolved(self, left: set[Group]) -> set[Place]:
        """Stores blocks alone where that takes fewer bytes than the piece that others have left; returns them."""
        alone: set[Place] = set()
        while left:
            chosen = stored_alone(
                self._journal, left.pop(), lambda *place: self.chosen_again(*place, self._gate.narrowed())
            )
            for place, stored in chosen.items():
                self.replace(*place, stored)
            alone |= set(chosen)
        return alone

    def chosen_again(self, row: int, column: int, gate: Gate, failed: Stored | None = None) -> Stored:
        """Chooses a block once more for a gate, surrounded by what is stored; for `failed` see `Chooser.choose`."""
        chooser = Chooser(gate, self._measure, self._decision.generators, self._families, self._effort)
        place = row, column
        windows = (functools.partial(make, *place) for make in (self._original, self._source, self._around))
        return chooser.choose(*windows, self._native(*place), failed)

    def replace(self, row: int, column: int, stored: Stored) -> None:
        """Stores a block in another way."""
        self._journal.put(row, column, stored)
        self._blocks.forget(row, column)

    def restored(self, rectangle: Rectangle) -> np.ndarray:
        """The pixels of a rectangle, (x, y, width, height), as they are restored."""
        return self._blocks.read(*rectangle)

    def _stored_image(self, row: int, column: int) -> StoredImage:
        try:
            return self._journal.stored_image(row, column)
        except ValueError as error:
            raise UserError(
                f"{self._slide.path}: block {column},{row} cannot be decoded as it is stored: {reason(error)}"
            ) from error

    def differs(self, row: int, column: int, kind: Kind) -> UserError:
        """The error for a block that no representation gives back."""
        x, y, width, height = self._grid.rectangle(row, column)
        return UserError(
            f"{self._slide.path}: block {column},{row} ({width}×{height} pixels at {x},{y}), stored as {kind.name}, "
            "does not give the pixels that were read, expected the same; if the slide's file has changed meanwhile, "
            f"delete {self._journal.path} and start again"
        )

    def _source(
        self, row: int, column: int, kind: Kind, generators: Mapping[int, BlockGenerator] | None = None
    ) -> np.ndarray:
        """A block of the original, reduced for a kind, with its halo; see `sr_tf.archive.search.WindowOf`."""
        margin = halo(kind, self._generators)
        generator = (generators or self._generators)[kind.scale] if kind.generator else None
        if generator is None or not generator.reduction_margin:
            return self._originals.window(row, column, kind.scale, margin)
        outer = kind.scale * margin + generator.reduction_margin
        return generator.reduce(self._originals.window(row, column, 1, outer))

    def _around(self, row: int, column: int, kind: Kind) -> np.ndarray:
        """The same window of what is stored."""
        return self._blocks.windows.window(row, column, kind.scale, halo(kind, self._generators))

    def _as_exact(self, row: int, column: int, reduced: np.ndarray, image: np.ndarray) -> bool:
        """Whether an image has at most the coding error of a block as it is stored, which passed with its network."""
        alone = self._journal.stored_image(row, column).image
        return cv2.norm(image, reduced, cv2.NORM_L2SQR) <= cv2.norm(alone, reduced, cv2.NORM_L2SQR)

    def _native(self, row: int, column: int) -> Callable[[], Stored] | None:
        return functools.partial(self._journal.native, row, column) if self._journal.segments else None

    def _read(self, row: int, column: int) -> np.ndarray:
        return self._slide.read(*self._grid.rectangle(row, column))

    def _original(self, row: int, column: int) -> np.ndarray:
        return self._originals.plane(row, column, 1)

    def _reduced(self, row: int, column: int, scale: int) -> np.ndarray:
        """Makes a plane of the original; while it is chosen, all are made of one read."""
        if scale == 1:
            return self._read(row, column)
        return reduce(self._original(row, column), scale, self._gate.reduction)
