"""The quick start with an installed sr_tf; every command's result is looked at.

cd SOME_EMPTY_FOLDER
python quick_start.py read ARCHIVE ...  # reads and views archives, prints hashes of their pixels
python quick_start.py archive           # draws a smear, archives, verifies, restores and views it
python quick_start.py networks ARCHIVE  # uses shipped networks
"""

import hashlib
import io
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

import sr_tf

COMMAND = Path(sysconfig.get_path("scripts"), "sr-tf")


def run(*arguments: object) -> str:
    """Runs `sr-tf` and returns what it printed."""
    print("sr-tf", *arguments, file=sys.stderr)
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(archive: Path) -> None:
    """Reads an archive that is there, as a program and in the viewer."""
    run("info", archive)
    with sr_tf.open(archive) as slide:
        pixels = slide.read_region((0, 0), 0, slide.dimensions, as_array=True)
    assert np.array_equal(viewed(archive, 300, 200), pixels[:200, :300])
    print(archive.name, hashlib.sha256(pixels.tobytes()).hexdigest())


def archive_and_restore(folder: Path, quality: list[str]) -> None:
    """Archives the drawn smear, verifies, restores and views it."""
    name = quality[-1]
    smear, archive, restored = folder / "scenes/smear-0.png", folder / f"{name}.sr.zip", folder / f"{name}.ome.tif"
    run("archive", smear, archive, *quality)
    assert "measured again" in run("verify", archive, "--against", smear)
    run("restore", archive, restored)
    assert "Research use only" in run("info", archive, "--map", folder / f"{name}.png")
    pixels = tifffile.imread(restored)
    with sr_tf.open(archive) as slide:
        assert np.array_equal(slide.read_region((0, 0), 0, slide.dimensions, as_array=True), pixels)
    if "lossless" in quality:
        assert np.array_equal(pixels, np.asarray(Image.open(smear)))
    assert np.array_equal(viewed(archive, 300, 200), pixels[:200, :300])


def viewed(archive: Path, width: int, height: int) -> np.ndarray:
    """The upper left corner as the page's server gives it, by IIIF."""
    command = [COMMAND, "view", archive, "--no-browser"]
    print("sr-tf", *command[1:], file=sys.stderr)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+/", server.stdout.readline()).group()
            assert b"<html" in urllib.request.urlopen(address, timeout=60).read()
            url = f"{address}iiif/restored/0,0,{width},{height}/max/0/default.png"
            return np.asarray(Image.open(io.BytesIO(urllib.request.urlopen(url, timeout=60).read())))
        finally:
            server.send_signal(signal.SIGINT)


def use_networks(folder: Path, archive: Path) -> None:
    """Restores a reduced image, and an archive whose blocks need a shipped network, beside which its pixels lie."""
    run("reduce", folder / "scenes", folder / "lr")
    run("upscale", folder / "lr", folder / "restored")
    with Image.open(folder / "restored/smear-0.png") as image:
        assert image.size == (700, 700)
    run("verify", archive)
    with sr_tf.open(archive) as slide:
        pixels = slide.read_region((0, 0), 0, slide.dimensions, as_array=True)
    expected = np.asarray(Image.open(archive.with_name(archive.name.replace(".sr.zip", ".png"))))
    differences = np.abs(pixels.astype(int) - expected)
    assert differences.max() <= 1 and differences.mean() < 0.001


def main() -> None:
    """Runs one part of the quick start in a temporary folder."""
    assert Path(sr_tf.__file__).is_relative_to(sysconfig.get_path("purelib")), f"{sr_tf.__file__} is not installed"
    part, *archives = sys.argv[1:]
    if part == "read":
        for archive in archives:
            read(Path(archive))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("smear", folder / "scenes")
        if part == "networks":
            use_networks(folder, Path(archives[0]))
        else:
            archive_and_restore(folder, ["--quality", "lossless"])
            archive_and_restore(folder, ["--effort", "4"])


if __name__ == "__main__":
    main()
