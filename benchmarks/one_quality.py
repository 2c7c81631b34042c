"""The competitor of an archive: one codec at one quality for a whole slide, the least with which every tile passes.

    python benchmarks/one_quality.py --slide=blood.tif --quality=visual

The slide is coded in pieces of 2048×2048 pixels, each a complete file of its codec, all bytes counted.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.archive.gate import QUALITIES, Measure
from sr_tf.images.codecs import CODECS
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_enum("quality", "visual", ["visual", "diagnostic"], "Whose gate to meet.")
flags.DEFINE_list("codecs", ["avif", "avif420", "jpegxl"], "Keys of sr_tf.images.codecs.CODECS.")
flags.DEFINE_integer("piece", 2048, "Side of what is coded in one file, a multiple of 256 pixels.")

AVIF_LEVELS = tuple(range(0, 100, 2))
JXL_LEVELS = tuple(np.round(np.geomspace(25, 0.3, 50), 2))


def main(_) -> None:
    """Prints a line for each codec."""
    options = flags.FLAGS
    # PSNR and SSIM alone: an archive's blocks must hold the mean colour too.
    gate, measure = replace(QUALITIES[options.quality], max_shift=np.inf), Measure()
    with open_slide(options.slide) as slide:
        width, height = slide.info.width, slide.info.height
        side = options.piece
        places = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
        source = Path(options.slide).stat().st_size
        print(f"{options.slide}: {width}×{height} pixels, {source:,} bytes; {gate.describe()}")
        for name in options.codecs:
            codec = CODECS[name]
            levels = JXL_LEVELS if name == "jpegxl" else AVIF_LEVELS

            def code(place: tuple[int, int], level: float, codec=codec) -> int:
                """Bytes of a piece, negative where one of its tiles fails."""
                x, y = place
                pixels = slide.read(x, y, min(side, width - x), min(side, height - y))
                file = codec.encode(pixels, level)
                good = gate.passes(measure(pixels, codec.decode(file)))
                return len(file) if good else -len(file)

            index, order, sizes = 0, list(places), {}
            with ThreadPoolExecutor(2) as pool:
                while index < len(levels):
                    sizes, failed = {}, None
                    for start in range(0, len(order), 2):
                        pair = order[start : start + 2]
                        sizes.update(zip(pair, pool.map(lambda place: code(place, levels[index]), pair), strict=True))  # noqa: B023
                        failed = next((place for place in pair if sizes[place] < 0), None)
                        if failed:
                            break
                    if failed is None:
                        break
                    # The piece that failed is asked first from now on: it decides.
                    order.remove(failed)
                    order.insert(0, failed)
                    index += 1
            if index == len(levels):
                print(f"{name}: no level passes")
                continue
            total = sum(sizes.values())
            rate = 8 * total / (width * height)
            print(f"{name} at {levels[index]:g}: {total:,} bytes, {rate:.4f} bit/pixel; {codec.settings}", flush=True)


if __name__ == "__main__":
    app.run(main)
