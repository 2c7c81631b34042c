"""Without OpenCV, imagecodecs, pydicom and TensorFlow, archives without networks are read to the same pixels."""

import contextlib
import hashlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vendor_slides import write_dicom

import sr_tf
from sr_tf.data.smear import render_smear

GOLDEN = Path(__file__).parents[1] / "golden"
READ = ["2-exact", "2-jpeg-tiles", "2-jpeg-tiles-and-glass", "2-interpolated", "2-full-size", "2-jpeg-xl"]
READ += ["2-shared", "2-associated", "4-placed-page", "exact", "jpeg-tiles", "full-size", "jpeg-xl", "associated"]
ABSENT = """
import importlib.util, sys
absent = ("cv2", "imagecodecs", "pydicom", "tensorflow", "keras")
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in absent else find(name, *rest)

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
UNLISTED = """
from importlib import metadata
unlisted = ("opencv-python-headless", "imagecodecs", "pydicom", "tensorflow", "keras")
version = metadata.version

def listed_version(name):
    if name in unlisted:
        raise metadata.PackageNotFoundError(name)
    return version(name)

metadata.version = listed_version
"""
"""Hides the packages' metadata too, of which `doctor` asks."""
PIXELS = """
import hashlib, json
import sr_tf
found = {}
for path in sys.argv[1:]:
    with sr_tf.open(path) as slide:
        images = [slide.read_region((0, 0), 0, slide.dimensions, as_array=True), slide.thumbnail(256)]
        images += slide.associated_images.values()
    found[path] = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
print(json.dumps(found))
"""
LEVELS = """
import sr_tf.archive.archived_slide, sr_tf.errors, sr_tf.viewer.layers
from pathlib import Path
with sr_tf.archive.archived_slide.ArchivedSlide(Path(sys.argv[1])) as archive:
    layer = sr_tf.viewer.layers.ArchiveLayer(archive, archive.blocks, True)
    for level in range(3):
        try:
            layer.read(level, 0, 0, 8, 8)
        except sr_tf.errors.MissingExtraError as error:
            print(level, error)
"""
COMMAND = "from sr_tf.cli.main import main\nsys.exit(main())\n"


def run(code, *arguments):
    return subprocess.run([sys.executable, "-c", ABSENT + code, *map(str, arguments)], capture_output=True, text=True)


@contextlib.contextmanager
def viewing(path):
    """The address of `sr-tf view` while it runs without the libraries."""
    command = [sys.executable, "-c", ABSENT + COMMAND, "view", str(path), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            yield re.search(r"http://\S+/", server.stdout.readline()).group()
        finally:
            server.send_signal(signal.SIGINT)


def asked(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.read()


def test_pixels_are_those_of_the_whole_installation():
    paths = [GOLDEN / f"{name}.sr.zip" for name in READ]
    done = run(PIXELS, *paths)
    assert done.returncode == 0, done.stderr
    for path, hashes in json.loads(done.stdout).items():
        with sr_tf.open(path) as slide:
            images = [slide.read_region((0, 0), 0, slide.dimensions, as_array=True), slide.thumbnail(256)]
            images += slide.associated_images.values()
        assert [hashlib.sha256(image.tobytes()).hexdigest() for image in images] == hashes, path


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["restore", GOLDEN / "2-exact.sr.zip", "OUT.ome.tif"], "imagecodecs"),
        (["verify", GOLDEN / "2-jpeg-tiles.sr.zip"], "imagecodecs"),
        (["restore", GOLDEN / "3-jpeg-2000.sr.zip", "OUT.png", "--region", "0,0,40,30"], "imagecodecs"),
        (["view", GOLDEN / "3-jpeg-2000.sr.zip", "--no-browser"], "imagecodecs"),
        (["smear", "OUT"], "cv2"),
        (["archive", "IMAGE", "OUT.sr.zip", "--quality", "lossless"], "imagecodecs"),
    ],
)
def test_what_needs_more_names_the_extra_and_writes_nothing(command, module, tmp_path):
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(image)
    names = {"IMAGE": image}
    arguments = [names.get(part) or str(part).replace("OUT", str(tmp_path / "out")) for part in command]
    done = run(COMMAND, *arguments)
    assert done.returncode == 2
    beginning = f"sr-tf: error: the extra `archive` is not installed (No module named '{module}'), expected: pip"
    assert done.stderr.splitlines()[-1].startswith(beginning), done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path != image] == []


def test_blocks_that_cannot_be_decoded_here_are_not_shown_as_damaged():
    done = run(LEVELS, GOLDEN / "3-jpeg-2000.sr.zip")
    assert done.returncode == 0, done.stderr
    message = "the extra `archive` is not installed (No module named 'imagecodecs')"
    assert [line.partition(", expected")[0] for line in done.stdout.splitlines()] == [
        f"{level} {message}" for level in range(3)
    ]


def test_doctor_says_what_is_missing_and_what_decodes():
    done = run(UNLISTED + COMMAND, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    extras = report["extras"]
    assert extras["archive"]["missing"] == ["imagecodecs", "opencv-python-headless", "pydicom"]
    assert extras["archive"]["install"] and not extras["archive"]["installed"]
    assert set(extras["archive"]["missing"]) < set(extras["tensorflow"]["missing"])
    assert extras["view"]["installed"] and report["required"]["missing"] == []
    assert report["libraries"]["libavif"]["version"] and report["libraries"]["libjxl"]["version"]


def test_a_folder_with_a_dicom_file_shows_the_archives_beside_it(tmp_path):
    write_dicom(tmp_path / "level-0.dcm", render_smear(1, 60, 80))
    shutil.copy(GOLDEN / "2-exact.sr.zip", tmp_path)
    with viewing(tmp_path) as address:
        listed = {entry["name"]: entry["id"] for entry in json.loads(asked(f"{address}folder.json"))["slides"]}
        assert list(listed) == ["2-exact.sr.zip", "level-0.dcm"]
        assert json.loads(asked(f"{address}cards/{listed['2-exact.sr.zip']}.json"))["archive"]
        assert asked(f"{address}slides/{listed['2-exact.sr.zip']}/iiif/restored/0,0,20,10/max/0/default.png")
        with pytest.raises(urllib.error.HTTPError, match="422") as refused:
            asked(f"{address}slides/{listed['level-0.dcm']}/")
    assert "the extra `archive` is not installed (No module named 'pydicom')" in refused.value.read().decode()


def test_the_viewer_shows_an_archive_and_says_what_dicom_needs():
    path = GOLDEN / "2-interpolated.sr.zip"
    with viewing(path) as address:
        content = asked(f"{address}iiif/restored/0,0,200,100/max/0/default.png")
        with pytest.raises(urllib.error.HTTPError, match="501") as refused:
            asked(f"{address}dicomweb/studies")
        assert "the extra `archive` is not installed (No module named 'pydicom')" in refused.value.read().decode()
    shown = np.asarray(Image.open(io.BytesIO(content)))
    with sr_tf.open(path) as slide:
        assert np.array_equal(shown, slide.read_region((0, 0), 0, (200, 100), as_array=True))
