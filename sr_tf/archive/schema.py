"""What may stand in `archive.json`: the type, range and length of every field, checked before any of them is used.

Whoever writes an archive can give it right hashes, so every value counts as hostile until it has passed this schema.
Fields that are not listed here are skipped: a later version may add some. The limits are far above what a slide needs,
and low enough that reading the largest archive that passes takes less than a gigabyte.
"""

import base64
import re
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from sr_tf.archive.gate import QUALITIES, STUDY, score_names
from sr_tf.archive.grid import BLOCK, GATE_TILE, Grid

FORMAT = "sr_tf archive"
VERSION, VERSION_OF_JPEG_2000, VERSION_OF_PLACED_PAGES = 2, 3, 4
"""The versions that are written: the second for archives that keep JPEG 2000 tiles, the third for those that keep a
page that is a part of the slide. All from 1 on are read."""

LARGEST_HEADER = 16 << 20
"""Most bytes of `archive.json`."""

MOST_BLOCKS = 1 << 20
"""A slide of 500,000 × 500,000 pixels has fewer blocks."""

MOST_SEGMENTS = 1 << 23
"""Most segments of the original's page; 128 × 128 pixels each for a slide of 370,000 × 370,000."""

MOST_SEGMENT_PIXELS = 1 << 26
"""Most pixels of a segment; the same limit as when slides are read."""

MOST_ASSOCIATED_PIXELS = 1 << 25
"""Most pixels of a label, macro or thumbnail image."""

_WORD_LENGTH = 255

_Word = Annotated[str, Meta(max_length=_WORD_LENGTH)]
_Text = Annotated[str, Meta(max_length=4096)]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Place = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_Side = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Micrometres = Annotated[float, Meta(gt=0, le=1e6)]
_Tag = Annotated[int, Meta(ge=0, le=65535)]
_Bytes = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Head = Annotated[str, Meta(max_length=8192)]
_Tables = Annotated[str, Meta(max_length=2 << 20)]


class Version(Struct):
    """What says whether the other fields can be understood."""

    format: str
    version: int
    block: int
    gate_tile: int


class Layout(Struct):
    """What decides pixels, since version 2; only one value of each is known so far."""

    piece: Literal[512]
    interpolation: Literal["cubic, a = -3/4, weights of 1/2048, exact"]
    edges: Literal["repeated"]


LAYOUT = Layout(512, "cubic, a = -3/4, weights of 1/2048, exact", "repeated")


class SlideFields(Struct):
    """See `sr_tf.slides.info.SlideInfo`."""

    format: _Word
    width: _Side
    height: _Side
    mpp: tuple[_Micrometres, _Micrometres] | None
    objective_power: Annotated[float, Meta(ge=0, le=1e6)] | None
    properties: dict[str, str]


class ReducedFields(Struct):
    """How many times the slide was reduced before it was archived, and what it was before."""

    factor: Literal[2, 4, 8]
    objective_power: Annotated[float, Meta(gt=0, le=1e6)]
    width: _Side
    height: _Side


class SourceFields(Struct, omit_defaults=True):
    """The slide's files, in the order in which archives state it; after `--deidentify` without the first four."""

    name: _Text | UnsetType = UNSET
    bytes: _Bytes | UnsetType = UNSET
    sha256: _Sha256 | UnsetType = UNSET
    files: Annotated[int, Meta(ge=2, le=1 << 20)] | UnsetType = UNSET
    second_reader: _Text | UnsetType = UNSET
    reduced: ReducedFields | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.bytes is UNSET) != (self.sha256 is UNSET):
            raise ValueError("has one of `bytes` and `sha256`, expected both or neither")


class GateFields(Struct):
    """See `sr_tf.archive.gate.Gate`."""

    name: _Word
    min_psnr: Annotated[float, Meta(ge=0, le=1000)] | None
    min_ssim: Annotated[float, Meta(ge=-1, le=1)]
    max_enl0: Annotated[float, Meta(ge=0, le=1e6)] | None
    max_shift: Annotated[float, Meta(ge=0, le=255)]
    min_local_ssim: Annotated[float, Meta(ge=-1, le=1)] | None = None
    max_local_error: Annotated[float, Meta(ge=0, le=255)] | None = None

    def __post_init__(self) -> None:
        study = QUALITIES[STUDY]
        if self.name == study.name and any(
            getattr(self, name) != getattr(study, name) for name in self.__struct_fields__
        ):
            raise ValueError(
                "has the name `study` and thresholds, expected a PSNR of 0, an SSIM of -1, a shift of 255 and no others"
            )


class RedCellFields(Struct):
    """See `sr_tf.archive.red_cells.RedCells`. `agree`: what the gate demanded, see `sr_tf.archive.gate.Gate`."""

    agree: Literal["types", "count"]
    finder_sha256: _Sha256
    found: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    raised: Annotated[int, Meta(ge=0, le=MOST_BLOCKS)]


class Architecture(Struct, omit_defaults=True):
    """Arguments of `EDSR`, or at scale 1 of `CodedFilter`. A network is built of them if its weights are embedded."""

    blocks: Annotated[int, Meta(ge=0, le=1024)]
    filters: Annotated[int, Meta(ge=1, le=4096)]
    scale: Literal[1, 2, 4, 8, 16]
    residual_scaling: Annotated[float, Meta(ge=-1000, le=1000)]
    one_step: bool | UnsetType = UNSET
    quality_input: bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.one_step is UNSET) != (self.scale == 1):
            raise ValueError("`one_step` belongs to generators, not to filters of scale 1")
        if self.quality_input is not UNSET and self.scale == 1:
            raise ValueError("`quality_input` belongs to generators; filters are always told the quality")


class GeneratorFields(Struct, omit_defaults=True):
    """See `sr_tf.archive.enlarge.BlockGenerator`."""

    name: Annotated[str, Meta(min_length=1, max_length=4096)]
    architecture: Architecture
    weights_sha256: _Sha256
    engine: _Word | UnsetType = UNSET
    embedded: bool | UnsetType = UNSET


class SegmentFields(Struct):
    """See `sr_tf.archive.native.Segments`. `codec` is stated in version 3 only, `x` and `y` in version 4 only."""

    width: _Side
    height: _Side
    segment_width: _Side
    segment_height: _Side
    photometric: Literal[2, 6]
    subsampling: tuple[_Tag, _Tag] | None
    tables: _Tables | None
    codec: Literal["jpeg2000"] | UnsetType = UNSET
    x: _Place | UnsetType = UNSET
    y: _Place | UnsetType = UNSET


class AssociatedFields(Struct, omit_defaults=True):
    """See `sr_tf.archive.associated`. The last three are those of `segments`."""

    stored: Literal["avif", "jpegxl", "segments"]
    width: _Side
    height: _Side
    segments: SegmentFields | UnsetType = UNSET
    kinds: list[Literal[0, 1, 2]] | UnsetType = UNSET
    lengths: list[Annotated[int, Meta(ge=0, le=2**32 - 1)]] | UnsetType = UNSET


class Fields(Struct):
    """All of `archive.json`. Version 1 has no `layout`, `pieces` and `scores`.

    Version 3 is version 2 with `native.codec`, version 4 is version 2 with `native.x` and `native.y`.
    """

    version: int
    software: _Word
    slide: SlideFields
    source: SourceFields
    gate: GateFields
    generators: Annotated[list[GeneratorFields], Meta(max_length=16)]
    codecs: Annotated[dict[_Word, _Word], Meta(max_length=64)]
    heads: Annotated[list[_Head], Meta(max_length=255)]
    native: SegmentFields | None
    associated: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=_WORD_LENGTH)], AssociatedFields], Meta(max_length=64)
    ]
    removed: list[str]
    members: Annotated[dict[Annotated[str, Meta(min_length=1, max_length=1024)], _Sha256], Meta(max_length=100)]
    layout: Layout | None = None
    pieces: Annotated[int, Meta(ge=0, le=MOST_BLOCKS)] | None = None
    scores: Annotated[list[Literal["psnr", "ssim", "shift", "enl0", "lpips"]], Meta(max_length=8)] = []
    red_cells: RedCellFields | None = None


def parse(text: str) -> Fields:
    """Checks and reads the content of `archive.json`.

    Raises:
        ValueError: a field is missing, or has a value that no archive can have; in one line that names the field, what
            was found and what was expected.
    """
    size = len(text.encode())
    if size > LARGEST_HEADER:
        raise ValueError(f"archive.json has {size:,} bytes, expected at most {LARGEST_HEADER:,}")
    version = _decode(text, Version)
    if version.format != FORMAT:
        raise ValueError(f"format is {_shown(version.format)}, expected {FORMAT!r}")
    if version.version not in range(1, VERSION_OF_PLACED_PAGES + 1) or (version.block, version.gate_tile) != (
        BLOCK,
        GATE_TILE,
    ):
        shown = "version {} with blocks of {} and gate tiles of {} pixels".format
        found = shown(version.version, version.block, version.gate_tile)
        expected = shown(VERSION_OF_PLACED_PAGES, BLOCK, GATE_TILE)
        raise ValueError(f"{found}, expected {expected}, or an earlier version; a newer sr_tf may be able to read it")
    fields = _decode(text, Fields)
    _check_version(fields)
    scales = [record.architecture.scale for record in fields.generators]
    if len(set(scales)) < len(scales):
        raise ValueError(f"`generators` has the scales {scales}, expected each once")
    _check_slide(fields.slide)
    if fields.source.reduced is not UNSET:
        _check_reduced(fields.source.reduced, fields.slide)
    if fields.native is not None:
        _check_segments("native", fields.native)
        _check_place(fields.native, fields.slide)
    for name, entry in fields.associated.items():
        _check_associated(f"associated.{name}", entry)
    return fields


def _check_version(fields: Fields) -> None:
    native = fields.native
    others = [entry.segments for entry in fields.associated.values() if entry.segments]
    for name, version in (
        ("codec", VERSION_OF_JPEG_2000), ("x", VERSION_OF_PLACED_PAGES), ("y", VERSION_OF_PLACED_PAGES)
    ):  # fmt: skip
        stated = native is not None and getattr(native, name) is not UNSET
        if stated != (fields.version == version) or any(getattr(page, name) is not UNSET for page in others):
            raise ValueError(f"`native.{name}`: expected it in version {version}, and in no other version or place")
    if native is not None and native.codec is not UNSET and native.tables is not None:
        raise ValueError("`native.tables`: expected null with JPEG 2000")
    if fields.version == 1:
        if any(record.embedded is True for record in fields.generators):
            raise ValueError("`generators` has embedded weights, expected none in version 1")
        if fields.gate.name == STUDY:
            raise ValueError("`gate.name` is 'study', expected another one in version 1")
        if fields.gate.min_local_ssim is not None or fields.gate.max_local_error is not None:
            raise ValueError("`gate` has thresholds of cells, expected none in version 1")
        if fields.red_cells is not None:
            raise ValueError("`red_cells` is stated, expected none in version 1")
        return
    if fields.layout is None or fields.pieces is None:
        raise ValueError("`layout` or `pieces` is missing, expected both from version 2 on")
    if fields.red_cells is not None and (fields.gate.name == STUDY or fields.gate.min_psnr is None):
        raise ValueError("`red_cells` is stated, expected none with a lossless gate or the quality study")
    wanted = list(score_names(fields.gate))
    if fields.scores != wanted:
        raise ValueError(f"`scores` is {_shown(fields.scores)}, expected {wanted}")


def from_base64(where: str, text: str) -> bytes:
    """Decodes Base64 strictly.

    Raises:
        ValueError: `text` is something else; names the field `where`.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"`{where}` is {_shown(text)}, expected Base64") from error


def _decode(text: str, kind: type):
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError as error:
        raise ValueError("archive.json is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise ValueError(_explained(text, str(error))) from error
    except msgspec.DecodeError as error:
        raise ValueError(f"archive.json is damaged ({error})") from error


def _explained(text: str, message: str) -> str:
    """The message of msgspec, "Expected `int`, got `str` - at `$.slide.width`", with the field first and its value."""
    expected, _, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    try:
        found = msgspec.json.decode(text)
        for name, number in re.findall(r"([^.\[\]]+)|\[(\d+|\.\.\.)\]", place):
            found = found[name] if name else found[int(number)]
    except (LookupError, TypeError, ValueError, RecursionError):  # the path of a dictionary's value has no name
        return f"`{place or 'archive.json'}`: {_lowered(expected)}"
    if not place or isinstance(found, dict):
        return f"`{place or 'archive.json'}`: {_lowered(expected)}"
    return f"`{place}` is {_shown(found)}, {_lowered(expected)}"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _shown(value: object) -> str:
    text = repr(value[:50] if isinstance(value, str | list) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _check_slide(slide: SlideFields) -> None:
    grid = Grid(slide.width, slide.height)
    if (count := grid.rows * grid.columns) > MOST_BLOCKS:
        size = f"{slide.width}×{slide.height}"
        raise ValueError(f"a slide of {size} pixels has {count:,} blocks, expected at most {MOST_BLOCKS:,}")


def _check_place(page: SegmentFields, slide: SlideFields) -> None:
    if page.x is UNSET or page.y is UNSET:
        found, expected = (f"{one.width}×{one.height}" for one in (page, slide))
        if found != expected:
            raise ValueError(f"`native` has {found} pixels, expected those of the slide, {expected}")
        return
    right, bottom = page.x + page.width, page.y + page.height
    if right > slide.width or bottom > slide.height:
        found = f"ends at {right},{bottom}"
        raise ValueError(f"`native` {found}, expected it inside the slide of {slide.width}×{slide.height} pixels")


def _check_reduced(reduced: ReducedFields, slide: SlideFields) -> None:
    expected = tuple(-(-side // reduced.factor) for side in (reduced.width, reduced.height))
    if (slide.width, slide.height) != expected:
        found = f"{slide.width}×{slide.height}"
        raise ValueError(f"`slide` has {found} pixels, expected those of `source.reduced`, {expected[0]}×{expected[1]}")


def _check_segments(where: str, segments: SegmentFields) -> None:
    pixels = segments.segment_width * segments.segment_height
    if pixels > MOST_SEGMENT_PIXELS:
        raise ValueError(f"`{where}` has segments of {pixels:,} pixels, expected at most {MOST_SEGMENT_PIXELS:,}")
    if (count := _count(segments)) > MOST_SEGMENTS:
        raise ValueError(f"`{where}` has {count:,} segments, expected at most {MOST_SEGMENTS:,}")


def _check_associated(where: str, entry: AssociatedFields) -> None:
    if entry.width * entry.height > MOST_ASSOCIATED_PIXELS:
        found = f"{entry.width}×{entry.height} pixels"
        raise ValueError(f"`{where}` has {found}, expected at most {MOST_ASSOCIATED_PIXELS:,} in total")
    given = [value is not UNSET for value in (entry.segments, entry.kinds, entry.lengths)]
    if any(given) != (entry.stored == "segments") or any(given) != all(given):
        raise ValueError(f"`{where}`: expected `segments`, `kinds` and `lengths` with stored = 'segments', and no else")
    if entry.segments is UNSET:
        return
    _check_segments(f"{where}.segments", entry.segments)
    if (entry.segments.width, entry.segments.height) != (entry.width, entry.height):
        found = f"{entry.segments.width}×{entry.segments.height}"
        raise ValueError(f"`{where}.segments` has {found} pixels, expected {entry.width}×{entry.height}")
    count = _count(entry.segments)
    if not len(entry.kinds) == len(entry.lengths) == count:
        found = f"{len(entry.kinds)} kinds and {len(entry.lengths)} lengths"
        raise ValueError(f"`{where}` has {found}, expected {count} each")


def _count(segments: SegmentFields) -> int:
    return -(-segments.width // segments.segment_width) * -(-segments.height // segments.segment_height)
