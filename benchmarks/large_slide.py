"""Archives, verifies and restores a very large slide, and times a first look at it.

    python benchmarks/blood_slide.py --fields=FIELDS --out=large.tif --megapixels=2000 --pyramid --gap=20
    python benchmarks/large_slide.py --slide=large.tif

Each step runs `sr-tf` as a user does. Memory is the peak of the step's process; disk is the most that the folder of the
archive held while archiving, the slide left out. First look: from the start of `sr_tf.open` to the whole slide as a
thumbnail of 512 pixels, in a process of its own.
"""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from absl import app, flags
from commands import measured, stored_as

from sr_tf.slides.slide import open_slide

flags.DEFINE_string("slide", None, "The slide.", required=True)
flags.DEFINE_list("qualities", ["lossless", "visual"], "The qualities, separated by commas.")
flags.DEFINE_integer("jpeg_quality", 90, "How restored pixels of lossy archives are compressed.")

_INTERVAL_S = 1.0
_FIRST_LOOK = """
import sys, time
import sr_tf
start = time.perf_counter()
with sr_tf.open(sys.argv[1]) as slide:
    slide.thumbnail(512)
print(time.perf_counter() - start)
"""


def main(_) -> None:
    """Prints a row for each quality, then how the blocks are stored."""
    source, details = Path(flags.FLAGS.slide), []
    with open_slide(source) as slide:
        megapixels = slide.info.width * slide.info.height / 1e6
    print(f"{source}: {megapixels:,.0f} megapixels, {source.stat().st_size:,} bytes\n")
    print(
        "| quality | bytes | archive (s, MB) | megapixels/s | disk (MB) | verify (s, MB) | restore (s, MB) "
        "| first look (s) |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for quality in flags.FLAGS.qualities:
        with tempfile.TemporaryDirectory() as temporary:
            archive, restored = Path(temporary) / "slide.sr.zip", Path(temporary) / "restored.ome.tif"
            with _Disk(archive.parent) as disk:
                archiving = measured("archive", source, archive, "--quality", quality)
            verifying = measured("verify", archive)
            command = [sys.executable, "-c", _FIRST_LOOK, str(archive)]
            look = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            form = () if quality == "lossless" else ("--jpeg-quality", flags.FLAGS.jpeg_quality)
            restoring = measured("restore", archive, restored, *form)
            times = (f"{seconds:.0f}, {peak:.0f}" for seconds, peak in (verifying, restoring))
            rate = megapixels / archiving[0]
            cells = [quality, f"{archive.stat().st_size:,}", f"{archiving[0]:.0f}, {archiving[1]:.0f}", f"{rate:.2f}"]
            print("|", " | ".join([*cells, f"{disk.most / 1e6:.0f}", *times, f"{look:.2f}"]), "|", flush=True)
            details.append(f"{quality}: {stored_as(archive)}")
    print("", *details, sep="\n")


class _Disk:
    """Watches the bytes in a folder; a context manager."""

    def __init__(self, folder: Path):
        self._folder, self._over, self.most = folder, threading.Event(), 0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_Disk":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_INTERVAL_S):
            sizes = []
            for path in self._folder.iterdir():
                try:
                    sizes.append(path.stat().st_size)
                except FileNotFoundError:  # it got its name meanwhile
                    continue
            self.most = max(self.most, sum(sizes))


if __name__ == "__main__":
    app.run(main)
