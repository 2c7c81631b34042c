"""Compares archive generators with bicubic interpolation, and filters with AVIF alone, at equal bytes on any images.

    python benchmarks/domains.py --images=BCCD --every=60 --models=told4,told2,filter

LRs are coded by AVIF as in archives; those of a generator are reduced by its own reducer. PSNR on 8-bit RGB, no border
cut, range 255. Prints the mean difference over the common rates and the difference at the highest common rate.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags

from sr_tf.evaluation.bjontegaard import bd_quality
from sr_tf.evaluation.measures import load_measures
from sr_tf.evaluation.rate_curves import RateCurve
from sr_tf.evaluation.rate_distortion import measure_image
from sr_tf.evaluation.rate_methods import FILTERED_CODEC, after_coding, full_size, generated, interpolated
from sr_tf.generators.load import load_network, load_reducer
from sr_tf.images.reading import find_images, read_folder

flags.DEFINE_string("images", None, "Folder of HR images.", required=True)
flags.DEFINE_list("models", ["told4", "told2", "filter"], "Names, .keras files or run folders, separated by commas.")
flags.DEFINE_integer("every", 1, "Use every n-th image.")
flags.DEFINE_integer("first", 0, "The index of the first image.")
flags.DEFINE_list("rates", ["0", "inf"], "LOW,HIGH in bit/pixel: only rates between them.")


def main(_) -> None:
    """Prints a line for each generator."""
    options = flags.FLAGS
    wanted = [float(rate) for rate in options.rates]
    measures = load_measures(("psnr", "ssim"), 4, "antialiased")
    paths = find_images(Path(options.images))[options.first :: options.every]
    for name in options.models:
        network = load_network(name)
        if network.scale == 1:
            plain, own = full_size(FILTERED_CODEC), after_coding(name, network)
            plain = replace(plain, levels=own.levels)
        else:
            plain, own = interpolated(network.scale), generated(name, network, load_reducer(name))
        gains, tops = [], []
        for _, hr in read_folder(paths, strict=True):
            points = measure_image(hr, [plain, own], measures)
            reference, test = (
                RateCurve.through([p["bpp"] for p in points[m.name]], [p["psnr"] for p in points[m.name]])
                for m in (plain, own)
            )
            gains.append(bd_quality(reference, test, *wanted))
            top = min(wanted[1], reference.rates[-1], test.rates[-1])
            tops.append(float(test.at(top) - reference.at(top)))
        print(
            f"{name}: {np.mean(gains):+.2f} dB against {plain.name}, worst image {np.min(gains):+.2f}; "
            f"at the highest rate {np.mean(tops):+.2f}, worst {np.min(tops):+.2f}; {len(paths)} images",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
