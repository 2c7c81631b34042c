"""Takes an archive's parts away one by one: what adaptivity, interpolation and generators each save at the same gate.

    python benchmarks/ablations.py --slide=blood.tif --quality=visual

(a) one AVIF quality for the whole slide, the lowest at which every tile passes, 4:4:4 or 4:2:0, in pieces of 2048×2048
pixels; (b) an archive whose blocks are AVIF at full size, each at its own quality; (c) the same with reduced blocks
that bicubic interpolation restores; (d) the same with generators; (e) and with the filter, as `sr-tf archive` works;
with --refine (f), whose reduced blocks are also refined for their generators. Archives are made at --effort.
The gate of (a) has no limit on the mean colour. The slide's pixels are first written to a lossless TIFF, so the JPEG
tiles that a slide may have play no part. Every byte of each file counts.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from absl import app, flags
from commands import stored_as
from lowest_quality import one_quality

from sr_tf.archive.effort import EFFORTS, HIGHEST_EFFORT
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.kinds import FAMILIES, FULL_AVIF, FULL_AVIF420
from sr_tf.archive.write import Options, write_archive
from sr_tf.generators.names import ARCHIVE_GENERATORS
from sr_tf.images.codecs import CODECS
from sr_tf.messages import load_tensorflow
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_enum("quality", "visual", ["visual", "diagnostic"], "The quality whose gate every tile must pass.")
flags.DEFINE_list("models", list(ARCHIVE_GENERATORS[:-1]), "The generators of (d).")
flags.DEFINE_string("filter", ARCHIVE_GENERATORS[-1], "The filter of (e).")
flags.DEFINE_bool("refine", False, "Adds (f), which takes long.")
flags.DEFINE_integer("effort", HIGHEST_EFFORT, "The effort of the archives.", 1, max(EFFORTS))
flags.DEFINE_list("region", [], "x,y,width,height in pixels: only this part of the slide.")

_TILE = 512
_AT_FULL_SIZE = tuple(family for family in FAMILIES if family.kind in (FULL_AVIF, FULL_AVIF420))


def main(_) -> None:
    """Prints a table, then how the blocks of each archive are stored."""
    load_tensorflow()
    options = flags.FLAGS
    gate = QUALITIES[options.quality]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pixels = folder / "slide.tif"
        width, height = _lossless(Path(options.slide), [int(number) for number in options.region], pixels)
        print(f"{options.slide}: {width}×{height} pixels; {gate.describe()}\n")
        print("| at the same gate | bytes | bit/pixel | (a) / these | seconds |\n| --- | ---: | ---: | ---: | ---: |")
        start = time.perf_counter()
        with open_slide(pixels) as slide:
            found = {name: one_quality(slide, options.quality, name) for name in ("avif", "avif420")}
        name = min((name for name in found if found[name]), key=lambda name: found[name][1])
        level, one = found[name]
        _row(f"(a) one quality: {CODECS[name].title}, {level:g}", one, one, width * height, start)
        every = (*options.models, options.filter)
        steps = {
            "(b) AVIF, a quality for each block": (_AT_FULL_SIZE, (), False),
            "(c) … and reduced, bicubic": (FAMILIES, (), False),
            "(d) … and generators": (FAMILIES, tuple(options.models), False),
            "(e) … and the filter": (FAMILIES, every, False),
        }
        if options.refine:
            steps["(f) … and refined"] = FAMILIES, every, True
        stored = []
        for step, (families, models, refine) in steps.items():
            start, path = time.perf_counter(), folder / "a.sr.zip"
            write_archive(
                pixels,
                path,
                Options(gate, models, associated=False, families=families, effort=options.effort, refine=refine),
            )
            _row(step, path.stat().st_size, one, width * height, start)
            stored.append(f"{step}: {stored_as(path)}")
            path.unlink()
    print("", *stored, sep="\n")


def _row(name: str, size: int, reference: int, pixels: int, start: float) -> None:
    seconds = time.perf_counter() - start
    print(f"| {name} | {size:,} | {8 * size / pixels:.4f} | {reference / size:.2f} | {seconds:.0f} |", flush=True)


def _lossless(source: Path, region: list[int], target: Path) -> tuple[int, int]:
    """Writes a slide, or a region of it, to a lossless tiled TIFF; returns its (width, height)."""
    with open_slide(source) as slide:
        x, y, width, height = region or (0, 0, slide.info.width, slide.info.height)

        def tiles() -> Iterator[np.ndarray]:
            for top in range(0, height, _TILE):
                for left in range(0, width, _TILE):
                    yield slide.read(x + left, y + top, min(_TILE, width - left), min(_TILE, height - top))

        tifffile.imwrite(
            target, tiles(), shape=(height, width, 3), dtype=np.uint8, tile=(_TILE, _TILE), photometric="rgb",
            compression="zlib", metadata=None,
        )  # fmt: skip
    return width, height


if __name__ == "__main__":
    app.run(main)
