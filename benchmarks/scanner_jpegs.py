"""What archives make of slides that are JPEGs already, by the scanner's JPEG quality.

    python benchmarks/scanner_jpegs.py --images=tissue/ --qualities=30,70,80,90

The images, cut to whole tiles of 512×512 pixels, are put side by side into a slide: a TIFF of JPEG tiles of 256×256
pixels, chroma 4:2:0, as scanners write it. `lossless` repacks the JPEG tiles as JPEG XL and gives them back byte by
byte; `visual` and `diagnostic` take for each block what is smallest. The last column is one AVIF quality for the whole
slide, the lowest whose tiles all pass the gate of `visual` without its limit on the mean colour. Every archive is
measured against the JPEG slide, as a laboratory would. Every byte counts.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from absl import app, flags
from commands import stored_as
from lowest_quality import one_quality

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

_CUT, _TILE = 512, 256


def main(_) -> None:
    """Prints a row for each JPEG quality, then how the blocks are stored."""
    load_tensorflow()
    mosaic = _mosaic(
        [_cut(read_rgb(path)) for path in find_images(Path(flags.FLAGS.images)) if flags.FLAGS.only in path.name]
    )
    height, width = mosaic.shape[:2]
    print(f"{flags.FLAGS.images}: a slide of {width}×{height} pixels, {width * height / 1e6:.1f} megapixels\n")
    print("| JPEG quality | JPEG (bytes, bit/pixel) | lossless | diagnostic | visual | one AVIF quality, visual |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    stored = []
    with tempfile.TemporaryDirectory() as temporary:
        slide, archive = Path(temporary) / "slide.tif", Path(temporary) / "slide.sr.zip"
        for quality in flags.FLAGS.qualities:
            _write(slide, mosaic, int(quality))
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


def _cut(image: np.ndarray) -> np.ndarray:
    """The middle of an image, with sides that are multiples of `_CUT`."""
    wanted = flags.FLAGS.side or max(image.shape)
    height, width = (min(side, wanted) // _CUT * _CUT for side in image.shape[:2])
    if not height or not width:
        raise app.UsageError(f"an image of {image.shape[1]}×{image.shape[0]} pixels, expected at least {_CUT}×{_CUT}")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _mosaic(images: list[np.ndarray]) -> np.ndarray:
    """Images side by side, in rows that are about as long as all rows together are high; the rest is white."""
    wanted = max(max(image.shape[1] for image in images), round(sum(image[..., 0].size for image in images) ** 0.5))
    rows, row = [], []
    for image in images:
        if row and sum(one.shape[1] for one in row) + image.shape[1] > wanted:
            rows, row = [*rows, row], []
        row.append(image)
    rows.append(row)
    width = max(sum(one.shape[1] for one in row) for row in rows)
    mosaic = np.full((sum(max(one.shape[0] for one in row) for row in rows), width, 3), 255, np.uint8)
    top = 0
    for row in rows:
        left = 0
        for image in row:
            mosaic[top : top + image.shape[0], left : left + image.shape[1]] = image
            left += image.shape[1]
        top += max(one.shape[0] for one in row)
    return mosaic


def _write(path: Path, pixels: np.ndarray, quality: int) -> None:
    def tiles() -> Iterator[bytes]:
        # tifffile itself would take the pixels for Y, Cb and Cr.
        for top in range(0, pixels.shape[0], _TILE):
            for left in range(0, pixels.shape[1], _TILE):
                tile = np.ascontiguousarray(pixels[top : top + _TILE, left : left + _TILE])
                yield imagecodecs.jpeg8_encode(
                    tile, level=quality, colorspace="rgb", outcolorspace="ycbcr", subsampling=(2, 2)
                )

    tifffile.imwrite(
        path, tiles(), shape=pixels.shape, dtype=np.uint8, tile=(_TILE, _TILE), photometric="ycbcr",
        subsampling=(2, 2), compression="jpeg", metadata=None,
    )  # fmt: skip


if __name__ == "__main__":
    app.run(main)
