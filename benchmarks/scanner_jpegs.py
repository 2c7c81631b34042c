"""What archives make of slides that are JPEGs already, by the scanner's JPEG quality.

    python benchmarks/scanner_jpegs.py --images=tissue/ --qualities=30,70,80,90

The images, cut to whole tiles of 512×512 pixels, are put side by side into a slide: a TIFF of JPEG tiles of 256×256
pixels, chroma 4:2:0, as scanners write it. `lossless` repacks the JPEG tiles as JPEG XL and gives them back byte by
byte; `visual` and `diagnostic` take for each block what is smallest. The last column is one AVIF quality for the whole
slide, the lowest whose tiles all pass the gate of `visual` without its limit on the mean colour. Every archive is
measured against the JPEG slide, as a laboratory would. Every byte counts.
"""

import tempfile
from pathlib import Path

from absl import app, flags
from commands import stored_as
from lowest_quality import one_quality
from mosaic import cut, mosaic_of, write_jpeg_tiff

from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
from sr_tf.generators.names import ARCHIVE_GENERATORS
from sr_tf.images.reading import find_images, read_rgb
from sr_tf.messages import load_tensorflow
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("images", None, "An image, or a folder of images.", required=True)
flags.DEFINE_string("only", "", "Only images whose names contain this.")
flags.DEFINE_list("qualities", ["30", "70", "80", "90"], "The JPEG qualities, separated by commas.")
flags.DEFINE_list("models", list(ARCHIVE_GENERATORS), "The archive's generators.")
flags.DEFINE_integer("side", 0, "Use only the middle of this side of each image, in pixels. Default: all of it.")


def main(_) -> None:
    """Prints a row for each JPEG quality, then how the blocks are stored."""
    load_tensorflow()
    found = [path for path in find_images(Path(flags.FLAGS.images)) if flags.FLAGS.only in path.name]
    mosaic = mosaic_of([cut(read_rgb(path), flags.FLAGS.side) for path in found])
    height, width = mosaic.shape[:2]
    print(f"{flags.FLAGS.images}: a slide of {width}×{height} pixels, {width * height / 1e6:.1f} megapixels\n")
    print("| JPEG quality | JPEG (bytes, bit/pixel) | lossless | diagnostic | visual | one AVIF quality, visual |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    stored = []
    with tempfile.TemporaryDirectory() as temporary:
        slide, archive = Path(temporary) / "slide.tif", Path(temporary) / "slide.sr.zip"
        for quality in flags.FLAGS.qualities:
            write_jpeg_tiff(slide, mosaic, int(quality))
            size, cells = slide.stat().st_size, []
            for name in ("lossless", "diagnostic", "visual"):
                write_archive(slide, archive, Options(QUALITIES[name], tuple(flags.FLAGS.models), associated=False))
                cells.append(archive.stat().st_size)
                stored.append(f"JPEG {quality}, {name}: {stored_as(archive)}")
            with open_slide(slide) as opened:
                found = [one_quality(opened, "visual", codec) for codec in ("avif", "avif420")]
            cells.append(min(total for _, total in filter(None, found)))
            row = " | ".join(f"{cell:,} ({size / cell:.2f})" for cell in cells)
            print(f"| {quality} | {size:,} ({8 * size / (width * height):.2f}) | {row} |", flush=True)
    print("\nIn parentheses: how many times smaller than the JPEG slide.\n", *stored, sep="\n")


if __name__ == "__main__":
    app.run(main)
