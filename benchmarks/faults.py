"""Kills archiving and restoring at random moments, and flips random bytes of an archive.

    python benchmarks/faults.py --kills=20 --flips=1000

On a drawn slide, in a temporary folder. Prints what happened; exit code 1 where a rule was broken:
nothing stands under the final name that does not verify, a repeated call ends with the bytes of an uninterrupted one,
every flipped byte is seen by verify, and none makes restoring crash or give other pixels.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from PIL import Image
from tqdm import tqdm

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.integrity import check_integrity
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.messages import load_tensorflow

flags.DEFINE_integer("kills", 20, "Of archiving, and as many of restoring.")
flags.DEFINE_integer("flips", 1000, "Bytes flipped, one at a time.")
flags.DEFINE_integer("seed", 0, "Of moments, places and bits.")

SR_TF = Path(sys.executable).with_name("sr-tf")
HEIGHT, WIDTH = 1000, 1500


def main(_) -> None:
    """Runs all three."""
    load_tensorflow()
    draw = random.Random(flags.FLAGS.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pixels = render_smear(1, HEIGHT, WIDTH)
        pixels[:, : WIDTH // 2] = cv2.GaussianBlur(pixels, (0, 0), 2)[:, : WIDTH // 2]
        Image.fromarray(pixels).save(folder / "slide.png")
        whole, restored = folder / "whole.sr.zip", folder / "whole.tif"
        archive = [SR_TF, "archive", folder / "slide.png"]
        # Interpolation alone: a generator changes pixels, not files, and would take most of the time.
        plain = ["--models", ""]
        seconds = _timed([*archive, whole, *plain])
        broken = _kill(draw, archive, folder / "killed.sr.zip", plain, whole, seconds, _verifies)
        seconds = _timed([SR_TF, "restore", whole, restored])
        same = restored.read_bytes()
        broken += _kill(
            draw,
            [SR_TF, "restore", whole],
            folder / "killed.tif",
            [],
            restored,
            seconds,
            lambda path: path.read_bytes() == same,
        )
        part = folder / "part.png"
        Image.fromarray(pixels[:600, WIDTH // 2 - 500 : WIDTH // 2 + 500]).save(part, icc_profile=bytes(range(200)))
        _timed([SR_TF, "archive", part, folder / "part.sr.zip", *plain])
        broken += _flip(draw, folder / "part.sr.zip", folder / "flipped.sr.zip")
    print("no rule broken" if not broken else f"{broken} rules broken")
    sys.exit(bool(broken))


def _timed(command: list) -> float:
    start = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return time.monotonic() - start


def _verifies(path: Path) -> bool:
    return check_integrity(path) == []


def _kill(draw: random.Random, command: list, target: Path, options: list, expected: Path, seconds: float, good) -> int:
    broken, there = 0, 0
    for _ in tqdm(range(flags.FLAGS.kills), desc=f"kill {command[1]}", disable=None):
        process = subprocess.Popen(
            [str(part) for part in [*command, target, *options]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(draw.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        if target.exists():
            there += 1
            broken += not good(target)
            target.unlink()
    _timed([*command, target, *options])
    broken += target.read_bytes() != expected.read_bytes()
    left = sorted(path.name for path in target.parent.iterdir() if path.name.startswith("."))
    broken += bool(left)
    print(
        f"{command[1]}: killed at {flags.FLAGS.kills} random moments of {seconds:.0f} s; finished before that {there} "
        f"times; resumed to the same bytes: {target.read_bytes() == expected.read_bytes()}; left behind: "
        f"{left or 'nothing'}"
    )
    return broken


def _flip(draw: random.Random, archive: Path, path: Path) -> int:
    content = archive.read_bytes()
    with ArchivedSlide(archive) as slide:
        size = slide.header.slide.width, slide.header.slide.height
        expected = slide.read(0, 0, *size)
    counts = Counter()
    for _ in tqdm(range(flags.FLAGS.flips), desc="flip", disable=None):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        try:
            seen = bool(check_integrity(path))
        except UserError:
            seen = True
        counts["seen by verify" if seen else "NOT SEEN"] += 1
        try:
            with ArchivedSlide(path) as slide:
                same = np.array_equal(slide.read(0, 0, *size), expected)
            counts["restored to the right pixels" if same else "WRONG PIXELS"] += 1
        except UserError:
            counts["refused to restore"] += 1
        except Exception as error:
            counts[f"CRASHED {type(error).__name__}"] += 1
    print(f"{flags.FLAGS.flips} flipped bytes: {dict(counts)}")
    return sum(count for what, count in counts.items() if what.split()[0].isupper())


if __name__ == "__main__":
    app.run(main)
