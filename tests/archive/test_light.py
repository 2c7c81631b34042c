"""Archives without Keras and TensorFlow: only blocks that a generator restores need them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from archived_slides import archived
from PIL import Image

from sr_tf.archive.archived_slide import ArchivedSlide

ROOT = Path(__file__).parents[2]
BLOCKED = """
import sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tensorflow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
arguments = [Path(argument) for argument in sys.argv[1:]]
"""


def run_without_keras(code: str, *arguments: Path, absent: tuple[str, ...] = ()) -> str:
    """Runs code in a process that cannot import Keras and TensorFlow.

    Args:
        code: statements; `arguments` is a list of `Path`.
        arguments: given to the code.
        absent: modules that the code must not import, besides these two and `sr_tf.training`.

    Returns:
        What the code printed.
    """
    unwanted = {"keras", "tensorflow", "sr_tf.training", *absent}
    check = f"\nfound = {unwanted!r} & set(sys.modules)\nassert not found, found\n"
    command = [sys.executable, "-c", BLOCKED + code + check, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def bicubic(slide_file, tmp_path_factory):
    """The slide at quality visual, without a generator."""
    return archived(slide_file, tmp_path_factory.mktemp("bicubic"), "visual", models=())


def test_info_needs_neither_keras_nor_readers_of_slides(visual):
    code = """
from sr_tf.archive.cost import report
from sr_tf.archive.reader import ArchiveFile
with ArchiveFile(arguments[0]) as archive:
    assert archive.scores()["psnr"].min() >= archive.header.gate.min_psnr
    print(*[generator["name"] for generator in archive.header.generators], *report(archive, 0.02), sep="\\n")
"""
    printed = run_without_keras(code, visual.archive, absent=("openslide", "tifffile", "PIL", "scipy"))
    assert printed.startswith("archive4\narchive2\n")
    assert f"{visual.archive.stat().st_size:,}" in printed


def test_verify_without_the_original_needs_neither_keras_nor_readers_of_slides(visual, lossless):
    code = """
from sr_tf.archive.integrity import check_integrity
print([check_integrity(path) for path in arguments])
"""
    absent = ("openslide", "tifffile", "PIL", "scipy")
    assert run_without_keras(code, visual.archive, lossless.archive, absent=absent) == "[[], []]\n"


def test_blocks_without_a_generator_are_restored_without_keras(bicubic, lossless, tmp_path):
    code = """
from sr_tf.archive.archived_slide import ArchivedSlide
from sr_tf.archive.restore import restore_region, restore_slide
import numpy as np
target = arguments.pop()
for path in arguments:
    with ArchivedSlide(path) as archive:
        grid = archive.header.grid
        np.save(target / path.with_suffix(".npy").name, archive.read(0, 0, grid.width, grid.height))
    restore_slide(path, target / path.with_suffix(".tif").name)
    restore_region(path, target / path.with_suffix(".png").name, (300, 200, 400, 310))
"""
    run_without_keras(code, bicubic.archive, lossless.archive, tmp_path)
    for made in (bicubic, lossless):
        found = np.load(tmp_path / made.archive.with_suffix(".npy").name)
        with ArchivedSlide(made.archive) as archive:
            np.testing.assert_array_equal(found, archive.read(0, 0, *made.pixels.shape[1::-1]))
        with Image.open(tmp_path / made.archive.with_suffix(".png").name) as part:
            np.testing.assert_array_equal(np.asarray(part), found[200:510, 300:700])
        assert (tmp_path / made.archive.with_suffix(".tif").name).is_file()


def test_archives_without_models_and_lossless_ones_are_written_without_keras(bicubic, lossless, tmp_path):
    code = """
from sr_tf.archive.gate import QUALITIES
from sr_tf.archive.write import Options, write_archive
slide, target = arguments
write_archive(slide, target / "visual.zip", Options(QUALITIES["visual"], ()))
write_archive(slide, target / "lossless.zip", Options(QUALITIES["lossless"], ("archive4", "archive2")))
"""
    run_without_keras(code, bicubic.slide, tmp_path)
    assert (tmp_path / "visual.zip").read_bytes() == bicubic.archive.read_bytes()
    assert (tmp_path / "lossless.zip").read_bytes() == lossless.archive.read_bytes()
