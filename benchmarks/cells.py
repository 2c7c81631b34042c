"""Archives labelled blood fields at several qualities and compares their cells with those of the originals.

  python benchmarks/cells.py --data=CHULA --out=runs/cells

Prints the table of docs/results/cells.md: places are whole fields. Archives and results of earlier calls are used. With
--cells, archives are gated on cells.
"""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import tifffile
from absl import app, flags

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.reader import ArchiveFile
from sr_tf.archive.write import Options, write_archive
from sr_tf.cells.finder import TYPES
from sr_tf.cells.names import AGREEMENTS
from sr_tf.cells.shipped import card
from sr_tf.cells.tally import Tally, merged
from sr_tf.disk.files import write_atomically
from sr_tf.generators.names import archive_models
from sr_tf.images.reading import find_images, read_rgb, write_png
from sr_tf.messages import markdown_table
from sr_tf.validation.page import to_html
from sr_tf.validation.results import Method
from sr_tf.validation.table import HEADINGS, row
from sr_tf.validation.validate import validate

flags.DEFINE_string("data", None, "The folder of Chula RBC-12; its test fields are archived.", required=True)
flags.DEFINE_string("out", None, "A folder for archives, pages and results.", required=True)
flags.DEFINE_list("qualities", ["visual", "diagnostic", "study"], "Qualities of `sr-tf archive`.")
flags.DEFINE_enum("cells", None, list(AGREEMENTS), "What `sr-tf archive --cells` makes agree; None: nothing.")
flags.DEFINE_integer("jpeg_tiles", 0, "Quality of JPEG tiles, as scanners write them, that are the originals; 0: PNG.")
flags.DEFINE_integer("fields", 0, "Number of test fields, evenly spread; 0: all.")
flags.DEFINE_bool("one_slide", False, "Archive all fields as one slide, whose blocks are the places.")
flags.DEFINE_string("engine", "tensorflow", "What runs the generators.")
flags.DEFINE_integer("workers", 2, "Number of threads.")


def main(_) -> None:
    """Measures what is missing and prints the tables."""
    options = flags.FLAGS
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    paths = find_images(Path(options.data) / "test")
    if options.fields:
        paths = [paths[index] for index in np.linspace(0, len(paths) - 1, options.fields).round().astype(int)]
    for quality in options.qualities:
        if options.one_slide:
            print(f"\n{quality}: {len(paths)} fields as one slide\n\n{_one_slide(paths, quality, out)}", flush=True)
            continue
        fields = {path.stem: _measured(path.stem, read_rgb(path), quality, out) for path in paths}
        print(f"\n{quality}: {len(fields)} fields: {', '.join(fields)}\n")
        print(markdown_table([HEADINGS, *_rows(fields)]))
        print(_effort(list(fields.values())), flush=True)


def _effort(measured: list[dict[str, dict]]) -> str:
    seconds, raised = (sum(one["restored"][name] for one in measured) for name in ("seconds", "raised"))
    return f"\narchived in {seconds:.0f} s of processor time; {raised} blocks stored larger for their cells"


def _rows(fields: dict[str, dict]) -> list[list[str]]:
    """One row for each way to store; every field is one place."""
    rows = []
    for name in next(iter(fields.values())):
        tallies = [((field,), _tally(methods[name])) for field, methods in fields.items()]
        size = sum(methods[name]["bytes"] for methods in fields.values())
        pixels = sum(methods[name]["pixels"] for methods in fields.values())
        rows.append(row(name, 8 * size / pixels, merged(tallies)))
    return rows


def _one_slide(paths: list[Path], quality: str, out: Path) -> str:
    """The table of one slide in which the fields lie side by side, in as many rows as columns or fewer."""
    across = math.isqrt(len(paths))
    fields = [read_rgb(path) for path in paths]
    rows = [np.hstack(fields[start : start + across]) for start in range(0, len(paths) - across + 1, across)]
    methods = _measured(f"slide-of-{across * len(rows)}", np.vstack(rows), quality, out)
    lines = [row(name, 8 * one["bytes"] / one["pixels"], _tally(one)) for name, one in methods.items()]
    return f"{markdown_table([HEADINGS, *lines])}\n{_effort([methods])}"


def _measured(name: str, image: np.ndarray, quality: str, out: Path) -> dict[str, dict]:
    """The results of one image by the names of the ways to store it."""
    options = flags.FLAGS
    gate = replace(QUALITIES[quality], red_cells=options.cells)
    way = f"{quality}-{options.cells}" if options.cells else quality
    if options.jpeg_tiles:
        way = f"jpeg{options.jpeg_tiles}-{way}"
    archive = out / f"{name}-{way}.sr.zip"
    scene = _written(image, out / name, options.jpeg_tiles)
    record = out / f"{name}-{way}-{card()['weights_sha256'][:12]}.json"
    if not archive.exists():
        models = tuple(archive_models(None, quality))
        chosen = Options(gate=gate, models=models, engine=options.engine, workers=options.workers)
        start = time.process_time()  # of all threads; other programs do not lengthen it
        write_archive(scene, archive, chosen)
        seconds = time.process_time() - start
        write_atomically(archive.with_suffix(".seconds"), f"{seconds}")
    if not record.exists():
        result = validate(archive, scene, engine=options.engine)
        write_atomically(archive.with_suffix(".html"), to_html(result))
        packed = {method.name: _packed(method) for method in result.methods}
        with ArchiveFile(archive) as opened:
            outcome = opened.header.red_cells
        packed["restored"] |= {
            "seconds": float(archive.with_suffix(".seconds").read_text("utf-8")),
            "raised": outcome.raised if outcome else 0,
        }
        write_atomically(record, json.dumps(packed))
    return json.loads(record.read_text("utf-8"))


def _written(image: np.ndarray, stem: Path, jpeg_quality: int) -> Path:
    """Writes a slide as a PNG, or as a TIFF of JPEG tiles, unless an earlier call did; returns its path."""
    path = stem.with_name(f"{stem.name}-jpeg{jpeg_quality}.tif" if jpeg_quality else f"{stem.name}.png")
    if not path.exists() and jpeg_quality:
        coding = {"compression": "jpeg", "compressionargs": {"level": jpeg_quality}, "photometric": "rgb"}
        tifffile.imwrite(path, image, tile=(256, 256), metadata=None, **coding)
    elif not path.exists():
        write_png(path, image)
    return path


def _packed(method: Method) -> dict:
    tally = method.tally
    return {
        "bytes": method.bytes, "pixels": method.pixels, "lost": tally.lost, "gained": tally.gained,
        "counts": list(tally.counts.values()), "tables": [table.tolist() for table in tally.tables.values()],
    }  # fmt: skip


def _tally(packed: dict) -> Tally:
    tables = np.array(packed["tables"], int).reshape(-1, len(TYPES), len(TYPES))
    counts = {(index,): tuple(pair) for index, pair in enumerate(packed["counts"])}
    return Tally(counts, {(index,): table for index, table in enumerate(tables)}, packed["lost"], packed["gained"])


if __name__ == "__main__":
    app.run(main)
