"""Writes a slide of images of tissue side by side, to measure archives with.

    python benchmarks/tissue_slide.py --images=tissue/ --megapixels=15 --out=tissue.svs

A path that ends in .svs is written as JPEG 2000 tiles at about 45 dB, one that ends in .tif as JPEG tiles of quality
90. Images that are fewer megapixels than asked for are repeated, mirrored, so that no two places look alike.
"""

from itertools import cycle
from pathlib import Path

import numpy as np
from absl import app, flags
from mosaic import cut, mosaic_of, write_jpeg2000_svs, write_jpeg_tiff

from sr_tf.images.reading import find_images, read_rgb

flags.DEFINE_string("images", None, "A folder of images, searched with its folders.", required=True)
flags.DEFINE_string("only", "", "Only images whose paths contain one of these words, separated by |.")
flags.DEFINE_string("out", None, "The slide to write: .svs or .tif.", required=True)
flags.DEFINE_float("megapixels", 0, "At least so many; 0: each image once.")
flags.DEFINE_float("psnr", 45, "dB of the JPEG 2000 tiles.")
flags.DEFINE_integer("quality", 90, "Quality of the JPEG tiles.")

_MIRRORED = (np.s_[:, :], np.s_[:, ::-1], np.s_[::-1], np.s_[::-1, ::-1])


def main(_) -> None:
    """Writes the slide and prints its size."""
    options, images, pixels = flags.FLAGS, [], 0
    words = options.only.split("|")
    found = [
        cut(read_rgb(path)) for path in find_images(Path(options.images)) if any(word in str(path) for word in words)
    ]
    for number, image in enumerate(cycle(found)):
        enough = pixels >= options.megapixels * 1e6 and number >= len(found)
        if enough or number >= len(_MIRRORED) * len(found):
            break
        images.append(image[_MIRRORED[number // len(found)]])
        pixels += image[..., 0].size
    mosaic, out = mosaic_of(images), Path(options.out)
    if out.suffix == ".svs":
        write_jpeg2000_svs(out, mosaic, options.psnr)
    else:
        write_jpeg_tiff(out, mosaic, options.quality)
    height, width = mosaic.shape[:2]
    print(f"{out}: {width}×{height} pixels, {width * height / 1e6:.1f} megapixels, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    app.run(main)
