"""The results of `sr-tf validate` as Python objects."""

from dataclasses import dataclass, field

import numpy as np

from sr_tf.cells.tally import Tally
from sr_tf.metrics.ring_correlation import Detail, merged
from sr_tf.validation.detail import Summary, summary


@dataclass(frozen=True)
class Difference:
    """A cell that one finding has and the other has not, or has with another type.

    Attributes:
        kind: "lost" (only in the original), "gained" (only in the other image) or "changed".
        x: the cell's centre in pixels of full size.
        y: likewise.
        original: number of its type in the original; None if it is not there.
        other: number of its type in the other image; None if it is not there.
        pictures: the original and the other image around it, uint8 [side, side, 3] each; None where there are
            too many.
    """

    kind: str
    x: float
    y: float
    original: int | None
    other: int | None
    pictures: tuple[np.ndarray, np.ndarray] | None = None


@dataclass
class Method:
    """What one way to store the slide does to its cells.

    Attributes:
        name: in tables.
        settings: how pixels are stored.
        windows: number of windows that were compared.
        pixels: of these windows with their margins; of the whole slide for the archive.
        bytes: of their files.
        tally: the cells by block of 512×512 pixels: original, then stored.
        differences: the cells that differ; kept for the archive only.
        details: what is kept of the detail of each window, by its upper left corner (x, y).
    """

    name: str
    settings: str
    windows: int = 0
    pixels: int = 0
    bytes: int = 0
    tally: Tally = field(default_factory=Tally)
    differences: list[Difference] = field(default_factory=list)
    details: dict[tuple[int, int], Detail] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Bits for each pixel."""
        return 8 * self.bytes / self.pixels if self.pixels else 0.0

    def detail(self) -> Summary:
        """What is kept of the detail of all windows."""
        return summary(merged(self.details.values()))


@dataclass(frozen=True)
class Validation:
    """The comparison of an archive with its slide.

    Attributes:
        archive: the archive's file name.
        slide: the slide's file name.
        source_sha256: SHA-256 of the slide; None for a de-identified archive.
        archive_sha256: of the archive's file.
        gate: the archive's quality gate in words.
        protocol: how the figures were made, in words.
        finder: the card of the finder, see `sr_tf.cells.subjects.Subject`.
        methods: the archive, then the floors. If the floors were measured on some windows only, the archive on the same
            windows stands second.
        mpp: the slide's µm per pixel, x and y; None if its file does not state them.
        counted: what the cells are.
        gated: whether the archive was stored so that this finder's answers agree.
    """

    archive: str
    slide: str
    source_sha256: str | None
    archive_sha256: str
    gate: str
    protocol: str
    finder: dict
    methods: list[Method]
    mpp: tuple[float, float] | None = None
    counted: str = "red cells"
    gated: bool = False

    @property
    def typed(self) -> bool:
        """Whether the cells have types."""
        return "method" not in self.finder
