"""`sr-tf archive`: from a slide's file to an archive's."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from PIL import Image
from tqdm import tqdm

import sr_tf
from sr_tf.archive import av1
from sr_tf.archive.associated import encode_associated, segments_of, standalone_of
from sr_tf.archive.build import Builder
from sr_tf.archive.container import BLOCK_TYPE, SCORE_TYPE, SEGMENT_TYPE, Writer, half_sha256
from sr_tf.archive.enlarge import load_generators
from sr_tf.archive.gate import GATE_TILE, Gate, Measure
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.header import VERSION, Header
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.stored import is_avif
from sr_tf.archive.windows import rescale
from sr_tf.disk.files import make_folder, replace_atomically
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.disk.spool import Spool
from sr_tf.errors import UserError
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.slides.deidentify import deidentified
from sr_tf.slides.slide import Slide, open_slide

_PREVIEW_SIDE = 320


@dataclass(frozen=True)
class Options:
    """What a user chose.

    Attributes:
        gate: that every tile must pass.
        models: generators, at most one for each scale.
        associated: whether label, macro and the like are kept.
        deidentify: strip identifying properties, label and macro.
        workers: threads.
        engine: that runs the generators, a name in `sr_tf.generators.engines.ENGINES`.
        refine: LRs for generators, see `sr_tf.generators.refinement`.
    """

    gate: Gate
    models: tuple[str, ...]
    associated: bool = True
    deidentify: bool = False
    workers: int = 2
    engine: str = DEFAULT_ENGINE
    refine: bool = False


def write_archive(source: Path, target: Path, options: Options) -> Header:
    """Archives a slide, or goes on where an interrupted call stopped.

    Args:
        source: a slide; see `sr_tf.slides.slide.open_slide`.
        target: the archive's file, which appears when it is complete. Until then `.NAME.journal` beside it holds what
            was done.
        options: see there.

    Returns:
        The archive's header.

    Raises:
        UserError: the slide cannot be read, the target not be written, a generator not be had.
    """
    source, target = Path(source), Path(target)
    if target.is_dir():
        raise UserError(f"{target}: is a folder, expected the name of a file, for instance {target / 'slide.sr.zip'}")
    if target.resolve() == source.resolve():
        raise UserError(f"{target}: would replace the slide; name another file for the archive")
    with open_slide(source) as slide:
        models = [] if options.gate.lossless else list(options.models)
        generators = load_generators(models, options.engine, options.refine)
        measure = Measure(options.gate.max_enl0 is not None)
        digest = sha256_of_file(source)
        grid = Grid(slide.info.width, slide.info.height)
        segments = segments_of(slide.grid) if slide.grid else None
        records = [generators[scale].record for scale in sorted(generators, reverse=True)]
        versions = [VERSION, sr_tf.__version__, imagecodecs.version()]
        settings = json.dumps([*versions, digest, str(options.gate), records, BLOCK, options.refine])
        make_folder(target.parent)
        with Spool(target.with_name(f".{target.name}.journal"), settings) as spool:
            journal = Journal(spool, grid, segments, standalone_of(slide.grid) if slide.grid else None)
            builder = Builder(slide, journal, options.gate, measure, generators, options.workers)
            count = grid.rows * grid.columns
            with tqdm(total=count, desc="choose", unit="block", disable=None) as bar:
                builder.choose(bar.update)
            builder.share_segments()
            with tqdm(total=count, desc="measure", unit="block", disable=None) as bar:
                builder.confirm(bar.update)
            header = _header(source, digest, slide, options, records, segments if _needed(journal) else None)
            replace_atomically(target, lambda path: _assemble(path, header, slide, journal), alone=True)
            spool.remove()
    return header


def _header(source: Path, digest: str, slide: Slide, options: Options, records: list[dict], segments) -> Header:
    info, removed = slide.info, []
    origin = {"name": source.name, "bytes": source.stat().st_size, "sha256": digest}
    if options.deidentify:
        info, removed = deidentified(info)
        removed += [f"associated image {name}" for name in sorted({"label", "macro"} & set(slide.associated()))]
        removed.append("file name")
        del origin["name"]
    return Header(
        slide=info,
        source=origin,
        gate=options.gate,
        generators=records,
        codecs=_codecs(),
        heads=[],
        native=segments,
        associated={name: {} for name in _kept(slide, options)},
        removed=removed,
        software=f"sr_tf {sr_tf.__version__}",
    )


def _kept(slide: Slide, options: Options) -> list[str]:
    if not options.associated:
        return []
    hidden = {"label", "macro"} if options.deidentify else set()
    return sorted(set(slide.associated()) - hidden)


def _codecs() -> dict[str, str]:
    """Versions of the libraries whose bytes are in the archive."""
    parts = dict(part.rpartition("-")[::2] for part in imagecodecs.version().split(", ") if "-" in part)
    return {name: parts[name] for name in ("imagecodecs", "libavif", "libjxl") if name in parts}


def _needed(journal: Journal) -> bool:
    return any(journal.stored(*place).kind is NATIVE for place in journal.grid.blocks())


def _assemble(path: Path, header: Header, slide: Slide, journal: Journal) -> None:
    """Writes the members; memory for one block and the index alone."""
    grid = journal.grid
    writer = Writer(path)
    index = np.zeros((grid.rows, grid.columns), BLOCK_TYPE)
    heads: list[bytes] = []

    def bodies():
        for row, column in grid.blocks():
            stored = journal.stored(row, column)
            head, body = av1.split(stored.file) if is_avif(stored.kind) else (b"", stored.file)
            if head and head not in heads:
                if len(heads) == 255:
                    head, body = b"", stored.file
                else:
                    heads.append(head)
            number = heads.index(head) + 1 if head else 0
            index[row, column] = (
                stored.kind.code, number, stored.level, len(body), np.void(half_sha256(stored.file)),
            )  # fmt: skip
            yield body

    writer.add("preview.jpg", _preview(journal))
    writer.add_stream("blocks", bodies())
    writer.add_array("blocks.npy", index)
    writer.add_array("scores.npy", _scores(journal))
    if header.native:
        _add_segments(writer, header, journal)
    if header.slide.icc is not None:
        writer.add("profile.icc", header.slide.icc)
    entries = {}
    images = slide.associated() if header.associated else {}
    for name in header.associated:
        entries[name], content = encode_associated(images[name], header.gate)
        writer.add(f"associated/{name}", content, compress=False)
    writer.finish(replace(header, heads=heads, associated=entries))


def _add_segments(writer: Writer, header: Header, journal: Journal) -> None:
    """Adds those segments that a block needs."""
    index = np.zeros((header.native.rows, header.native.columns), SEGMENT_TYPE)
    index["sha256"] = np.void(half_sha256(b""))
    needed = {
        place
        for block in journal.grid.blocks()
        if journal.stored(*block).kind is NATIVE
        for place in header.native.under(*journal.grid.rectangle(*block))
    }

    def pieces():
        for place in sorted(needed):
            kind, packed = journal.packed_segment(*place)
            index[place] = (kind, len(packed), np.void(half_sha256(journal.segment(*place))))
            yield packed

    writer.add_stream("segments", pieces())
    writer.add_array("segments.npy", index)


def _scores(journal: Journal) -> np.ndarray:
    scores = np.zeros(journal.grid.gate_shape, SCORE_TYPE)
    step = BLOCK // GATE_TILE
    for row, column in journal.grid.blocks():
        for name, values in zip(SCORE_TYPE.names, journal.scores(row, column), strict=True):
            rows = slice(row * step, row * step + values.shape[0])
            scores[name][rows, column * step : column * step + values.shape[1]] = values
    return scores


def _preview(journal: Journal) -> bytes:
    """The slide as a small JPEG file, made of what is stored."""
    grid = journal.grid
    scale = 4
    while max(grid.width, grid.height) > _PREVIEW_SIDE * scale and scale < BLOCK:
        scale *= 2
    small = np.zeros((-(-grid.height // scale), -(-grid.width // scale), 3), np.uint8)
    for row, column in grid.blocks():
        x, y, width, height = grid.rectangle(row, column)
        kind, image = journal.stored_image(row, column)
        part = rescale(image, kind.scale, scale, (height, width))
        small[y // scale : y // scale + part.shape[0], x // scale : x // scale + part.shape[1]] = part
    if max(small.shape) > _PREVIEW_SIDE:
        factor = _PREVIEW_SIDE / max(small.shape)
        size = tuple(max(1, round(length * factor)) for length in small.shape[1::-1])
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, "JPEG", quality=60, optimize=True)
    return buffer.getvalue()
