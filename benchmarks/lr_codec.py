"""Compares codecs for LRs: the PSNR of the same generator at equal bytes of each codec.

    python benchmarks/lr_codec.py --images=CHULA/test --model=coded4

LRs are means of scale × scale pixels. Bytes are those in an archive, which stores an AVIF file's header boxes once for
all blocks. PSNR on 8-bit RGB, no border cut, range 255; each image's curve is interpolated, then all are averaged.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.archive.av1 import split
from sr_tf.evaluation.rate_curves import RateCurve, mean_at
from sr_tf.generators.load import load_generator
from sr_tf.generators.upscale import upscale
from sr_tf.images.codecs import CODECS
from sr_tf.images.degradation import crop_to, reduce
from sr_tf.images.reading import find_images, read_folder
from sr_tf.metrics.fast import fast_psnr

flags.DEFINE_string("images", None, "Folder of HR images.", required=True)
flags.DEFINE_string("model", "coded4", "A shipped name, a .keras file or a run folder.")
flags.DEFINE_integer("every", 1, "Use every n-th image.")
flags.DEFINE_list(
    "rates",
    ["0.03", "0.05", "0.076", "0.103", "0.132", "0.175", "0.25"],
    "Rates in bit/pixel of HR.",
)

LEVELS = {
    "avif": (20, 35, 50, 60, 70, 80, 90, 97),
    "avif420": (20, 35, 50, 60, 70, 80, 90, 97),
    "avif-slow": (20, 35, 50, 60, 70, 80, 90, 97),
    "avif10-slow": (20, 35, 50, 60, 70, 80, 90, 97),
    "jpegxl": (12, 9, 6, 4, 3, 2, 1.4, 1, 0.7, 0.5),
}


def main(_) -> None:
    """Prints a line of PSNR values for each codec."""
    options = flags.FLAGS
    generator = load_generator(options.model)
    rates = np.array(options.rates, float)
    curves: dict[str, list[RateCurve]] = {name: [] for name in LEVELS}
    for _, hr in read_folder(find_images(Path(options.images))[:: options.every], strict=True):
        lr = reduce(hr, generator.scale, "antialiased")
        for name, levels in LEVELS.items():
            points = []
            for level in levels:
                file = CODECS[name].encode(lr, level)
                stored = len(split(file)[1]) if name.startswith("avif") else len(file)
                restored = crop_to(upscale(generator, CODECS[name].decode(file)), hr.shape[:2])
                points.append((8 * stored / (hr.shape[0] * hr.shape[1]), fast_psnr(hr, restored)))
            curves[name].append(RateCurve.through(*zip(*points, strict=True)))
    print("bit/pixel  " + "  ".join(f"{rate:6g}" for rate in rates))
    for name, image_curves in curves.items():
        print(f"{name:10} " + "  ".join(f"{value:6.2f}" for value in mean_at(image_curves, rates)))


if __name__ == "__main__":
    app.run(main)
