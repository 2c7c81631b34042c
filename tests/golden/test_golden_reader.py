"""The independent reader: that it is independent, and that it refuses what the document says must be refused."""

import ast
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from golden_forgeries import FORGERIES, Parts, deep_filter
from reader import Archive, GeneratorNeededError
from reader_container import RefusedError
from reader_images import enlarge, enlarge_in_floats, reduce

from sr_tf.archive.integrity import check_integrity
from sr_tf.archive.windows import rescale
from sr_tf.errors import UserError
from sr_tf.images.cubic import enlarge_cubic

FOLDER = Path(__file__).parent
MODULES = ("reader", "reader_container", "reader_images", "reader_index", "reader_network")


def imported(path: Path) -> set[str]:
    """The packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or ".")
    return {name.partition(".")[0] for name in names}


def test_the_reader_imports_nothing_of_the_project():
    found = set().union(*(imported(FOLDER / f"{name}.py") for name in MODULES))
    assert found - sys.stdlib_module_names - set(MODULES) == {"imagecodecs", "numpy"}


@pytest.mark.parametrize("size", [(132, 132), (260, 260), (128, 27), (33, 70), (3, 5), (1, 1)])
def test_the_documented_resampling_is_that_of_the_project(size):
    random = np.random.default_rng(size)
    for sigma in (0, 2):
        image = random.integers(0, 256, (*size, 3), np.uint8)
        image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image
        for factor in (2, 4):
            expected = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            difference = np.abs(np.subtract(enlarge_in_floats(image, factor), expected, dtype=int))
            # Builds of OpenCV that add in another order round differently where a value is close to a half.
            assert difference.max() <= 1 and (difference > 0).sum() <= 1e-4 * difference.size
            np.testing.assert_array_equal(enlarge(image, factor), enlarge_cubic(image, factor))
            own = 4 // factor
            full = (size[0] * own, size[1] * own)
            np.testing.assert_array_equal(reduce(image, factor), rescale(image, own, 4, full))
        np.testing.assert_array_equal(reduce(image, 2), rescale(image, 1, 2, size))


@pytest.mark.parametrize("name, change", FORGERIES.values(), ids=FORGERIES)
def test_both_refuse_a_forged_archive(name, change, tmp_path):
    parts, path = Parts(name), tmp_path / "forged.sr.zip"
    path.write_bytes(parts.write())
    by_reader(path)
    by_project(path)
    change(parts)
    path.write_bytes(parts.write())
    with pytest.raises(RefusedError):
        by_reader(path)
    with pytest.raises(UserError):
        by_project(path)


def test_a_halo_of_one_block_is_accepted(tmp_path):
    parts, path = Parts("2-filter"), tmp_path / "deep.sr.zip"
    deep_filter(parts, 126)
    path.write_bytes(parts.write())
    Archive(path.read_bytes()).verify()
    by_project(path)


def by_reader(path: Path) -> None:
    archive = Archive(path.read_bytes())
    archive.verify()
    with suppress(GeneratorNeededError):
        archive.read()


def by_project(path: Path) -> None:
    if problems := check_integrity(path):
        raise UserError(problems[0])


@pytest.mark.parametrize("name", ["jpeg-xl", "generator-2x", "2-jpeg-xl", "2-shared"])
def test_every_changed_byte_is_noticed(name):
    data = (FOLDER / f"{name}.sr.zip").read_bytes()
    for place in range(0, len(data), 7):
        with pytest.raises(RefusedError):
            Archive(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]).verify()


@pytest.mark.parametrize("kept", [0, 3, 100, 2000])
def test_a_truncated_archive_is_refused(kept):
    with pytest.raises(RefusedError):
        Archive((FOLDER / "jpeg-xl.sr.zip").read_bytes()[:kept])
