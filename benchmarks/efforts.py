"""What each effort of `sr-tf archive` costs and saves, beside one AVIF pass over all blocks.

    python benchmarks/efforts.py --slide=blood.tif --quality=visual --efforts=1,5,9

The pass codes every block once at full size, 4:4:4, 10 bits, speed 6, at the quality that --level names: the least that
any archive costs whose blocks are AVIF. CPU seconds are those of one process with --workers threads, from reading to
the sample that is restored at the end. They say more than the clock where other programs run. TensorFlow is loaded
before the clock starts.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from absl import app, flags
from commands import stored_as

from sr_tf.archive.effort import EFFORTS
from sr_tf.archive.enlarge import load_generators
from sr_tf.archive.for_each import for_each
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.grid import Grid
from sr_tf.archive.write import Options, write_archive
from sr_tf.generators.engines import DEFAULT_ENGINE, ENGINES
from sr_tf.generators.names import ARCHIVE_GENERATORS
from sr_tf.images.codecs import CODECS
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_enum("quality", "visual", ["visual", "diagnostic"], "The quality whose gate every tile must pass.")
flags.DEFINE_list("efforts", [str(effort) for effort in EFFORTS], "The efforts, 1 to 9.")
flags.DEFINE_list("models", list(ARCHIVE_GENERATORS), "The generators; empty: interpolation only.")
flags.DEFINE_enum("engine", DEFAULT_ENGINE, ENGINES, "What runs the generators.")
flags.DEFINE_integer("level", 50, "AVIF's quality in the pass.", lower_bound=0, upper_bound=100)
flags.DEFINE_integer("workers", 1, "Number of threads.", lower_bound=1)


def main(_) -> None:
    """Prints a table, then how the blocks of each archive are stored."""
    options = flags.FLAGS
    source, stored = Path(options.slide), []
    with open_slide(source) as slide:
        pixels = slide.info.width * slide.info.height
    print(f"{source}: {pixels / 1e6:.1f} megapixels; {QUALITIES[options.quality].describe()}\n")
    print("| effort | bytes | CPU seconds | seconds | megapixels/s | CPU, times one AVIF pass |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    size, *one_pass = _timed(lambda: _coded(source))
    _row("one AVIF pass", size, one_pass, one_pass, pixels)
    load_generators(options.models, options.engine)
    for effort in map(int, options.efforts):
        size, *seconds = _timed(lambda effort=effort: _archived(source, effort, stored))
        _row(str(effort), size, seconds, one_pass, pixels)
    print("", *stored, sep="\n")


def _timed(run: Callable[[], int]) -> tuple[int, float, float]:
    """What `run` returns, its CPU seconds and its seconds."""
    start, clock = time.process_time(), time.perf_counter()
    result = run()
    return result, time.process_time() - start, time.perf_counter() - clock


def _coded(source: Path) -> int:
    """Codes all blocks once; returns the bytes."""
    sizes, codec = [], CODECS["avif-fast"]
    with open_slide(source) as slide:
        grid = Grid(slide.info.width, slide.info.height)

        def code(row: int, column: int) -> None:
            sizes.append(len(codec.encode(slide.read(*grid.rectangle(row, column)), flags.FLAGS.level)))

        for_each(code, grid.blocks(), flags.FLAGS.workers)
    return sum(sizes)


def _archived(source: Path, effort: int, stored: list[str]) -> int:
    """Archives the slide; returns the archive's bytes and notes how its blocks are stored."""
    options = flags.FLAGS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.sr.zip")
        settings = Options(
            QUALITIES[options.quality], tuple(options.models), associated=False, workers=options.workers,
            engine=options.engine, effort=effort,
        )  # fmt: skip
        write_archive(source, path, settings)
        stored.append(f"{effort}: {stored_as(path)}")
        return path.stat().st_size


def _row(name: str, size: int, seconds: list[float], one_pass: list[float], pixels: int) -> None:
    cpu, clock = seconds
    rate = pixels / clock / 1e6
    print(f"| {name} | {size:,} | {cpu:.1f} | {clock:.1f} | {rate:.2f} | {cpu / one_pass[0]:.1f} |", flush=True)


if __name__ == "__main__":
    app.run(main)
