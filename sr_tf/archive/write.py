"""`sr-tf archive`: makes an archive of a slide."""

import json
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
from tqdm import tqdm

import sr_tf
from sr_tf.archive.assemble import assemble_archive, read_associated
from sr_tf.archive.associated import segments_of, standalone_of
from sr_tf.archive.build import Builder
from sr_tf.archive.container import ARCHIVE
from sr_tf.archive.enlarge import load_generators
from sr_tf.archive.gate import Gate, Measure
from sr_tf.archive.grid import BLOCK, Grid
from sr_tf.archive.header import VERSION, Header
from sr_tf.archive.journal import Journal
from sr_tf.archive.kinds import NATIVE
from sr_tf.archive.native import Segments
from sr_tf.disk.files import make_folder, replace_atomically
from sr_tf.disk.hashing import sha256_of_file
from sr_tf.disk.outputs import check_outputs, journal_of
from sr_tf.disk.spool import Spool
from sr_tf.generators.engines import DEFAULT_ENGINE
from sr_tf.generators.load import shipped
from sr_tf.generators.names import parse_model
from sr_tf.slides.deidentify import deidentified, publishable
from sr_tf.slides.slide import Slide, open_slide

_ANONYMOUS = "custom"
"""The name of a user's own generator after `--deidentify`; its path can hold names. Its weights' hash identifies it."""


@dataclass(frozen=True)
class Options:
    """How to archive a slide.

    Attributes:
        gate: the gate that every tile must pass.
        models: names or paths of the generators, at most one for each scale.
        associated: whether to store label, macro and thumbnail images.
        deidentify: whether to keep only what is known to be safe, see `sr_tf.slides.deidentify`.
        workers: number of threads.
        engine: what runs the generators, a name in `sr_tf.generators.engines.ENGINES`.
        refine: whether to refine LRs for the generators, see `sr_tf.generators.refinement`.
    """

    gate: Gate
    models: tuple[str, ...]
    associated: bool = True
    deidentify: bool = False
    workers: int = 2
    engine: str = DEFAULT_ENGINE
    refine: bool = False


def write_archive(source: Path, target: Path, options: Options) -> Header:
    """Archives a slide, or resumes an interrupted call.

    Args:
        source: the slide's file; see `sr_tf.slides.slide.open_slide`.
        target: the archive's file, which appears when it is complete. Until then, the hidden file `.NAME.journal`
            beside it contains what is finished.
        options: how to archive the slide.

    Returns:
        The archive's header.

    Raises:
        UserError: the slide cannot be read, the target cannot be written or is a file that is no archive, or a
            generator cannot be loaded.
    """
    source, target = Path(source), Path(target)
    check_outputs([target], ARCHIVE, {"slide": source}, overwrite=True)
    with open_slide(source) as slide:
        if _associated_names(slide, options):
            read_associated(slide)  # a damaged image is an error now, not when everything else is done
        models = [] if options.gate.lossless else list(options.models)
        generators = load_generators(models, options.engine, options.refine)
        measure = Measure(options.gate.max_enl0 is not None)
        digest = sha256_of_file(source)
        grid = Grid(slide.info.width, slide.info.height)
        segments = segments_of(slide.grid, options.deidentify) if slide.grid else None
        standalone = standalone_of(slide.grid, options.deidentify) if slide.grid else None
        records = [generators[scale].record for scale in sorted(generators, reverse=True)]
        versions = [VERSION, sr_tf.__version__, imagecodecs.version()]
        # The journal then holds segments without their metadata.
        cleaned = ["deidentify"] if options.deidentify and segments else []
        settings = json.dumps([*versions, digest, str(options.gate), records, BLOCK, options.refine, *cleaned])
        make_folder(target.parent)
        with Spool(journal_of(target), settings) as spool:
            journal = Journal(spool, grid, segments, standalone)
            builder = Builder(slide, journal, options.gate, measure, generators, options.workers)
            count = grid.rows * grid.columns
            with tqdm(total=count, desc="choose", unit="block", disable=None) as bar:
                builder.choose(bar.update)
            builder.share_segments()
            with tqdm(total=count, desc="measure", unit="block", disable=None) as bar:
                builder.confirm(bar.update)
            header = _header(source, digest, slide, options, records, segments if _needs_segments(journal) else None)
            replace_atomically(target, lambda path: assemble_archive(path, header, slide, journal), alone=True)
            spool.remove()
    return header


def _header(
    source: Path, digest: str, slide: Slide, options: Options, records: list[dict], segments: Segments | None
) -> Header:
    """The header without heads and with empty entries of associated images, which `assemble_archive` fills in."""
    info, removed = slide.info, []
    origin = {"name": source.name, "bytes": source.stat().st_size, "sha256": digest}
    if options.deidentify:
        info, names = deidentified(info)
        records = [_anonymous(record) for record in records]
        removed = [*publishable(names, slide.associated_names()), "file name", "file size", "SHA-256"]
        if info.icc != slide.info.icc:
            removed.append("text of the colour profile" if info.icc else "colour profile")
        origin = {}
    return Header(
        slide=info,
        source=origin,
        gate=options.gate,
        generators=records,
        codecs=_codec_versions(),
        heads=[],
        native=segments,
        associated={name: {} for name in _associated_names(slide, options)},
        removed=removed,
        software=f"sr_tf {sr_tf.__version__}",
    )


def _associated_names(slide: Slide, options: Options) -> list[str]:
    """The names of the associated images that are stored."""
    return slide.associated_names() if options.associated and not options.deidentify else []


def _anonymous(record: dict) -> dict:
    """A generator's record without the name of a user's own generator."""
    known = parse_model(record["name"]).where in shipped()
    return record if known else {**record, "name": _ANONYMOUS}


def _codec_versions() -> dict[str, str]:
    """The versions of the libraries that code the archive's images."""
    parts = dict(part.rpartition("-")[::2] for part in imagecodecs.version().split(", ") if "-" in part)
    return {name: parts[name] for name in ("imagecodecs", "libavif", "libjxl") if name in parts}


def _needs_segments(journal: Journal) -> bool:
    """Whether a block is stored as the original's JPEG segments."""
    return any(journal.stored(*place).kind is NATIVE for place in journal.grid.blocks())
