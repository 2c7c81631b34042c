"""A certificate in sections of text, tables and pictures, from which page and PDF are set."""

from datetime import datetime

from sr_tf.archive.cells import CELL_SCORES, LOCAL_ERROR, LOCAL_SSIM
from sr_tf.archive.gate import CELL_PROTOCOL, LESS_IS_BETTER, RED_CELLS_IN_WORDS
from sr_tf.archive.grid import CELL, GATE_TILE
from sr_tf.cells.names import SAME_TYPES
from sr_tf.certificate.cells_section import cells_section
from sr_tf.certificate.facts import SCORE_NAMES
from sr_tf.certificate.parts import Figure, Section, Table
from sr_tf.certificate.record import ArchiveFacts, Certificate, GatedCells, Patch, Tile
from sr_tf.validation import detail

_UNKNOWN = "not stated in the slide's file"
_REMOVED = "not recorded; the archive was de-identified"


def title(certificate: Certificate) -> str:
    """The slide's name, or the archive's if the slide's was removed."""
    return certificate.archive.slide.name or certificate.archive_name


def date(certificate: Certificate) -> str:
    """When the certificate was made, for people."""
    return datetime.fromisoformat(certificate.made).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def verdict(certificate: Certificate) -> str:
    """What was found, in a few sentences."""
    archive = certificate.archive
    original = "the slide after its reduction" if archive.slide.reduced_from else "the original"
    done = (
        f"Every byte of the archive was checked, and each of its {certificate.tiles:,} tiles of "
        f"{GATE_TILE}×{GATE_TILE} pixels was restored and compared with {original}."
    )
    if not archive.limits:
        return (
            f"{done} There was no gate: the quality study stores every block reduced 4 times, and a network draws the "
            "rest. No tile was refused, however large its error, and nothing is promised of any. The errors are below."
        )
    if archive.limits["psnr"] is None:
        return f"{done} Every pixel is as in {original}."
    quality, _, gate = archive.gate.partition(": every tile ")
    if archive.red_cells:
        # What was found now, and not what the gate asked for: a second comparison tolerates a few cells.
        gate = gate.removesuffix(RED_CELLS_IN_WORDS[archive.red_cells.agree])
    red_cells = f" Red cells: {certificate.red_cells}." if certificate.red_cells else ""
    return f"{done} Every tile passed the gate of the quality {quality}: {gate}.{red_cells}"


def how_to_check(certificate: Certificate) -> str:
    """How the page can be checked, and what it is not; the PDF says it too."""
    return (
        f"Check the page: `sr-tf certificate {certificate.archive_name} --check THIS_FILE.html`; with "
        "`--against SLIDE` everything is measured again. The page is no signature: it says what was measured, not who "
        "measured it."
    )


def sections(certificate: Certificate) -> list[Section]:
    """The sections in their order."""
    archive = certificate.archive
    found = [
        _slide(archive),
        _scores(certificate),
        _stored(archive),
        _tiles(certificate),
        _detail(certificate),
        *([cells_section(certificate.cells, archive.red_cells)] if certificate.cells else []),
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
            ("Gate", archive.gate if archive.limits else f"none; {archive.gate}"),
            *([("Red cells", _gated(archive.red_cells))] if archive.red_cells else []),
        ],
    )


def _gated(cells: GatedCells) -> str:
    if not cells.found:
        return "the gate compares them, but its finder found none in the slide when it was archived"
    what = "each with the same type" if cells.agree == SAME_TYPES else "of whatever type"
    return (
        f"when archived, {cells.found:,} found in the slide and, {what}, in the archive; blocks stored larger for "
        f"this: {cells.raised:,}. One network found and compared them, which is no independent evidence"
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
    text = [
        f"Measured when this certificate was made, on all {certificate.tiles:,} tiles. PSNR and SSIM: higher is "
        f"better; all others: lower is better. Detail cells are the parts of {CELL}×{CELL} pixels of a tile, in which "
        "a small detail counts; their scores are stated in steps.",
        *_small_details(limits),
    ]
    return Section("Scores", text, table=Table(("score", "threshold", "worst tile", "median"), rows))


def _small_details(limits: dict[str, float | None]) -> list[str]:
    """A paragraph if nothing looked at small details when the slide was archived."""
    if limits.get("psnr", 0) is None or set(CELL_SCORES) & set(limits):
        return []
    return ["Detail cells were not judged when the slide was archived: where one is poor, a small detail may be lost."]


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
        LOCAL_SSIM: f"≥ {value:g}" if value < 1 else "1",
        LOCAL_ERROR: f"≤ {value:g} of 255" if value else "0 of 255",
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
    caption = (
        f"At {x:,}, {y:,}, {tile.reason}: {scores}. Largest error of a detail cell: in the one at "
        f"{tile.detail_cell[0]:,}, {tile.detail_cell[1]:,}. Stored as: {tile.stored}."
    )
    return Figure(caption, tile.pictures, ("original", "restored", f"difference × {factor}"), (width, height))


def _identity(certificate: Certificate) -> Section:
    archive = certificate.archive
    facts = [("Archive", archive.sha256), ("Slide", archive.slide.sha256 or _REMOVED)]
    for one in archive.generators:
        where = "in the archive" if one.embedded else "not in the archive"
        facts.append((f"Weights of {one.name}", f"{one.weights_sha256} (×{one.scale}, {one.engine}, {where})"))
    if archive.red_cells:
        facts.append(("Finder of the gate on red cells", archive.red_cells.finder_sha256))
    if certificate.cells and certificate.cells.finder_sha256:
        facts.append((f"Finder of {certificate.cells.counted}", certificate.cells.finder_sha256))
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
        ("Tiles", archive.protocol.replace(CELL_PROTOCOL, "")),
        ("Detail cells", CELL_PROTOCOL.removeprefix("; ")),
        *([("Red cells of the gate, now", certificate.red_cells)] if certificate.red_cells else []),
    ]
    facts.append(("Detail", certificate.detail.protocol))
    facts += [(f"Detail: {one.name}", one.settings) for one in certificate.detail.methods]
    if certificate.cells:
        facts.append((certificate.cells.counted.capitalize(), certificate.cells.protocol))
    return Section("Protocol and versions", facts=facts)
