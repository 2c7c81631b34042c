"""A certificate in sections of text, tables and pictures, from which page and PDF are set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sr_tf.archive.cells import LOCAL_ERROR, LOCAL_SSIM
from sr_tf.archive.gate import LESS_IS_BETTER
from sr_tf.archive.grid import GATE_TILE
from sr_tf.cells.names import SAME_TYPES
from sr_tf.certificate.facts import SCORE_NAMES
from sr_tf.certificate.record import ArchiveFacts, CellFacts, Certificate, GatedCells, Patch, Tile
from sr_tf.validation import detail
from sr_tf.validation.detail import Summary

_UNKNOWN = "not stated in the slide's file"
_REMOVED = "not recorded; the archive was de-identified"


@dataclass(frozen=True)
class Table:
    """A table; the first column is text, the others are figures."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Figure:
    """Pictures side by side.

    Attributes:
        caption: of all of them.
        pictures: SHA-256 of each picture's PNG file.
        labels: of each picture.
        size: (width, height) of each in pixels.
    """

    caption: str
    pictures: tuple[str, ...]
    labels: tuple[str, ...]
    size: tuple[int, int]


@dataclass(frozen=True)
class Section:
    """A part with a title.

    Attributes:
        title: its heading.
        text: paragraphs.
        facts: (what, value), in two columns.
        table: figures, or None.
        figures: pictures.
        points: a list.
        curves: what a chart of detail shows.
        codes: whether the values of the facts are hashes.
    """

    title: str
    text: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    table: Table | None = None
    figures: Sequence[Figure] = field(default_factory=tuple)
    points: Sequence[str] = ()
    curves: Mapping[str, Summary] = field(default_factory=dict)
    codes: bool = False


def title(certificate: Certificate) -> str:
    """The slide's name, or the archive's if the slide's was removed."""
    return certificate.archive.slide.name or certificate.archive_name


def date(certificate: Certificate) -> str:
    """When the certificate was made, for people."""
    return datetime.fromisoformat(certificate.made).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def verdict(certificate: Certificate) -> str:
    """What was found, in one sentence."""
    archive = certificate.archive
    done = (
        f"Every byte of the archive was checked, and each of its {certificate.tiles:,} tiles of "
        f"{GATE_TILE}×{GATE_TILE} pixels was restored and compared with the original."
    )
    if not archive.limits:
        return f"{done} The quality study has no threshold; the errors are below."
    if archive.limits["psnr"] is None:
        return f"{done} Every pixel is as in the original."
    quality, _, gate = archive.gate.partition(": every tile ")
    return f"{done} Every tile passed the gate of the quality {quality}: {gate}."


def sections(certificate: Certificate) -> list[Section]:
    """The sections in their order."""
    archive = certificate.archive
    found = [
        _slide(archive),
        _scores(certificate),
        _stored(archive),
        _tiles(certificate),
        _detail(certificate),
        *([_cells(certificate.cells)] if certificate.cells else []),
        Section("What was not measured", points=certificate.not_measured),
        _identity(certificate),
        _protocol(certificate),
    ]
    return found


def _slide(archive: ArchiveFacts) -> Section:
    slide = archive.slide
    mpp = f"{slide.mpp[0]:.4g} × {slide.mpp[1]:.4g} µm per pixel" if slide.mpp else _UNKNOWN
    power = f"{slide.objective_power:g}×" if slide.objective_power else _UNKNOWN
    if slide.reduced_from:
        power += f"; the slide had {slide.reduced_from:g}×, was reduced by averaging and measured as reduced"
    pixels = slide.width * slide.height
    size = f"{archive.bytes:,} bytes, {8 * archive.bytes / pixels:.3f} bits per pixel"
    if slide.bytes:
        size += f", {archive.bytes / slide.bytes:.1%} of the slide"
    return Section(
        "Slide and archive",
        facts=[
            ("Slide", slide.name or _REMOVED),
            ("Size", f"{slide.width:,} × {slide.height:,} pixels"),
            ("Resolution", mpp),
            ("Objective", power),
            ("Format", slide.format),
            ("Slide's files", f"{slide.bytes:,} bytes" if slide.bytes else _REMOVED),
            ("Archive", size),
            ("Gate", archive.gate),
            *([("Red cells", _gated(archive.red_cells))] if archive.red_cells else []),
        ],
    )


def _gated(cells: GatedCells) -> str:
    if not cells.found:
        return "the gate compares them, but its finder found none in the slide"
    what = "each with the same type" if cells.agree == SAME_TYPES else "of whatever type"
    return (
        f"{cells.found:,} found in the slide and, {what}, in the archive; blocks stored larger for this: "
        f"{cells.raised:,}. One network found and compared them, which is no independent evidence"
    )


def _scores(certificate: Certificate) -> Section:
    limits = certificate.archive.limits
    rows = [
        (
            SCORE_NAMES.get(one.name, one.name),
            _limit(one.name, limits),
            *(score_text(one.name, v) for v in (one.worst, one.median)),
        )
        for one in certificate.scores
    ]
    text = [f"Measured when this certificate was made, on all {certificate.tiles:,} tiles."]
    return Section("Scores", text, table=Table(("score", "threshold", "worst tile", "median"), rows))


def _limit(name: str, limits: dict[str, float | None]) -> str:
    if name not in limits:
        return "none"
    return f"{'≤' if name in LESS_IS_BETTER else '≥'} {limits[name]:g}" if limits[name] is not None else "equal pixels"


def score_text(name: str, value: float | None) -> str:
    """A score with its unit."""
    if value is None:
        return "equal pixels"
    texts = {
        "psnr": f"{value:.2f} dB",
        "shift": f"{value:.2f} of 255",
        LOCAL_SSIM: f"≥ {value:g}",
        LOCAL_ERROR: f"≤ {value:g} of 255",
    }
    return texts.get(name, f"{value:.4f}")


def _stored(archive: ArchiveFacts) -> Section:
    rows = [
        (one.name, f"{one.blocks:,}" if one.blocks else "", f"{one.bytes:,}", f"{one.bytes / archive.bytes:.1%}")
        for one in archive.stored
    ]
    rows.append(("in total", f"{sum(one.blocks for one in archive.stored):,}", f"{archive.bytes:,}", "100.0%"))
    text = [
        "Blocks have 512×512 pixels. A block that a generator or filter restores holds detail that a network drew; "
        "exact blocks hold the original's pixels."
    ]
    return Section("How blocks are stored", text, table=Table(("stored as", "blocks", "bytes", "share"), rows))


def _tiles(certificate: Certificate) -> Section:
    if not certificate.shown:
        return Section("Worst tiles", ["No tile differs from the original."])
    text = [
        f"One pixel of the slide in each pixel of the picture. The difference (restored − original) is multiplied by "
        f"{certificate.factor}; middle grey is no difference."
    ]
    return Section("Worst tiles", text, figures=[_figure(one, certificate.factor) for one in certificate.shown])


def _detail(certificate: Certificate) -> Section:
    methods, mpp = certificate.detail.methods, certificate.archive.slide.mpp
    rows = [tuple(detail.row(one.name, one.found, mpp)) for one in methods]
    text = [detail.EXPLANATION]
    if certificate.detail.shown:
        text.append(
            f"Below the table: patches that are flagged, or lose most, at 1:1; the difference is multiplied by "
            f"{certificate.factor}."
        )
    return Section(
        "Detail, frequency by frequency",
        text,
        table=Table(detail.HEADINGS, rows),
        figures=[_patch(one, certificate.factor, mpp) for one in certificate.detail.shown],
        curves={one.name: one.found for one in methods},
    )


def _patch(patch: Patch, factor: int, mpp: tuple[float, float] | None) -> Figure:
    x, y, width, height = patch.place
    caption = (
        f"At {x:,}, {y:,}{', flagged' if patch.flagged else ''}: detail kept to {patch.kept:.3f} cycles per pixel "
        f"({detail.length(patch.kept, mpp)}), the original's limit is {patch.limit:.3f}; lost {patch.lost:.2f} levels, "
        f"invented {patch.invented:.2f}. Stored as: {patch.stored}."
    )
    return Figure(caption, patch.pictures, ("original", "restored", f"difference × {factor}"), (width, height))


def _figure(tile: Tile, factor: int) -> Figure:
    x, y, width, height = tile.place
    scores = ", ".join(
        f"{SCORE_NAMES.get(name, name)} {score_text(name, value)}" for name, value in tile.scores.items()
    )
    caption = f"At {x:,}, {y:,}, {tile.reason}: {scores}. Stored as: {tile.stored}."
    return Figure(caption, tile.pictures, ("original", "restored", f"difference × {factor}"), (width, height))


def _cells(cells: CellFacts) -> Section:
    rows = [
        (
            one.name,
            f"{one.bits_per_pixel:.3f}",
            f"{one.original:,}",
            f"{one.stored:,}",
            number(one.bias_percent, "+.2f"),
            interval(one.limits_of_agreement, "+.2f"),
            f"{one.only_in_original:,}",
            f"{one.only_in_stored:,}",
            *((number(one.kappa, ".3f"), interval(one.kappa_interval, ".3f")) if cells.typed else ()),
        )
        for one in cells.methods
    ]
    headings = (
        *("stored as", "bit/pixel", "original", "stored", "bias (%)", "limits of agreement", "only in original"),
        *("only in stored", *(("κ of types", "95 % interval") if cells.typed else ())),
    )
    text = [
        f"Counted by {cells.made_by}. A finder makes errors of its own; agreement says what storing changed, not "
        "whether either count is right. Limits of agreement: of the counts by block, mean difference ± 1.96 standard "
        "deviations."
    ]
    return Section(f"Cells: {cells.counted}", text, table=Table(headings, rows))


def number(value: float | None, form: str) -> str:
    """A figure, or a dash where it is not defined."""
    return "–" if value is None else format(value, form)


def interval(ends: tuple[float | None, float | None], form: str) -> str:
    """Two figures, or a dash where they are not defined."""
    return "–" if None in ends else f"{ends[0]:{form}} to {ends[1]:{form}}"


def _identity(certificate: Certificate) -> Section:
    archive = certificate.archive
    facts = [("Archive", archive.sha256), ("Slide", archive.slide.sha256 or _REMOVED)]
    for one in archive.generators:
        where = "in the archive" if one.embedded else "not in the archive"
        facts.append((f"Weights of {one.name}", f"{one.weights_sha256} (×{one.scale}, {one.engine}, {where})"))
    if archive.red_cells:
        facts.append(("Finder of the gate on red cells", archive.red_cells.finder_sha256))
    if certificate.cells and certificate.cells.finder_sha256:
        facts.append(("Finder of cells", certificate.cells.finder_sha256))
    return Section("Identity", ["SHA-256 of the files, and of the networks' weights."], facts=facts, codes=True)


def _protocol(certificate: Certificate) -> Section:
    archive = certificate.archive
    codecs = ", ".join(f"{name} {version}" for name, version in archive.codecs.items())
    facts = [
        ("Certificate by", certificate.made_by),
        ("Archive by", f"{archive.software}, format version {archive.format_version}"),
        ("Codecs", codecs or "none"),
        ("Second decoder, when archived", archive.slide.second_reader or "none"),
        ("Second decoder, now", certificate.second_reader),
        ("Tiles", archive.protocol),
        *([("Red cells of the gate, now", certificate.red_cells)] if certificate.red_cells else []),
    ]
    facts.append(("Detail", certificate.detail.protocol))
    facts += [(f"Detail: {one.name}", one.settings) for one in certificate.detail.methods]
    if certificate.cells:
        facts.append(("Cells", certificate.cells.protocol))
    return Section("Protocol and versions", facts=facts)
