"""Measures an archive's competitor: one codec at one quality for a whole slide, the lowest at which every tile passes.

    python benchmarks/one_quality.py --slide=blood.tif --quality=visual

The slide is coded in pieces of 2048×2048 pixels. Each piece is a complete file of its codec, and all bytes are counted.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.archive.gate import QUALITIES, Measure
from sr_tf.images.codecs import CODECS
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_enum("quality", "visual", ["visual", "diagnostic"], "The quality whose gate every tile must pass.")
flags.DEFINE_list("codecs", ["avif", "avif420", "jpegxl"], "Keys of sr_tf.images.codecs.CODECS.")
flags.DEFINE_integer("piece", 2048, "Side of a piece in pixels, a multiple of 256.")

AVIF_LEVELS = tuple(range(0, 100, 2))
JXL_LEVELS = tuple(np.round(np.geomspace(25, 0.3, 50), 2))
THREADS = 2


def main(_) -> None:
    """Prints a line for each codec."""
    options = flags.FLAGS
    # Without the gate's limit on the mean colour, so that the codec has to meet PSNR and SSIM only.
    gate, measure = replace(QUALITIES[options.quality], max_shift=np.inf), Measure()
    with open_slide(options.slide) as slide:
        width, height = slide.info.width, slide.info.height
        side = options.piece
        pieces = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
        source = Path(options.slide).stat().st_size
        print(f"{options.slide}: {width}×{height} pixels, {source:,} bytes; {gate.describe()}")
        for name in options.codecs:
            codec = CODECS[name]

            def size_if_good(piece: tuple[int, int], level: float, codec=codec) -> int | None:
                """The bytes of a piece, or None: one of its tiles fails."""
                x, y = piece
                pixels = slide.read(x, y, min(side, width - x), min(side, height - y))
                file = codec.encode(pixels, level)
                return len(file) if gate.passes(measure(pixels, codec.decode(file))) else None

            found = lowest_level(pieces, JXL_LEVELS if name == "jpegxl" else AVIF_LEVELS, size_if_good)
            if found is None:
                print(f"{name}: no level passes")
                continue
            level, total = found
            rate = 8 * total / (width * height)
            print(f"{name} at {level:g}: {total:,} bytes, {rate:.4f} bit/pixel; {codec.settings}", flush=True)


def lowest_level(
    pieces: Sequence[tuple[int, int]],
    levels: Sequence[float],
    size_if_good: Callable[[tuple[int, int], float], int | None],
) -> tuple[float, int] | None:
    """Finds the first level at which all pieces pass.

    Args:
        pieces: the pieces' positions.
        levels: the codec's levels, from the fewest to the most bytes.
        size_if_good: maps a piece and a level to the bytes of its file, or to None if it does not pass.

    Returns:
        The level and the bytes of all pieces; None: no level passes.
    """
    order = list(pieces)
    with ThreadPoolExecutor(THREADS) as pool:
        for level in levels:
            total = 0
            for start in range(0, len(order), THREADS):
                batch = order[start : start + THREADS]
                sizes = list(pool.map(size_if_good, batch, [level] * len(batch)))
                if None in sizes:
                    # This piece is tried first at the next levels, since it will probably fail again.
                    failed = batch[sizes.index(None)]
                    order.remove(failed)
                    order.insert(0, failed)
                    break
                total += sum(sizes)
            else:
                return level, total
    return None


if __name__ == "__main__":
    app.run(main)
