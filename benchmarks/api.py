"""Times reads of 256×256 pixels by the Python interface, and watches the memory over many of them.

python benchmarks/api.py --files=slide.sr.zip,slide.svs --soak=100000

Cold: the file was just opened, the system's copy of it in memory was dropped, and every place is read once. Warm: the
same places of 2×2 blocks again and again. Random places lie anywhere at level 0. OpenSlide is measured beside sr_tf on
slides that it opens. Run it on an idle machine.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import openslide
from absl import app, flags

import sr_tf
from sr_tf.messages import markdown_table, tell

flags.DEFINE_list("files", [], "Archives and slides; none: a drawn slide and archives of it.")
flags.DEFINE_integer("reads", 400, "Reads that are timed for each number.", lower_bound=8)
flags.DEFINE_integer("threads", 8, "Threads of the last columns.", lower_bound=1)
flags.DEFINE_integer("soak", 2000, "Random reads over which the memory is watched.", lower_bound=10)
flags.DEFINE_string("folder", "build/api", "Where the drawn slide and its archives are.")

SIDE = 256
WARM = 1024
"""Side in pixels of the part of the slide that is read again and again."""

Open = Callable[[], AbstractContextManager[openslide.AbstractSlide]]


def main(_) -> None:
    """Prints a table."""
    reads, threads = flags.FLAGS.reads, flags.FLAGS.threads
    rows = [("file", "read by", "cold/s", "warm/s", f"cold/s, {threads} threads", f"warm/s, {threads} threads",
             "MB at 10 %", f"MB after {flags.FLAGS.soak:,}")]  # fmt: skip
    for path in map(Path, flags.FLAGS.files or drawn(Path(flags.FLAGS.folder))):
        for reader, opened in readers(path):
            tell(f"{path} by {reader}")
            speeds = [
                f"{reads_per_second(path, opened, reads, warm, count):,.0f}"
                for count in (1, threads)
                for warm in (False, True)
            ]
            early, late = memory(opened, flags.FLAGS.soak)
            rows.append((path.name, reader, *speeds, f"{early:,.0f}", f"{late:,.0f}"))
    print(markdown_table(rows))


def readers(path: Path) -> Iterator[tuple[str, Open]]:
    """(name, a function that opens the file) of each reader."""
    yield "sr_tf", lambda: sr_tf.open(path)
    if openslide.OpenSlide.detect_format(path):
        yield "OpenSlide", lambda: openslide.OpenSlide(path)


def reads_per_second(path: Path, opened: Open, count: int, warm: bool, threads: int) -> float:
    """Reads of 256×256 pixels in a second.

    Args:
        path: the file.
        opened: opens it.
        count: the number of reads.
        warm: whether they stay in one part of the slide, which was read before.
        threads: the number of threads.
    """
    drop_from_memory(path)
    with opened() as slide, ThreadPoolExecutor(threads) as pool:
        size = [min(length, WARM) for length in slide.dimensions] if warm else slide.dimensions
        # Networks are loaded and compiled by the first reads.
        for place in places(size, count if warm else threads, seed=0):
            read(slide, place)
        start = time.perf_counter()
        for _ in pool.map(lambda place: read(slide, place), places(size, count, seed=1)):
            pass
        return count / (time.perf_counter() - start)


def memory(opened: Open, count: int) -> tuple[float, float]:
    """Megabytes of this process after a tenth of many random reads, and after all."""
    with opened() as slide:
        for number, place in enumerate(places(slide.dimensions, count, seed=2)):
            read(slide, place)
            if number == count // 10:
                early = resident()
    return early, resident()


def read(slide: openslide.AbstractSlide, place: tuple[int, int]) -> None:
    """Reads a region as every reader of OpenSlide's interface gives it."""
    slide.read_region(place, 0, (SIDE, SIDE))


def places(size: tuple[int, int], count: int, seed: int) -> list[tuple[int, int]]:
    """Random upper left corners of regions inside of a size."""
    random = np.random.default_rng(seed)
    columns, rows = (random.integers(0, max(1, length - SIDE), count).tolist() for length in size)
    return list(zip(columns, rows, strict=True))


def drop_from_memory(path: Path) -> None:
    """Asks the system to forget what it holds of a file, so that the disk is read."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident() -> float:
    """Megabytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def drawn(folder: Path) -> list[Path]:
    """A slide of drawn cells as a tiled JPEG TIFF, and two archives of it."""
    import tifffile

    from sr_tf.data.smear import render_smear

    slide = folder / "drawn.tif"
    if not slide.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fields = [render_smear(seed, 512, 512) for seed in range(4)]
        pixels = np.tile(np.concatenate(fields, axis=1), (4, 1, 1))
        tifffile.imwrite(slide, pixels, tile=(256, 256), compression="jpeg", photometric="rgb", metadata=None)
    archives = {"lossless": folder / "lossless.sr.zip", "visual": folder / "visual.sr.zip"}
    for quality, archive in archives.items():
        if not archive.is_file():
            sr_tf.archive(slide, archive, quality, models=[])
    return [slide, *archives.values()]


if __name__ == "__main__":
    app.run(main)
