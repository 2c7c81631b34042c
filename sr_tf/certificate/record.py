"""What a certificate says, as data. The record is embedded in the page, so that it can be read back and checked."""

import hashlib

import msgspec

from sr_tf.messages import RESEARCH_ONLY
from sr_tf.validation.detail import Summary

MADE_BY = "sr-tf certificate"
NOTE = RESEARCH_ONLY


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a record: unknown fields are an error."""


class SlideFacts(Part):
    """The slide as the archive's header states it.

    Attributes:
        name: of its file; None after `--deidentify`.
        sha256: of all its files; None likewise.
        bytes: of all its files; None likewise.
        format: see `sr_tf.slides.info.SlideInfo`.
        width: in pixels.
        height: in pixels.
        mpp: µm per pixel, x and y; None if the slide's file does not state it.
        objective_power: None likewise.
        second_reader: what a second decoder compared when the slide was archived.
        reduced_from: the objective power of the slide's file, if the slide was reduced before it was archived; the
            other facts are then those of the reduced slide.
    """

    name: str | None
    sha256: str | None
    bytes: int | None
    format: str
    width: int
    height: int
    mpp: tuple[float, float] | None
    objective_power: float | None
    second_reader: str | None
    reduced_from: float | None = None


class Share(Part):
    """The bytes of one way to store blocks; `blocks` is 0 for other parts of the file."""

    name: str
    blocks: int
    bytes: int


class GeneratorFacts(Part):
    """A network that the archive names. `embedded`: its weights are in the archive."""

    name: str
    scale: int
    weights_sha256: str
    engine: str
    embedded: bool


class GatedCells(Part):
    """How red cells were kept when the slide was archived, see `sr_tf.archive.red_cells.RedCells`."""

    agree: str
    finder_sha256: str
    found: int
    raised: int


class ArchiveFacts(Part):
    """What can be read from the archive's file alone.

    Attributes:
        sha256: of the file.
        bytes: of the file.
        format_version: of the archive's format.
        software: what wrote it.
        codecs: versions of the libraries that coded the blocks.
        gate: the quality gate in words.
        protocol: how its tiles are measured, in words.
        limits: the gate's threshold of each score; None for equal pixels. Empty for the quality `study`.
        generators: the networks that it names.
        stored: how its bytes are divided.
        slide: the slide.
        red_cells: what it says of its gate on red cells; None if it had none.
    """

    sha256: str
    bytes: int
    format_version: int
    software: str
    codecs: dict[str, str]
    gate: str
    protocol: str
    limits: dict[str, float | None]
    generators: list[GeneratorFacts]
    stored: list[Share]
    slide: SlideFacts
    red_cells: GatedCells | None = None


class Score(Part):
    """A score over all gate tiles; None is the PSNR of equal pixels."""

    name: str
    worst: float | None
    median: float | None


class Tile(Part):
    """A tile that is shown.

    Attributes:
        reason: why, in words.
        place: (x, y, width, height) in pixels of full size.
        scores: of this tile, by name; None is the PSNR of equal pixels.
        stored: how its block is stored.
        pictures: SHA-256 of the PNG files of original, restored tile and difference.
        detail_cell: (x, y) of the upper left corner of the tile's detail cell of 32×32 pixels with the largest error.
    """

    reason: str
    place: tuple[int, int, int, int]
    scores: dict[str, float | None]
    stored: str
    pictures: tuple[str, str, str]
    detail_cell: tuple[int, int]


class DetailOfMethod(Part):
    """What one way to store the slide keeps of its detail.

    Attributes:
        name: of the way.
        settings: how pixels are stored.
        blocks: number of blocks that were looked at.
        found: the figures.
    """

    name: str
    settings: str
    blocks: int
    found: Summary


class Patch(Part):
    """A patch that is shown: see `sr_tf.metrics.ring_correlation.Detail` for its figures, `Tile` for the others."""

    flagged: bool
    place: tuple[int, int, int, int]
    kept: float
    limit: float
    lost: float
    invented: float
    stored: str
    pictures: tuple[str, str, str]


class DetailFacts(Part):
    """What is kept of the slide's detail: the archive first, then other ways to store it; and the worst patches."""

    protocol: str
    methods: list[DetailOfMethod]
    shown: list[Patch]


class CellsOfMethod(Part):
    """Cells of the slide and of one stored form of it; see `sr_tf.validation`. None where a figure is not defined.

    Attributes:
        places: number of blocks in which cells were found; limits of agreement are over these.
        pairs: number of cells that were found in both, and have types.
        same: how many of them have the same type in both.
    """

    name: str
    bits_per_pixel: float
    original: int
    stored: int
    bias_percent: float | None
    limits_of_agreement: tuple[float | None, float | None]
    only_in_original: int
    only_in_stored: int
    kappa: float | None
    kappa_interval: tuple[float | None, float | None]
    places: int
    pairs: int
    same: int


class CellFacts(Part):
    """The results of `sr-tf validate`, as far as they are on the page.

    Attributes:
        made_by: the program and its version.
        counted: what the cells are.
        typed: whether they have types.
        protocol: how the figures were made, in words.
        finder_sha256: of the finder's weights; None if it has none.
        finder_errors: what is known of the finder's own errors, in words.
        methods: the archive, then other ways to store the slide.
    """

    made_by: str
    counted: str
    typed: bool
    protocol: str
    finder_sha256: str | None
    finder_errors: str
    methods: list[CellsOfMethod]


class Certificate(Part):
    """All that a certificate says.

    Attributes:
        made_by: the program and its version.
        made: when, as ISO 8601, in UTC.
        note: `NOTE`.
        archive_name: the archive's file name when the certificate was made.
        archive: what can be read from the archive.
        second_reader: what a second decoder compared now.
        tiles: number of gate tiles that were measured.
        scores: over these tiles.
        factor: by which the differences in pictures are multiplied.
        shown: the tiles with pictures.
        detail: what is kept of the slide's detail.
        cells: None if no cells were counted.
        not_measured: what the certificate says nothing about, in sentences.
        red_cells: what was found when the red cells of the archive's gate were compared again, in words; None if its
            gate compares none.
    """

    made_by: str
    made: str
    note: str
    archive_name: str
    archive: ArchiveFacts
    second_reader: str
    tiles: int
    scores: list[Score]
    factor: int
    shown: list[Tile]
    detail: DetailFacts
    cells: CellFacts | None
    not_measured: list[str]
    red_cells: str | None = None


Pictures = dict[str, bytes]
"""PNG files by their SHA-256."""


def keep(pictures: Pictures, png: bytes) -> str:
    """Adds a picture; returns its SHA-256."""
    sha256 = hashlib.sha256(png).hexdigest()
    pictures[sha256] = png
    return sha256
