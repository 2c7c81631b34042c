"""What judging small details costs: bytes and CPU seconds of archives with and without a gate on cells.

    python benchmarks/small_details.py --slides=region.svs,blood.tif

Each slide is archived by the thresholds of whole tiles only ("means"), with cells measured and kept but not judged
("kept"), and with cells judged ("judged", by the thresholds of diagnostic). The last column counts the tiles of each
archive of which a cell is worse than those thresholds. CPU seconds are those of one process with one thread, the median
of --repeats runs that take turns; TensorFlow is loaded before.
"""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.effort import DEFAULT_EFFORT
from sr_tf.archive.enlarge import load_generators
from sr_tf.archive.gate import QUALITIES, Gate, measured_names
from sr_tf.archive.measure import Measure
from sr_tf.archive.write import Options, write_archive
from sr_tf.generators.names import ARCHIVE_GENERATORS
from sr_tf.slides.slide import open_slide

flags.DEFINE_list("slides", None, "The slides.", required=True)
flags.DEFINE_list("qualities", ["diagnostic", "visual"], "Qualities whose thresholds of whole tiles hold.")
flags.DEFINE_integer("effort", DEFAULT_EFFORT, "The effort, 1 to 9.", lower_bound=1, upper_bound=9)
flags.DEFINE_integer("repeats", 3, "Runs of each.", lower_bound=1)

_JUDGED = QUALITIES["diagnostic"]


def gates(quality: str) -> dict[str, Gate]:
    """The gates that are compared, by their names in the table."""
    means = replace(QUALITIES[quality], name="custom", min_local_ssim=None, max_local_error=None)
    limits = {"min_local_ssim": _JUDGED.min_local_ssim, "max_local_error": _JUDGED.max_local_error}
    return {
        "means": means,
        "kept": replace(means, min_local_ssim=-1.0, max_local_error=255.0),
        "judged": replace(means, **limits),
    }


def main(_) -> None:
    """Prints a table."""
    options = flags.FLAGS
    load_generators(list(ARCHIVE_GENERATORS))
    print(f"effort {options.effort}; cells: {_JUDGED.describe().rpartition('; ')[2]}\n")
    print("| slide | quality | cells | bytes | `cells.npy`, bytes | bits per cell | CPU seconds | lost in tiles |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for slide in map(Path, options.slides):
        for quality in options.qualities:
            compared = gates(quality)
            seconds: dict[str, list[float]] = {name: [] for name in compared}
            with tempfile.TemporaryDirectory() as folder:
                archives = {name: Path(folder, f"{name}.sr.zip") for name in compared}
                for _ in range(options.repeats):
                    for name, gate in compared.items():
                        archives[name].unlink(missing_ok=True)
                        seconds[name].append(_archived(slide, archives[name], gate))
                for name, path in archives.items():
                    print(f"| {slide.name} | {quality} | {name} |", _described(slide, path, seconds[name]), flush=True)


def _archived(slide: Path, target: Path, gate: Gate) -> float:
    """Archives a slide; returns the CPU seconds."""
    start = time.process_time()
    settings = Options(gate, ARCHIVE_GENERATORS, associated=False, workers=1, effort=flags.FLAGS.effort)
    write_archive(slide, target, settings)
    return time.process_time() - start


def _described(slide: Path, path: Path, seconds: list[float]) -> str:
    measure, lost = Measure(measured_names(_JUDGED)), 0
    cells_only = replace(_JUDGED, min_psnr=0.0, min_ssim=-1.0, max_shift=255.0)
    with ArchivedSlide(path) as archive, open_slide(slide) as original:
        grid = archive.header.grid
        for place in grid.blocks():
            scores = measure(original.read(*grid.rectangle(*place)), archive.blocks.restored(*place))
            lost += int(np.count_nonzero(~cells_only.passed(scores)))
        kept, cells = "cells.npy" in archive.header.members, grid.cell_shape[0] * grid.cell_shape[1]
        size = archive.member_size("cells.npy") if kept else 0
        of_cells = f"{size:,} | {8 * size / cells:.2f}" if kept else "| "
    tiles = grid.gate_shape[0] * grid.gate_shape[1]
    return f"{path.stat().st_size:,} | {of_cells} | {statistics.median(seconds):.1f} | {lost} of {tiles} |"


if __name__ == "__main__":
    app.run(main)
