"""Archives a slide at each quality, verifies, restores, and prints the README's table of one slide.

    python benchmarks/archive_figures.py --slide=cmu-1-small-region.svs --qualities=visual,diagnostic,lossless

Each step runs as the command that a user would call; peak memory is that of its process.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import openslide
from absl import app, flags

from sr_tf.archive.cost import shares
from sr_tf.archive.gate import QUALITIES, Measure
from sr_tf.archive.grid import BLOCK
from sr_tf.archive.reader import ArchiveFile

flags.DEFINE_string("slide", None, "A slide that OpenSlide reads.", required=True)
flags.DEFINE_list("qualities", ["visual", "diagnostic", "lossless"], "Gates.")
flags.DEFINE_string("keep", "", "Folder in which archives, restored files and maps are left.")
flags.DEFINE_list("options", [], "Further options of `sr-tf archive`.")

SR_TF = Path(sys.executable).with_name("sr-tf")


def main(_) -> None:
    """Prints a row for each quality, and what its blocks are stored as."""
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
            archived = _timed("archive", slide, archive, "--quality", quality, *flags.FLAGS.options)
            _timed("verify", archive)
            given_back = _timed("restore", archive, restored)
            _timed("info", archive, "--map", folder / f"{quality}.png")
            psnr, ssim = _worst(slide, restored, QUALITIES[quality])
            size, source = archive.stat().st_size, slide.stat().st_size
            print(
                f"| {quality} | {size:,} | {source / size:.2f} | {psnr:.2f} | {ssim:.4f} | "
                f"{archived[0]:.0f}, {archived[1]:.0f} | {given_back[0]:.0f}, {given_back[1]:.0f} |",
                flush=True,
            )
            with ArchiveFile(archive) as opened:
                parts = [f"{share.name} {share.blocks or ''} ({share.bytes:,} bytes)" for share in shares(opened)]
            details.append(f"{quality}: {'; '.join(parts)}")
        print(*details, sep="\n")


def _timed(*command) -> tuple[float, float]:
    """Seconds and MB of peak memory of a command."""
    start = time.monotonic()
    arguments = [str(SR_TF), *map(str, command)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)}: failed")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def _worst(slide: Path, restored: Path, gate) -> tuple[float, float]:
    """Lowest PSNR and SSIM of any tile of the restored file, both files read by OpenSlide."""
    psnr, ssim = [], []
    with openslide.OpenSlide(slide) as one, openslide.OpenSlide(restored) as other:
        width, height = one.dimensions
        measure = Measure()
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
