"""Archives a slide at each quality, verifies and restores it, and prints the table of docs/results/archives.md.

    python benchmarks/archive_figures.py --slide=cmu-1-small-region.svs --qualities=visual,diagnostic,lossless

Each step runs `sr-tf` as a user does. Peak memory is that of the step's process.
"""

import tempfile
from pathlib import Path

import numpy as np
import openslide
from absl import app, flags
from commands import measured, stored_as

from sr_tf.archive.gate import QUALITIES, measured_names
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.measure import Measure

flags.DEFINE_string("slide", None, "The slide, in a format that OpenSlide reads.", required=True)
flags.DEFINE_list("qualities", ["visual", "diagnostic", "lossless"], "The qualities, separated by commas.")
flags.DEFINE_string("keep", "", "Folder for archives, restored files and maps; default: a temporary one.")
flags.DEFINE_list("options", [], "Further options of `sr-tf archive`, separated by commas.")


def main(_) -> None:
    """Prints a row for each quality, then the representations of its blocks."""
    slide = Path(flags.FLAGS.slide)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(flags.FLAGS.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(
            "| quality | bytes | source / archive | worst tile PSNR (dB) | SSIM | archive (s, MB) | restore (s, MB) |"
        )
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        details = []
        for quality in flags.FLAGS.qualities:
            archive, restored = folder / f"{quality}.sr.zip", folder / f"{quality}.ome.tif"
            for path in (archive, restored):
                path.unlink(missing_ok=True)
            archiving = measured("archive", slide, archive, "--quality", quality, *flags.FLAGS.options)
            measured("verify", archive)
            restoring = measured("restore", archive, restored)
            measured("info", archive, "--map", folder / f"{quality}.png")
            psnr, ssim = _lowest(slide, restored, QUALITIES[quality])
            size, source = archive.stat().st_size, slide.stat().st_size
            print(
                f"| {quality} | {size:,} | {source / size:.2f} | {psnr:.2f} | {ssim:.4f} | "
                f"{archiving[0]:.0f}, {archiving[1]:.0f} | {restoring[0]:.0f}, {restoring[1]:.0f} |",
                flush=True,
            )
            details.append(f"{quality}: {stored_as(archive)}")
        print(*details, sep="\n")


def _lowest(slide: Path, restored: Path, gate) -> tuple[float, float]:
    """The lowest PSNR and SSIM of all tiles of the restored file. OpenSlide reads both files."""
    psnr, ssim = [], []
    with openslide.OpenSlide(slide) as one, openslide.OpenSlide(restored) as other:
        width, height = one.dimensions
        measure = Measure(measured_names(gate))
        for y in range(0, height, BLOCK):
            for x in range(0, width, BLOCK):
                size = min(BLOCK, width - x), min(BLOCK, height - y)
                pair = [np.asarray(image.read_region((x, y), 0, size).convert("RGB")) for image in (one, other)]
                scores = measure(*pair)
                if not gate.passes(scores):
                    print(f"tile in block {x // BLOCK},{y // BLOCK} does not pass: {scores}")
                psnr.append(scores["psnr"].min())
                ssim.append(scores["ssim"].min())
    return min(psnr), min(ssim)


if __name__ == "__main__":
    app.run(main)
