"""Measures an archive's competitor: one codec at one quality for a whole slide, the lowest at which every tile passes.

    python benchmarks/one_quality.py --slide=blood.tif --quality=visual

The slide is coded in pieces of 2048×2048 pixels. Each piece is a complete file of its codec, and all bytes are counted.
"""

from pathlib import Path

from absl import app, flags
from lowest_quality import one_quality, without_shift

from sr_tf.images.codecs import CODECS
from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_enum("quality", "visual", ["visual", "diagnostic"], "The quality whose gate every tile must pass.")
flags.DEFINE_list("codecs", ["avif", "avif420", "jpegxl"], "Keys of sr_tf.images.codecs.CODECS.")
flags.DEFINE_integer("piece", 2048, "Side of a piece in pixels, a multiple of 256.")


def main(_) -> None:
    """Prints a line for each codec."""
    options = flags.FLAGS
    with open_slide(options.slide) as slide:
        width, height = slide.info.width, slide.info.height
        source = Path(options.slide).stat().st_size
        print(
            f"{options.slide}: {width}×{height} pixels, {source:,} bytes; {without_shift(options.quality).describe()}"
        )
        for name in options.codecs:
            found = one_quality(slide, options.quality, name, options.piece)
            if found is None:
                print(f"{name}: no level passes")
                continue
            level, total = found
            rate = 8 * total / (width * height)
            print(f"{name} at {level:g}: {total:,} bytes, {rate:.4f} bit/pixel; {CODECS[name].settings}", flush=True)


if __name__ == "__main__":
    app.run(main)
