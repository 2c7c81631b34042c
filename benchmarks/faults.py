"""Kills archiving and restoring at random moments, lets the disk fill up, and flips random bits of an archive.

    python benchmarks/faults.py --kills=20 --flips=1000

It works on a drawn slide in a temporary folder and prints the results. The exit code is 1 if one of these rules is
broken: a file with the final name is always complete; a repeated command gives the bytes of an uninterrupted one; a
full disk is an error in one line; `verify` finds every flipped bit; with a flipped bit, restoring neither crashes nor
gives other pixels. The full disk is a file system in memory of its own, which needs `unshare` (Linux).
"""

import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from commands import measured, sr_tf
from PIL import Image
from tqdm import tqdm

from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.integrity import check_integrity
from sr_tf.data.smear import render_smear
from sr_tf.errors import UserError
from sr_tf.messages import load_tensorflow

flags.DEFINE_integer("kills", 20, "How often archiving and restoring are killed, each.")
flags.DEFINE_integer("flips", 1000, "How many bits are flipped, one at a time.")
flags.DEFINE_integer("seed", 0, "Seed of the random moments and bits.")

HEIGHT, WIDTH = 1000, 1500
_DISKS = (0.05, 0.25, 0.5, 0.75, 1.0, 1.5)
"""Sizes of the full disks, in sizes of the file that is written. A command needs about two, for its journal too."""

# Runs a command on a disk of $1 bytes in the folder $2 and once more on one that is large enough; writes to $3.
_ON_FULL_DISK = """
mount -t tmpfs -o size=$1 tmpfs "$2" || exit 99
size=$1 disk=$2 out=$3 name=$4; shift 4
"$@" > "$out/printed" 2> "$out/error"; echo $? > "$out/code"; ls -A "$disk" > "$out/left"
mount -o remount,size=2g "$disk" && "$@" --overwrite > "$out/printed" 2>&1 && cp "$disk/$name" "$out/again"
"""


def main(_) -> None:
    """Runs all three tests."""
    load_tensorflow()
    draw = random.Random(flags.FLAGS.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pixels = render_smear(1, HEIGHT, WIDTH)
        pixels[:, : WIDTH // 2] = cv2.GaussianBlur(pixels, (0, 0), 2)[:, : WIDTH // 2]
        slide, archive, restored = folder / "slide.png", folder / "whole.sr.zip", folder / "whole.tif"
        Image.fromarray(pixels).save(slide)
        # Interpolation only: a generator changes pixels, not the handling of files, and would take most of the time.
        interpolation = ["--models", ""]
        seconds, _ = measured("archive", slide, archive, *interpolation)
        broken = _kill(
            draw, lambda target: ["archive", slide, target, *interpolation], archive, seconds,
            lambda path: check_integrity(path) == [],
        )  # fmt: skip
        seconds, _ = measured("restore", archive, restored)
        content = restored.read_bytes()
        broken += _kill(
            draw, lambda target: ["restore", archive, target], restored, seconds,
            lambda path: path.read_bytes() == content,
        )  # fmt: skip
        broken += _fill(lambda target: ["archive", slide, target, *interpolation], archive)
        broken += _fill(lambda target: ["restore", archive, target], restored)
        part = folder / "part.png"
        Image.fromarray(pixels[:600, WIDTH // 2 - 500 : WIDTH // 2 + 500]).save(part, icc_profile=bytes(range(200)))
        measured("archive", part, folder / "part.sr.zip", *interpolation)
        broken += _flip(draw, folder / "part.sr.zip", folder / "flipped.sr.zip")
    print("no rule broken" if not broken else f"{broken} rules broken")
    sys.exit(bool(broken))


def _kill(
    draw: random.Random,
    arguments: Callable[[Path], list],
    expected: Path,
    seconds: float,
    is_complete: Callable[[Path], bool],
) -> int:
    """Kills a command at random moments, then runs it to its end.

    Args:
        draw: the source of the moments.
        arguments: gives the arguments of `sr-tf` that write a target.
        expected: the file that an uninterrupted command wrote.
        seconds: the time that it took.
        is_complete: whether a file with the target's name is complete.

    Returns:
        The number of broken rules.
    """
    target = expected.with_name(f"killed-{expected.name}")
    command, broken, finished = arguments(target)[0], 0, 0
    for _ in tqdm(range(flags.FLAGS.kills), desc=f"kill {command}", disable=None):
        process = subprocess.Popen(sr_tf(*arguments(target)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(draw.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if target.exists():
            finished += 1
            broken += not is_complete(target)
            target.unlink()
    measured(*arguments(target))
    same = target.read_bytes() == expected.read_bytes()
    left = sorted(path.name for path in target.parent.iterdir() if path.name.startswith("."))
    print(
        f"{command}: killed at {flags.FLAGS.kills} random moments of {seconds:.0f} s; finished {finished} times before "
        f"that; resumed to the same bytes: {same}; left behind: {left or 'nothing'}"
    )
    return broken + (not same) + bool(left)


def _fill(arguments: Callable[[Path], list], expected: Path) -> int:
    """Runs a command on disks that are too small, then on one that is large enough.

    Args:
        arguments: gives the arguments of `sr-tf` that write a target.
        expected: the file that an uninterrupted command wrote.

    Returns:
        The number of broken rules.
    """
    disk, out = expected.parent / "disk", expected.parent / "out"
    counts, target, size = Counter(), disk / expected.name, expected.stat().st_size
    for share in _DISKS:
        disk.mkdir()
        out.mkdir()
        script = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ON_FULL_DISK, "sh"]
        values = [str(int(share * size)), str(disk), str(out), expected.name]
        if (
            subprocess.run([*script, *values, *sr_tf(*arguments(target))]).returncode == 99
            or not (out / "code").exists()
        ):
            print("full disk: not tested, expected `unshare` and the right to mount a file system in memory")
            return 0
        error, code = (out / "error").read_text().splitlines(), int((out / "code").read_text())
        left, again = (out / "left").read_text().splitlines(), out / "again"
        if code == 0:
            counts["had room"] += 1
        elif code == 2 and error and error[-1].startswith("sr-tf: error: ") and "Traceback" not in "".join(error):
            counts["refused in one line"] += 1
        else:
            counts[f"EXIT CODE {code}"] += 1
        if code and expected.name in left:
            counts["HALF FILE"] += 1
        same = again.exists() and again.read_bytes() == expected.read_bytes()
        counts["resumed to the same bytes" if same else "NOT THE SAME BYTES"] += 1
        shutil.rmtree(out)
        disk.rmdir()
    print(f"{arguments(target)[0]}: full disk at {len(_DISKS)} sizes: {dict(counts)}")
    return sum(count for result, count in counts.items() if result.split()[0].isupper())


def _flip(draw: random.Random, archive: Path, path: Path) -> int:
    """Flips single bits of an archive, writes the result to `path`, and counts what `verify` and restoring do."""
    content = archive.read_bytes()
    with ArchivedSlide(archive) as slide:
        size = slide.header.slide.width, slide.header.slide.height
        expected = slide.read(0, 0, *size)
    counts = Counter()
    for _ in tqdm(range(flags.FLAGS.flips), desc="flip", disable=None):
        index, bit = draw.randrange(len(content)), draw.randrange(8)
        path.write_bytes(content[:index] + bytes([content[index] ^ 1 << bit]) + content[index + 1 :])
        try:
            found = bool(check_integrity(path))
        except UserError:
            found = True
        counts["found by verify" if found else "NOT FOUND"] += 1
        try:
            with ArchivedSlide(path) as slide:
                same = np.array_equal(slide.read(0, 0, *size), expected)
            counts["restored to the right pixels" if same else "WRONG PIXELS"] += 1
        except UserError:
            counts["refused to restore"] += 1
        except Exception as error:
            counts[f"CRASHED {type(error).__name__}"] += 1
    print(f"{flags.FLAGS.flips} flipped bits: {dict(counts)}")
    return sum(count for result, count in counts.items() if result.split()[0].isupper())


if __name__ == "__main__":
    app.run(main)
